/**
 * `stimuli.draw`: labelled pictures for training a backbone, from the generator that also draws the simulated subject's stimuli, under seeds of
 * their own: the text that seeds a training picture can never be one that seeds a stimulus.
 */
import { Type } from '@sinclair/typebox';
import { NpyWriter, writeNpy } from '../../formats/npy.js';
import { CELL_CLASSES, CELL_GRID, LABELLED_FILES } from '../artifacts/labelled-images.js';
import { defineStage } from '../define.js';
import { contactSheet } from '../images/contact-sheet.js';
import { cellClasses } from '../simulate/cells.js';
import { CATEGORIES, drawStimulus } from '../simulate/drawing/stimulus.js';
import type { ReportBlock } from '../../core/report-block.js';

const SHEET = 'contact.png';
const SHEET_COLUMNS = 8;
const PROGRESS_EVERY = 100;

export default defineStage({
  type: 'stimuli.draw',
  version: 1,
  summary: 'Draws labelled pictures of faces, bodies, places, words, objects and clutter for training a backbone.',
  description: [
    'Each picture has a 1/f background, one to three objects of one category (or a scene), perhaps a small distractor and a gradient of light; 16 % are clutter: parts without configuration. Labels: the category of each picture, and the class of each cell of an 8 × 8 grid (the category of the last object whose box holds the cell\'s centre, else background; clutter everywhere in a clutter picture).',
    'Outputs: `images.npy` uint8 [image, size, size, 3]; `labels.json` with `categories` and one label an image; `cells.npy` uint8 [image, 8, 8]. The pictures are drawn, not photographs, and share no seed with the stimuli of `nsd.simulate`.',
  ].join('\n\n'),
  params: Type.Object(
    {
      count: Type.Integer({ minimum: 1, maximum: 1_000_000, default: 8000, description: 'number of pictures' }),
      size: Type.Integer({ minimum: 32, maximum: 1024, default: 128, description: 'height and width in pixels' }),
      seed: Type.Integer({ minimum: 0, default: 0, description: 'another seed gives other pictures' }),
      first: Type.Integer({ minimum: 0, default: 0, description: 'number of the first picture: ranges that do not overlap share no picture' }),
    },
    { additionalProperties: false },
  ),
  inputs: {},
  outputs: {
    images: { type: 'LabelledImages', description: 'pictures, their categories and the classes of their cells', publish: [SHEET] },
  },
  needs: [],
  random: false,
  runs: 'worker',
  resources: { cpus: 1, memoryMb: 400 },
  async run({ params, outputs, progress, signal, metric }) {
    const { count, size } = params;
    const out = outputs.images;
    const writer = new NpyWriter(out.path(LABELLED_FILES.images), 'uint8', [count, size, size, 3]);
    const cells = new Uint8Array(count * CELL_GRID * CELL_GRID);
    const labels: number[] = [];
    const shown = CATEGORIES.map((): Uint8Array[] => []);
    try {
      for (let i = 0; i < count; i += 1) {
        const stimulus = drawStimulus(`training picture/${params.seed}/${params.first + i}`, size);
        writer.append(stimulus.rgb);
        cellClasses(stimulus, cells, i * CELL_GRID * CELL_GRID);
        labels.push(stimulus.category);
        const row = shown[stimulus.category] as Uint8Array[];
        if (row.length < SHEET_COLUMNS) row.push(stimulus.rgb);
        if (i % PROGRESS_EVERY === PROGRESS_EVERY - 1) {
          progress(i + 1, count, 'pictures');
          await new Promise((resolve) => setImmediate(resolve));
          signal.throwIfAborted();
        }
      }
      writer.close();
    } finally {
      writer.abandon();
    }
    writeNpy(out.path(LABELLED_FILES.cells), { dtype: 'uint8', shape: [count, CELL_GRID, CELL_GRID], data: cells });
    out.json(LABELLED_FILES.labels, { categories: CATEGORIES, labels, cellClasses: CELL_CLASSES });
    const items = shown.flatMap((row, category) => row.map((pixels) => ({ pixels, caption: CATEGORIES[category] as string })));
    out.write(SHEET, await contactSheet(items, size, SHEET_COLUMNS));
    const blocks: ReportBlock[] = [
      { kind: 'text', text: `${count} drawn pictures of ${size} × ${size} pixels for training a backbone. They are drawings, not photographs.` },
      { kind: 'metrics', title: 'Pictures a category', values: Object.fromEntries(CATEGORIES.map((name, category) => [name, labels.filter((label) => label === category).length])) },
      { kind: 'images', title: 'Training pictures', items: [{ file: SHEET, caption: `the first ${SHEET_COLUMNS} of each category` }] },
    ];
    out.json('report.json', blocks);
    metric('pictures', count);
  },
});
