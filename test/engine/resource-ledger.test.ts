import { expect, test } from 'vitest';
import { ResourceLedger } from '../../src/engine/resource-ledger.js';

const ask = (cpus: number, memoryMb = 0) => ({ cpus, memoryMb });

function watch(ledger: ResourceLedger) {
  const running = new Map<string, () => void>();
  const refused: string[] = [];
  const start = (name: string, order: number, cpus: number, memoryMb = 0): void => {
    void ledger.acquire(order, ask(cpus, memoryMb)).then((release) => (release === undefined ? refused.push(name) : running.set(name, release)));
  };
  const names = async (): Promise<string[]> => {
    await new Promise((resolve) => setImmediate(resolve));
    return [...running.keys()];
  };
  const end = (name: string): void => {
    running.get(name)?.();
    running.delete(name);
  };
  return { start, names, end, refused };
}

test('cores of running stages never exceed the total; who waits is served in the order of the plan', async () => {
  const { start, names, end } = watch(new ResourceLedger(ask(4, 1000), Infinity));
  start('a', 0, 3);
  start('c', 2, 2);
  start('b', 1, 2);
  expect(await names()).toEqual(['a']);
  end('a');
  expect(await names()).toEqual(['b', 'c']);
});

test('a small stage may pass a large one that does not fit yet', async () => {
  const { start, names, end } = watch(new ResourceLedger(ask(4, 1000), Infinity));
  start('a', 0, 3);
  start('large', 1, 4);
  start('small', 2, 1);
  expect(await names()).toEqual(['a', 'small']);
  end('a');
  end('small');
  expect(await names()).toEqual(['large']);
});

test('a stage that asks for more cores than there are is granted all, and one that asks for more memory than there is runs alone', async () => {
  const ledger = new ResourceLedger(ask(2, 100), Infinity);
  expect(ledger.grant(ask(64, 10))).toEqual(ask(2, 10));
  const { start, names, end } = watch(ledger);
  start('a', 0, 1, 60);
  start('huge', 1, 1, 500);
  start('b', 2, 1, 60);
  expect(await names()).toEqual(['a']);
  end('a');
  expect(await names()).toEqual(['huge']);
  end('huge');
  expect(await names()).toEqual(['b']);
});

test('jobs limits how many run at once', async () => {
  const { start, names, end } = watch(new ResourceLedger(ask(8, 1000), 1));
  start('a', 0, 1);
  start('b', 1, 1);
  expect(await names()).toEqual(['a']);
  end('a');
  expect(await names()).toEqual(['b']);
});

test('after closing nobody starts, and releasing twice gives back once', async () => {
  const ledger = new ResourceLedger(ask(1, 1000), Infinity);
  const { start, names, refused } = watch(ledger);
  start('a', 0, 1);
  start('b', 1, 1);
  await names();
  ledger.close();
  start('c', 2, 1);
  await names();
  expect(refused).toEqual(['b', 'c']);
  const other = new ResourceLedger(ask(1, 1000), Infinity);
  const release = await other.acquire(0, ask(1));
  release?.();
  release?.();
  const seen = watch(other);
  seen.start('x', 0, 1);
  seen.start('y', 1, 1);
  expect(await seen.names()).toEqual(['x']);
});
