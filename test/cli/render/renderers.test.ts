import { describe, expect, test } from 'vitest';
import type { RunEvent } from '../../../src/engine/events.js';
import type { StageKey } from '../../../src/engine/record.js';
import { formatBytes, formatDuration } from '../../../src/cli/render/duration.js';
import { JsonRenderer } from '../../../src/cli/render/json.js';
import { LinesRenderer } from '../../../src/cli/render/lines.js';
import { ListRenderer } from '../../../src/cli/render/list.js';
import { countsLine, stageLine } from '../../../src/cli/render/stage-line.js';
import { textTable } from '../../../src/cli/render/text-table.js';
import { printable, styleFor } from '../../../src/cli/terminal.js';

const KEY = '3fa9c1d2'.repeat(8) as StageKey;
const PLAIN = styleFor(false, true);

class Clock {
  ms = 0;
  now = (): number => this.ms;
}

function lines(events: readonly (RunEvent | number)[], more: { readonly quiet?: boolean; readonly verbose?: boolean } = {}): string[] {
  const clock = new Clock();
  let text = '';
  const renderer = new LinesRenderer({ write: (chunk) => (text += chunk) }, { style: PLAIN, quiet: false, verbose: false, now: clock.now, formatError: (error) => error.message, ...more });
  for (const event of events) {
    if (typeof event === 'number') clock.ms += event;
    else renderer.onEvent(event);
  }
  return text.split('\n').slice(0, -1);
}

const started: RunEvent = { kind: 'run.started', run: 'r1', pipeline: 'faces', file: 'p.yaml', stages: [{ name: 'ridge', type: 'readout.ridge' }, { name: 'dream', type: 'dream' }] };

describe('the line of a stage', () => {
  test.each([
    [{ name: 'ridge', word: 'restored', key: KEY, durationMs: 200 }, '✓ ridge  restored  3fa9c1d2  0.2 s'],
    [{ name: 'ridge', word: 'ran', key: KEY, durationMs: 72_000 }, '✓ ridge  ran       3fa9c1d2  1 min 12 s'],
    [{ name: 'ridge', word: 'failed', key: KEY, durationMs: 50 }, '✗ ridge  failed    3fa9c1d2  0.1 s'],
    [{ name: 'ridge', word: 'skipped', note: 'when: is false' }, '– ridge  skipped             when: is false'],
    [{ name: 'ridge', word: 'blocked', note: 'by voxels' }, '■ ridge  blocked             by voxels'],
  ] as const)('%j', (line, text) => {
    expect(stageLine(line, 5, PLAIN)).toBe(text);
  });

  test('names are aligned to the longest', () => {
    expect(stageLine({ name: 'ridge', word: 'restored', key: KEY, durationMs: 200 }, 6, PLAIN)).toBe('✓ ridge   restored  3fa9c1d2  0.2 s');
  });

  test('colour changes nothing but the colour', () => {
    const line = { name: 'ridge', word: 'ran', key: KEY, durationMs: 200 } as const;
    const coloured = stageLine(line, 5, styleFor(true, true));
    expect(coloured).not.toBe(stageLine(line, 5, PLAIN));
    expect(printable(coloured)).toBe(stageLine(line, 5, PLAIN));
  });

  test('counts are exact words', () => {
    expect(countsLine({ ran: 11, restored: 0, skipped: 1, failed: 0, blocked: 0 }, 212_345)).toBe('11 ran, 0 restored, 1 skipped, 0 failed, 0 blocked in 212 s');
    expect(countsLine({ ran: 0, restored: 12, skipped: 0, failed: 0, blocked: 0 }, 420)).toBe('0 ran, 12 restored, 0 skipped, 0 failed, 0 blocked in 0.4 s');
  });
});

