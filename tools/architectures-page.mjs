/** Prints the table of built-in architectures of docs/backbones.md from the registry: `npm run build && node tools/architectures-page.mjs`. */
import { ARCHITECTURES } from '../dist/architectures/index.js';

const rows = ARCHITECTURES.filter(({ kind }) => kind === 'image').map(({ id, title, preprocessing, sizes, layers, checkpoints }) => {
  const allowed = sizes.step === 1 ? `≥ ${sizes.least}` : `multiples of ${sizes.step}${sizes.least > sizes.step ? ` from ${sizes.least}` : ''}`;
  return `| \`${id}\` | ${title} | ${preprocessing.size}, ${preprocessing.interpolation} | ${allowed} | \`${layers[0].name}\` … \`${layers.at(-1).name}\` | ${checkpoints.join('; ').replaceAll('*', '\\*')} |`;
});
process.stdout.write(['| architecture | | pixels | sizes | layers | checkpoints |', '| --- | --- | --- | --- | --- | --- |', ...rows, ''].join('\n'));
