import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { PipelineError } from '../../src/core/errors.js';
import { changedFields } from '../../src/engine/run-columns.js';
import { RunCondition } from '../../src/engine/run-condition.js';
import { fieldText, parseField, valueOfField, type ListedRun } from '../../src/engine/run-fields.js';
import { startOf } from '../../src/engine/run-query.js';

function run(params: object, metrics: Readonly<Record<string, object>> = {}, more: object = {}): ListedRun {
  const stages = Object.entries(metrics).map(([name, values]) => ({ name, metrics: values, params: { steps: 3 }, word: 'ran' }));
  return { record: { id: 'x', pipeline: 'demo', outcome: 'succeeded', durationMs: 1500, startedAt: '2026-11-23T00:00:00.000Z', params, stages, ...more }, name: 'quiet-otter-3f', marks: { tags: ['best'], pinned: false } } as unknown as ListedRun;
}
const RUN = run({ percent: 5, grid: { lr: 0.1 } }, { 'face-dream': { score: 0.4 }, 'evaluate[percent=5,seed=1]': { median_r: 0.3, 'response.faces': 2 } });
const holds = (text: string): boolean => new RunCondition(text).holds(RUN);

describe('a condition on runs', () => {
  test.each([
    ['params.percent>=5', true],
    ['params.percent > 5', false],
    ['params.grid.lr == 0.1 && metrics.face-dream.score > 0.3', true],
    ['metrics.evaluate[seed=1,percent=5].median_r > 0.2', true],
    ['metrics.evaluate[percent=5, seed=1].response.faces == 2', true],
    ['metrics.evaluate[percent=5,seed=1]."response.faces" == 2', true],
    ['run.outcome == "succeeded" && run.time < 2', true],
    ['stages.face-dream.params.steps == 3', true],
    ['metrics.gone.score > 0', false],
    ['!(metrics.gone.score > 0)', false],
    ['(metrics.gone.score ?? 1) > 0', true],
    ['metrics.gone.score == null', true],
    ['params.percent > "a"', false],
  ])('%s is %s', (text, expected) => {
    expect(holds(text)).toBe(expected);
  });

  test.each(['', 'params.percent', 'params.percent >', 'process.exit(1)', 'env.HOME == "x"', 'metrics.evaluate > 1', 'run.nothing > 1', 'params.percent > 1}', 'params.__proto__.x == 1', 'metrics.evaluate[seed].x > 1'])('%j is refused as usage, with its place', (text) => {
    const ask = (): unknown => {
      const condition = new RunCondition(text);
      condition.holds(RUN);
      return condition.throwRefused();
    };
    expect(ask).toThrow(expect.objectContaining({ code: 'E_USAGE' }));
  });

  test('one that ends too early is said to, without the brace that nobody wrote', () => {
    for (const text of ['params.steps >=', '', '(params.steps > 1']) {
      expect(() => new RunCondition(text)).toThrow(expect.objectContaining({ message: `"--where ${text}" cannot be used: something is missing at its end`, facts: expect.objectContaining({ found: 'the end of the condition', expected: expect.not.stringContaining('}') }) }));
    }
    expect(() => new RunCondition('params.steps >= }')).toThrow(/"}" is not expected here/);
  });

  test('says which of its values no run has', () => {
    const condition = new RunCondition('params.precent > 1 || metrics.face-dream.score > 9');
    expect(condition.holds(RUN)).toBe(false);
    expect(condition.unknownFields()).toEqual(['params.precent', 'metrics.face-dream.score']);
    condition.throwRefused();
  });

  test('any text at all is a condition or refused with a typed error', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.array(fc.constantFrom('metrics.', 'params.', 'evaluate', '[', 'seed=1', ']', '.x', '>', ' ', '1', '"', '}', '(', '-')).map((parts) => parts.join(''))), (text) => {
        try {
          new RunCondition(text).holds(RUN);
        } catch (error) {
          expect(error).toBeInstanceOf(PipelineError);
        }
      }),
      { seed: 11, numRuns: 500 },
    );
  });
});

test('the name of a field reads back as the same field', () => {
  for (const text of ['params.grid.lr', 'metrics.evaluate[percent=5,seed=1].median_r', 'stages.face-dream.params.steps', 'time', 'metrics.evaluate[percent=5,seed=1].response.faces']) {
    expect(fieldText(parseField(text))).toBe(text);
    expect(valueOfField(RUN, parseField(text))).toBeDefined();
  }
  expect(fieldText(parseField('metrics.evaluate[seed=1, percent=5].median_r'))).toBe('metrics.evaluate[percent=5,seed=1].median_r');
  expect(() => parseField('tiem')).toThrow(expect.objectContaining({ code: 'E_USAGE', hint: 'did you mean "time"?' }));
});

test('changed columns are the params, set parameters and metrics that differ, also by being absent', () => {
  const set = { command: { options: { set: ['stages.a.params.steps=3', 'params.p=1'] } } };
  const runs = [run({ p: 1, same: { x: [1] } }, { a: { m: 1, n: 2 } }, set), run({ p: 2, same: { x: [1] } }, { a: { m: 1 } })];
  expect(changedFields(runs).map(fieldText)).toEqual(['params.p', 'metrics.a.n']);
  expect(changedFields(runs.slice(0, 1))).toEqual([]);
});

test('an id says when its run began', () => {
  expect(new Date(startOf('20261123-134501-0c3f')).toISOString()).toBe('2026-11-23T13:45:01.195Z');
});