describe('plain lines', () => {
  const start: RunEvent = { kind: 'stage.started', stage: 'dream', type: 'dream', key: KEY, reason: 'params.steps 64 → 128' };
  const progress = (done: number): RunEvent => ({ kind: 'stage.progress', stage: 'dream', done, total: 100, note: 'loss 0.42' });

  test('a long stage says how far it is, at most every five seconds', () => {
    expect(lines([started, 1000, start, 1000, progress(10), 1000, progress(20), 3000, progress(50), 4000, progress(90), 1000, progress(95)])).toEqual([
      'faces  run r1  2 stages',
      '▸ dream  started   3fa9c1d2  after 1.0 s  params.steps 64 → 128',
      '… dream  running   after 6.0 s   50 %  50/100  loss 0.42  about 5.0 s left',
      '… dream  running   after 11.0 s   95 %  95/100  loss 0.42  about 0.5 s left',
    ]);
  });

  test('a failure is told with its error; damage with what is done about it', () => {
    expect(lines([
      started,
      start,
      { kind: 'store.damaged', what: 'object', id: KEY, path: '/cache/objects/3f/a9', action: 'moved to quarantine' },
      { kind: 'stage.failed', stage: 'dream', durationMs: 1500, error: { code: 'E_DATA', message: '"x" is wrong', facts: {} } },
      { kind: 'stage.blocked', stage: 'ridge', by: 'dream' },
    ]).slice(2)).toEqual([
      '! damaged object 3fa9c1d2  moved to quarantine  /cache/objects/3f/a9',
      '✗ dream  failed    3fa9c1d2  1.5 s',
      '  "x" is wrong',
      '■ ridge  blocked             by dream',
    ]);
  });

  test('a result that could not be stored is marked', () => {
    expect(lines([started, { kind: 'stage.ran', stage: 'ridge', key: KEY, durationMs: 100, metrics: {}, stored: false }])[1]).toBe('✓ ridge  ran       3fa9c1d2  0.1 s  (not stored)');
  });

  test('--quiet keeps failures and warnings only', () => {
    expect(lines([started, start, progress(50), { kind: 'stage.log', stage: 'dream', level: 'warning', text: 'edge alpha' }, { kind: 'stage.ran', stage: 'dream', key: KEY, durationMs: 1, metrics: {}, stored: true }], { quiet: true })).toEqual(['! dream  warning   edge alpha']);
  });

  test('a log of several lines cannot forge a line of its own', () => {
    expect(lines([started, { kind: 'stage.log', stage: 'dream', level: 'info', text: 'a\r\u001b[2K✓ ridge  ran\nb' }], { verbose: true }).slice(1)).toEqual(['  dream  a✓ ridge  ran', '  dream  b']);
  });
});

test('JSON events are one object a line, the first with the name of the schema', () => {
  let text = '';
  const renderer = new JsonRenderer({ write: (chunk) => (text += chunk) });
  renderer.onEvent(started);
  renderer.onEvent({ kind: 'stage.skipped', stage: 'dream', reason: 'a\nb' });
  expect(text.trimEnd().split('\n').map((line) => JSON.parse(line) as unknown)).toEqual([{ schema: 'pipeline.run.v1', ...started }, { kind: 'stage.skipped', stage: 'dream', reason: 'a\nb', run: started.run }]);
});

