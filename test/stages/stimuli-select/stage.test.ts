import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { TensorService } from '../../../src/core/tensor-service.js';
import type { StageDefinition } from '../../../src/engine/stage.js';
import { readImageSelection } from '../../../src/stages/artifacts/image-selection.js';
import { COCO_INSTANCES, STIMULUS_TABLE } from '../../../src/stages/nsd/layout.js';
import stage from '../../../src/stages/stimuli-select/stage.js';
import { runOn, type Ran } from '../readout-ridge/encoding-rig.js';

const root = mkdtempSync(join(tmpdir(), 'stimuli-select-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));
const write = (name: string, text: string): void => {
  mkdirSync(dirname(join(root, name)), { recursive: true });
  writeFileSync(join(root, name), text);
};

// Image i: photograph 100 + i of 20 × 10 pixels, cropped to its middle square; a face whose box covers (i + 1)/10 of it; a dog all over image 3.
const images = Array.from({ length: 9 }, (_, i) => i);
const split = (i: number): string => (i < 2 ? 'train' : 'test');
write(`nsd/${STIMULUS_TABLE}`, `nsdId,cocoId,cropBox\n${images.map((i) => `${i},${100 + i},"(0, 0, 0.25, 0.25)"`).join('\n')}\n`);
const [train, validation] = COCO_INSTANCES;
const categories = [{ id: 1, name: 'face' }, { id: 2, name: 'dog' }];
const instances = (own: readonly number[], extra: object[] = []): string => JSON.stringify({
  images: own.map((i) => ({ id: 100 + i, width: 20, height: 10 })), categories,
  annotations: [...own.map((i) => ({ image_id: 100 + i, category_id: 1, bbox: [5, 0, i + 1, 10] })), ...extra],
});
write(`nsd/${train}`, instances(images.filter((i) => i % 2 === 1), [{ image_id: 103, category_id: 2, bbox: [0, 0, 20, 10] }]));
write(`nsd/${validation}`, instances(images.filter((i) => i % 2 === 0)));
write('stimuli/stimuli.json', JSON.stringify({ dataset: 'x', images: images.map((nsdId) => ({ nsdId, cocoId: 100 + nsdId, split: split(nsdId), shared: true, firstTrial: nsdId })) }));
write('stimuli/stimuli.hdf5', '');
write('bare/none.txt', '');

let runs = 0;
function select(params: object, nsd = 'nsd'): Promise<Ran> {
  runs += 1;
  return runOn(stage as unknown as StageDefinition, { labels: ['face'], ...params }, { nsd: join(root, nsd), stimuli: join(root, 'stimuli') }, join(root, `out-${runs}`), {} as TensorService);
}

describe('stimuli.select', () => {
  it('takes test images of both annotation files whose boxes have the size asked for, by number', async () => {
    const selection = readImageSelection((await select({ smallest: 0.35, largest: 0.75, count: 40 })).output);
    expect(selection.images.map(({ nsdId }) => nsdId)).toEqual([3, 4, 5, 6]);
    for (const { nsdId, boxes, covered } of selection.images) {
      expect(boxes).toMatchObject([{ label: 'face', x0: 0, y0: 0, y1: 1 }]);
      expect(boxes[0]?.x1).toBeCloseTo((nsdId + 1) / 10, 12);
      expect(Math.abs(covered - (nsdId + 1) / 10)).toBeLessThan(1 / 256);
    }
  });

  it('counts the cover of all labels together, and leaves out what is too large', async () => {
    const selection = readImageSelection((await select({ labels: ['face', 'dog'], largest: 1, count: 40 })).output);
    expect(selection.images.map(({ nsdId }) => nsdId)).toEqual([2, 4, 5, 6, 7, 8]);
  });

  it('draws some of them, the same ones each time, and warns when there are fewer', async () => {
    const some = readImageSelection((await select({ largest: 1, count: 3 })).output).images.map(({ nsdId }) => nsdId);
    expect(some).toHaveLength(3);
    expect(readImageSelection((await select({ largest: 1, count: 3 })).output).images.map(({ nsdId }) => nsdId)).toEqual(some);
    expect((await select({ largest: 1, count: 50 })).warnings).toEqual(['50 images were asked for and 7 fit: all of them are taken.']);
  });

  it('refuses to select nothing, an unknown category, and a data set without annotations', async () => {
    await expect(select({ largest: 0.1 })).rejects.toMatchObject({ code: 'E_DATA', message: 'no test image shows face of this size' });
    await expect(select({ labels: ['cat'] })).rejects.toMatchObject({ code: 'E_DATA', facts: { expected: 'face, dog' } });
    await expect(select({}, 'bare')).rejects.toMatchObject({ code: 'E_DATA', message: 'the data set comes without annotations' });
  });

  it('leaves out images with a crowd, and counts them', async () => {
    write(`crowd/${STIMULUS_TABLE}`, `nsdId,cocoId,cropBox\n${images.map((i) => `${i},${100 + i},"(0, 0, 0.25, 0.25)"`).join('\n')}\n`);
    write(`crowd/${train}`, instances(images.filter((i) => i % 2 === 1), [{ image_id: 103, category_id: 1, bbox: [0, 0, 20, 10], iscrowd: 1 }]));
    write(`crowd/${validation}`, instances(images.filter((i) => i % 2 === 0)));
    const { output } = await select({ largest: 1, count: 6 }, 'crowd');
    expect(readImageSelection(output).images.map(({ nsdId }) => nsdId)).toEqual([2, 4, 5, 6, 7, 8]);
    expect(output.json<{ values: object }[]>('report.json')[0]?.values).toMatchObject({ 'of them left out: a crowd': 1, 'of them with a box': 6 });
  });
});
