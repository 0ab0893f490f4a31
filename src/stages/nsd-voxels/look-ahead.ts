/** Work on a list with a bounded number of items under way, handed over in order: order and results do not depend on how many. */

/**
 * Yields start(0), start(1), … in order, with at most `width` of them running.
 * Errors: the first failure in order; the others are awaited and dropped.
 */
export async function* lookAhead<T>(count: number, width: number, start: (index: number) => Promise<T>): AsyncGenerator<T> {
  const running: Promise<T>[] = [];
  let next = 0;
  try {
    for (let done = 0; done < count; done += 1) {
      for (; next < count && running.length < width; next += 1) {
        const item = start(next);
        item.catch(() => undefined); // told when its turn comes
        running.push(item);
      }
      yield await (running.shift() as Promise<T>);
    }
  } finally {
    await Promise.allSettled(running);
  }
}
