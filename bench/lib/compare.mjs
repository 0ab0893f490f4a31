// Times several sides in turn (A B C A B C …), so that all see the same machine, and prints medians and ratios.
import { cpus } from 'node:os';
import { readFileSync, writeFileSync } from 'node:fs';

const PAUSE_MS = 250; // threads that still spin after their work would slow the next side

export const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1];

/**
 * @param sides name → async () => milliseconds; a side that throws is left out and named
 * @returns name → { median, fastest, all } in milliseconds
 */
export async function interleave(sides, rounds) {
  const times = Object.fromEntries(Object.keys(sides).map((name) => [name, []]));
  for (let round = -1; round < rounds; round += 1) {
    for (const [name, work] of Object.entries(sides)) {
      if (times[name] === undefined) continue;
      try {
        const ms = await work();
        if (round >= 0) times[name].push(ms); // the first round warms up
      } catch (error) {
        process.stderr.write(`${name} is left out: ${error.message.split('\n')[0]}\n`);
        delete times[name];
      }
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  }
  return Object.fromEntries(Object.entries(times).map(([name, all]) => [name, { median: median(all), fastest: Math.min(...all), all }]));
}

export const timed = async (work) => {
  const began = performance.now();
  await work();
  return performance.now() - began;
};

export function machine(threads, versions) {
  const [cpu] = cpus();
  return { cpu: `${cpus().length} × ${cpu?.model ?? 'unknown'}`, threads, node: process.version, ...versions };
}

export const runtimeVersion = () => JSON.parse(readFileSync(new URL('../../node_modules/onnxruntime-node/package.json', import.meta.url), 'utf8')).version;

/** ‖a − b‖ / ‖b‖ */
export function relativeDifference(a, b) {
  let difference = 0;
  let size = 0;
  b.forEach((x, i) => {
    difference += (x - a[i]) ** 2;
    size += x * x;
  });
  return Math.sqrt(difference / size);
}

/** Prints one line a side; `goals` are name → least ratio (their time over ours). */
export function printRows(title, results, ours, unit, goals = {}) {
  process.stdout.write(`${title}\n`);
  const own = results[ours]?.median;
  for (const [name, { median: ms, all }] of Object.entries(results)) {
    const ratio = own === undefined ? NaN : ms / own;
    const goal = goals[name];
    const verdict = goal === undefined ? '' : `   goal ≥ ${goal}: ${ratio >= goal ? 'reached' : 'missed'}`;
    const spread = `${Math.min(...all).toFixed(1)} … ${Math.max(...all).toFixed(1)}`;
    process.stdout.write(`  ${name.padEnd(44)} ${unit(ms).padStart(22)}  (${spread} ms)${name === ours ? '' : `   ${ratio.toFixed(2)} × ours${verdict}`}\n`);
  }
}

export function writeJson(path, value) {
  if (path !== undefined) writeFileSync(path, `${JSON.stringify(value, null, 2)}\n`);
}