describe('live rows', () => {
  /** A terminal that only remembers. listr2 replaces its `write` while rows are drawn. */
  class Terminal {
    readonly isTTY = true;
    readonly columns = 120;
    readonly rows = 50;
    readonly chunks: string[] = [];
    write = (chunk: string): boolean => {
      this.chunks.push(chunk);
      return true;
    };
  }

  /** The newest frame that holds all of these texts, as soon as there is one: when a frame is drawn is the terminal's business. */
  async function frameWith(terminal: Terminal, ...texts: string[]): Promise<string> {
    for (let i = 0; i < 1000; i += 1) {
      const frame = terminal.chunks.map(printable).findLast((chunk) => texts.every((text) => chunk.includes(text)));
      if (frame !== undefined) return frame;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    throw new Error(`no frame with ${texts.join(', ')} in 10 s`);
  }

  test('of 60 running stages at most 20 rows and one that counts are drawn; what is finished becomes a line; the cursor comes back', async () => {
    const terminal = new Terminal();
    const names = Array.from({ length: 60 }, (_, i) => `stage${i}`);
    const renderer = new ListRenderer(terminal, { style: PLAIN, quiet: false, verbose: false, now: () => performance.now(), formatError: (error) => error.message });
    renderer.onEvent({ ...started, stages: names.map((name) => ({ name, type: 't' })) });
    for (const stage of names) renderer.onEvent({ kind: 'stage.started', stage, type: 't', key: KEY, reason: 'never run' });
    renderer.onEvent({ kind: 'stage.progress', stage: 'stage0', done: 1, total: 4 });
    const frame = (await frameWith(terminal, '25 %', '60 running')).trimEnd().split('\n');
    expect(frame).toHaveLength(21);
    expect(frame[0]).toMatch(/stage0 +0 s +25 % {2}1\/4/);
    expect(frame.at(-1)).toMatch(/^ *0 of 60 stages, 60 running, \d s$/);
    renderer.onEvent({ kind: 'stage.ran', stage: 'stage7', key: KEY, durationMs: 300, metrics: {}, stored: true });
    renderer.onEvent({ kind: 'stage.failed', stage: 'stage8', durationMs: 300, error: { code: 'E_DATA', message: 'broken', facts: {} } });
    for (const stage of names.slice(9)) renderer.onEvent({ kind: 'stage.ran', stage, key: KEY, durationMs: 1, metrics: {}, stored: true });
    const last = await frameWith(terminal, '53 of 60 stages');
    expect(last).toContain('✗ stage8 failed');
    expect(last).toMatch(/53 of 60 stages, 7 running, 52 ran, 1 failed/);
    await renderer.close();
    const all = terminal.chunks.join('');
    expect(printable(all)).toContain('✓ stage7   ran       3fa9c1d2  0.3 s\n');
    expect(all.lastIndexOf('\u001b[?25h')).toBeGreaterThan(all.lastIndexOf('\u001b[?25l'));
  });

  test('a stage that runs again because its output was damaged counts once, with its last word', async () => {
    const terminal = new Terminal();
    const renderer = new ListRenderer(terminal, { style: PLAIN, quiet: false, verbose: false, now: () => performance.now(), formatError: (error) => error.message });
    renderer.onEvent(started);
    renderer.onEvent({ kind: 'stage.restored', stage: 'ridge', key: KEY, durationMs: 1 });
    renderer.onEvent({ kind: 'stage.started', stage: 'ridge', type: 'readout.ridge', key: KEY, reason: 'one of its outputs was damaged' });
    renderer.onEvent({ kind: 'stage.ran', stage: 'ridge', key: KEY, durationMs: 1, metrics: {}, stored: true });
    renderer.onEvent({ kind: 'stage.ran', stage: 'dream', key: KEY, durationMs: 1, metrics: {}, stored: true });
    expect(await frameWith(terminal, '2 of 2 stages')).toMatch(/2 of 2 stages, 0 running, 2 ran, \d s/);
    await renderer.close();
  });

  test('a process that is killed gives the cursor back first', async () => {
    const terminal = new Terminal();
    const write = terminal.write;
    const renderer = new ListRenderer(terminal, { style: PLAIN, quiet: false, verbose: false, now: () => performance.now(), formatError: (error) => error.message });
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(terminal.chunks.join('').lastIndexOf('\u001b[?25l')).toBeGreaterThanOrEqual(0);
    renderer.abandon();
    expect(terminal.chunks.at(-1)).toBe('\u001b[?25h');
    expect(terminal.write).toBe(write);
    await renderer.close();
  });
});

test.each([[0, '0.0 s'], [59_940, '59.9 s'], [59_951, '1 min 00 s'], [3_599_000, '59 min 59 s'], [7_500_000, '2 h 05 min']])('%d ms is %s', (ms, text) => {
  expect(formatDuration(ms)).toBe(text);
});

test.each([[0, '0 B'], [999, '999 B'], [1000, '1.0 KB'], [999_960, '1.0 MB'], [3.21e9, '3.2 GB']])('%d bytes are %s', (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text);
});

test('a table aligns words to the left and numbers to the right', () => {
  expect(textTable(['kind', '#count'], [['objects', '7'], ['a', '120']])).toBe('kind     count\nobjects      7\na          120');
});
