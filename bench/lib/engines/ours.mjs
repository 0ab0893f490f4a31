export const ours = () => ({});
