import { describe, expect, test } from 'vitest';
import { PipelineError } from '../../src/core/errors.js';
import { parseReportBlocks } from '../../src/report/index.js';

function refusal(value: unknown): string {
  try {
    parseReportBlocks(typeof value === 'string' ? value : JSON.stringify(value));
  } catch (error) {
    if (error instanceof PipelineError) return `${error.code} ${error.message}; expected ${error.facts['expected'] as string}`;
    throw error;
  }
  return 'accepted';
}

describe('report.json', () => {
  test('blocks of every kind are read as they were written', () => {
    const blocks = [
      { kind: 'text', text: 'a' },
      { kind: 'metrics', title: 'm', values: { r: 0.5, word: 'x', none: null } },
      { kind: 'table', title: 't', columns: ['a', 'b'], rows: [['x', 1], [null, 2]] },
      { kind: 'figure', title: 'f', file: 'f.svg', caption: 'c' },
      { kind: 'images', title: 'i', items: [{ file: 'a.png' }, { file: 'b.png', caption: 'b' }] },
    ];
    expect(parseReportBlocks(JSON.stringify(blocks))).toEqual(blocks);
  });

  test.each([
    ['not JSON', '{', 'E_FORMAT "report.json" is not JSON; expected a list of report blocks'],
    ['an object', {}, 'E_FORMAT "report.json" of the report is not what it should be; expected a list of report blocks'],
    ['an unknown kind', [{ kind: 'video' }], 'E_FORMAT "block 0.kind" of the report is not what it should be; expected text, metrics, table, figure or images'],
    ['a cell that is a list', [{ kind: 'table', title: 't', columns: [], rows: [[[]]] }], 'E_FORMAT "block 0.rows[0][0]" of the report is not what it should be; expected a number, a text or null'],
    ['a caption that is a number', [{ kind: 'figure', title: 't', file: 'f', caption: 1 }], 'E_FORMAT "block 0.caption" of the report is not what it should be; expected a text'],
  ])('%s is refused with its place', (_name, value, message) => {
    expect(refusal(value)).toBe(message);
  });
});
