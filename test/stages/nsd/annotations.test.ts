import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { boxesOf, boxInCrop, parseCropBox } from '../../../src/stages/nsd/annotations.js';
import { drawStimulus } from '../../../src/stages/simulate/drawing/stimulus.js';
import { cocoAnnotations } from '../../../src/stages/simulate/tree/annotations.js';
import { cocoEntries } from '../../../src/stages/simulate/tree/experiment-files.js';

const folder = mkdtempSync(join(tmpdir(), 'annotations-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const write = (name: string, text: string): string => {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
};

describe('boxInCrop', () => {
  const photograph = { width: 640, height: 480 };
  const crop = { top: 0, bottom: 0, left: 0.125, right: 0.125 };

  it('gives the whole crop for a box that is the crop, and cuts off what lies outside', () => {
    expect(boxInCrop('a', [80, 0, 480, 480], photograph, crop)).toEqual({ label: 'a', x0: 0, y0: 0, x1: 1, y1: 1 });
    expect(boxInCrop('a', [0, 120, 320, 120], photograph, crop)).toEqual({ label: 'a', x0: 0, y0: 0.25, x1: 0.5, y1: 0.5 });
    expect(boxInCrop('a', [0, 0, 80, 480], photograph, crop)).toBeUndefined();
    expect(boxInCrop('a', [100, 100, 0, 5], photograph, crop)).toBeUndefined();
  });

  it('moves a box down in a photograph that was cropped at the top', () => {
    expect(boxInCrop('a', [0, 160, 480, 240], { width: 480, height: 640 }, { top: 0.25, bottom: 0, left: 0, right: 0 })).toEqual({ label: 'a', x0: 0, y0: 0, x1: 1, y1: 0.5 });
  });
});

describe('parseCropBox', () => {
  it('reads NSD\'s order top, bottom, left, right and nothing else, nor a crop that leaves nothing', () => {
    expect(parseCropBox('(0, 0, 0.1671875, 0.1671875)')).toEqual({ top: 0, bottom: 0, left: 0.1671875, right: 0.1671875 });
    for (const text of ['', '0, 0, 0, 0', '(0, 0, 0)', '(0, 0, 0, x)', '(0, 0, 0, 1)', '(0, 0, -0.1, 0)', '(0.5, 0.5, 0, 0)', '(0, 0, 0.3, 0.8)']) expect(parseCropBox(text)).toBeUndefined();
  });
});

describe('boxesOf', () => {
  // What was drawn, as the simulator says it in COCO's words.
  const coco = cocoEntries(3);
  const nsdIds = Int32Array.from({ length: 40 }, (_, i) => 7 + 131 * i);
  const stimuli = Array.from(nsdIds, (nsdId) => ({ nsdId, ...drawStimulus(`annotated/${nsdId}`, 16) }));
  const table = write('table.csv', ['nsdId,cocoId,cropBox', ...coco.slice(0, 6000).map((entry, id) => `${id},${entry.cocoId},"(0, 0, ${entry.cropLeft}, ${0.25 - entry.cropLeft})"`)].join('\n'));
  const paths = (['train2017', 'val2017'] as const).map((split) => write(`${split}.json`, JSON.stringify(cocoAnnotations(stimuli, coco, split).instances)));

  it('gives back the boxes that the simulator wrote, to the hundredth of a pixel of the photograph', async () => {
    const { boxes: found, crowded } = await boxesOf(table, paths, nsdIds, ['face', 'body']);
    expect(crowded.size).toBe(0);
    let boxes = 0;
    for (const { nsdId, boxes: drawn } of stimuli) {
      const wanted = drawn.filter(({ label, x0, x1, y0, y1 }) => (label === 'face' || label === 'body') && x1 > x0 && y1 > y0);
      const own = found.get(nsdId) ?? [];
      expect(own.map(({ label }) => label)).toEqual(wanted.map(({ label }) => label));
      own.forEach((box, i) => {
        boxes += 1;
        for (const side of ['x0', 'y0', 'x1', 'y1'] as const) expect(Math.abs(box[side] - (wanted[i]?.[side] as number))).toBeLessThan(0.02 / 480);
      });
    }
    expect(boxes).toBeGreaterThan(5);
  });

  it('names the categories there are when asked for one that is not', async () => {
    await expect(boxesOf(table, paths, nsdIds, ['cat'])).rejects.toMatchObject({ code: 'E_DATA', message: '"cat" is not a category of the annotations', facts: { found: 'cat' } });
  });

  it('refuses a crop that cannot be read and a box without numbers', async () => {
    await expect(boxesOf(write('bad.csv', 'nsdId,cocoId,cropBox\n7,1,none\n'), paths, nsdIds, ['face'])).rejects.toMatchObject({ code: 'E_FORMAT', message: /crop of image 7/ });
    const bad = write('bad.json', JSON.stringify({ images: [{ id: 5, width: 4, height: 4 }], categories: [{ id: 1, name: 'face' }], annotations: [{ image_id: 5, category_id: 1, bbox: [0, 0, null, 1] }] }));
    await expect(boxesOf(write('one.csv', 'nsdId,cocoId,cropBox\n7,5,"(0, 0, 0, 0)"\n'), [bad], Int32Array.of(7), ['face'])).rejects.toMatchObject({ code: 'E_FORMAT', message: /annotation of photograph 5/ });
  });

  it('takes no box of a crowd, and leaves out images with a crowd of a wanted category inside the crop', async () => {
    const own = write('crowds.csv', ['nsdId,cocoId,cropBox', '1,11,"(0, 0, 0, 0)"', '2,12,"(0, 0, 0, 0)"', '3,13,"(0, 0, 0.5, 0)"', '4,14,"(0, 0, 0, 0)"'].join('\n'));
    const object = (image: number, bbox: number[], category = 1, iscrowd = 0): object => ({ image_id: image, category_id: category, bbox, iscrowd });
    const annotations = [
      object(11, [0, 0, 5, 5]), object(11, [0, 0, 10, 10], 1, 1), // a crowd of what is wanted
      object(12, [0, 0, 5, 5]), object(12, [0, 0, 10, 10], 2, 1), // a crowd of something else
      object(13, [5, 0, 5, 10]), object(13, [0, 0, 4, 10], 1, 1), // a crowd that was cropped away
      object(14, [0, 0, 10, 10], 1, 1), // a crowd alone
    ];
    const instances = write('crowds.json', JSON.stringify({ images: [11, 12, 13, 14].map((id) => ({ id, width: 10, height: 10 })), categories: [{ id: 1, name: 'face' }, { id: 2, name: 'dog' }], annotations }));
    const { boxes, crowded } = await boxesOf(own, [instances], Int32Array.of(1, 2, 3, 4), ['face']);
    expect([...boxes].map(([nsdId, list]) => [nsdId, list.length])).toEqual([[2, 1], [3, 1]]);
    expect([...crowded].sort()).toEqual([1, 4]);
  });
});
