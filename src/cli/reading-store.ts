/** Opens the store for a command that only looks, and closes it whatever happens. */
import { openStore, type FileStore } from '../engine/store/file-store.js';

export async function withReadingStore<T>(directory: string, use: (store: FileStore) => Promise<T>): Promise<T> {
  const store = await openStore(directory, { mode: 'read' });
  try {
    return await use(store);
  } finally {
    await store.close();
  }
}
