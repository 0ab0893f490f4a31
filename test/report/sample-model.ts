/** A run with one stage of each word and one block of each kind; every text in it is made by `text`, so that a test can put anything anywhere. */
import type { EmbeddedFile, ReportModel, ReportStage } from '../../src/report/index.js';

const PIXEL: EmbeddedFile = { mime: 'image/png', base64: 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==' };

export function sampleModel(text: (what: string) => string = (what) => what): ReportModel {
  const names = ['source', 'fit', 'score', 'later', 'absent'].map((name) => text(name));
  const [source, fit, score, later, absent] = names as [string, string, string, string, string];
  const stage = (name: string, word: ReportStage['word'], after: readonly string[], more: Partial<ReportStage> = {}): ReportStage => ({
    name,
    type: text('type'),
    word,
    params: { [text('parameter')]: text('value'), list: [1, 2, 3] },
    metrics: { [text('metric')]: 0.5 },
    after,
    outputs: [],
    ...more,
  });
  return {
    pipeline: text('face-rois'),
    description: text('description'),
    run: text('20261123-134501-ab12'),
    file: text('pipelines/face-rois.yaml'),
    startedAt: text('2026-11-23T13:45:01Z'),
    durationMs: 212_345,
    outcome: 'failed',
    params: { [text('steps')]: 64, nested: { [text('deep')]: text('leaf') } },
    machine: { [text('cpu')]: text('Xeon') },
    software: { [text('node')]: text('20.20.2') },
    stages: [
      stage(source, 'restored', [], { key: text('3fa9c1d2').padEnd(64, '0'), durationMs: 200 }),
      stage(fit, 'ran', [source], {
        key: '7'.repeat(64),
        durationMs: 12_000,
        outputs: [
          {
            name: text('out'),
            type: text('Readout'),
            restricted: false,
            files: new Map([[text('plot.svg'), { mime: 'image/svg+xml', base64: 'PHN2Zy8+' }], [text('a.png'), PIXEL]]),
            problems: [text('problem')],
            blocks: [
              { kind: 'text', text: text('paragraph') },
              { kind: 'metrics', title: text('Scores'), values: { [text('r')]: 0.71234, [text('word')]: text('good'), none: null } },
              { kind: 'table', title: text('Regions'), columns: [text('region'), text('r')], rows: [[text('V1'), 0.5], [text('V2'), null]] },
              { kind: 'figure', title: text('Curve'), file: text('plot.svg'), caption: text('caption') },
              { kind: 'images', title: text('Dreams'), items: [{ file: text('a.png'), caption: text('one') }, { file: text('missing.png') }] },
            ],
          },
        ],
      }),
      stage(score, 'failed', [fit], { error: { code: 'E_DATA', message: text('message'), facts: { [text('expected')]: text('fact') }, hint: text('hint') } }),
      stage(later, 'blocked', [score, fit], { note: text('by score') }),
      stage(absent, 'skipped', [], { note: text('when') }),
    ],
  };
}
