import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { StageDefinition } from '../../../src/engine/stage.js';
import { readNpy } from '../../../src/formats/npy.js';
import { createOnnxRuntimeService } from '../../../src/runtime/onnxruntime-service.js';
import { ATTRIBUTION_MAPS, readAttributions } from '../../../src/stages/artifacts/attributions.js';
import type { ImageSelection } from '../../../src/stages/artifacts/image-selection.js';
import { boxMask, sharesInside } from '../../../src/stages/attribute/localisation.js';
import { METHODS } from '../../../src/stages/attribute/methods.js';
import attribute from '../../../src/stages/attribute/stage.js';
import { runOn, type Ran } from '../readout-ridge/encoding-rig.js';
import { regionResponses, SIZE, writeTinyModel, type TinyModel } from '../response/tiny-model.js';

const root = mkdtempSync(join(tmpdir(), 'attribute-'));
const service = createOnnxRuntimeService({ threads: 1 });
afterAll(async () => {
  await service.dispose();
  rmSync(root, { recursive: true, force: true });
});

const model = writeTinyModel(join(root, 'model'), { images: 60, testImages: 30 });
const PIXELS = 3 * SIZE * SIZE;
let runs = 0;
function explain(params: object, inputs: TinyModel['inputs'] = model.inputs): Promise<Ran> {
  runs += 1;
  return runOn(attribute as unknown as StageDefinition, { roi: 'left', baseline: 'grey', tolerance: 0.1, ...params }, inputs, join(root, `maps-${runs}`), service);
}

describe('attribute', () => {
  it('explains the held-out images with the largest predicted response, each map complete', async () => {
    const ran = await explain({ images: 3 });
    const { entries } = readAttributions(ran.output);
    const responses = regionResponses(model, [0, 1]);
    expect(entries.map((entry) => entry.nsdId)).toEqual([...model.testImages].sort((a, b) => (responses[b] as number) - (responses[a] as number)).slice(0, 3));
    const maps = readNpy(ran.output.path(ATTRIBUTION_MAPS));
    expect(maps.shape).toEqual([3, 3, SIZE, SIZE]);
    for (const entry of entries) {
      const sum = (maps.data as Float32Array).subarray(entry.row * PIXELS, (entry.row + 1) * PIXELS).reduce((a, b) => a + b, 0);
      const change = entry.response - (entry.baselineResponse ?? NaN);
      expect(Math.abs(sum - change) / Math.abs(change)).toBeCloseTo(entry.completenessGap ?? NaN, 4);
    }
    expect(ran.warnings).toEqual([]);
    expect(ran.output.text('report.json')).toContain('Held-out images with the largest predicted response, each');
  });

  it('keeps the whole objective, and does not call listed images the top ones', async () => {
    const ran = await explain({ nsd_ids: [41, 35], minus: ['right'], weight: 2 });
    expect(readAttributions(ran.output)).toMatchObject({ roi: 'left', minus: ['right'], weight: 2, entries: [{ nsdId: 41 }, { nsdId: 35 }] });
    const report = ran.output.text('report.json');
    expect(report).toContain('Integrated gradients of left − 2·right');
    expect(report).not.toContain('largest predicted response');
  });

  it('warns when fewer images are held out than were asked for, and says that the contact sheet is cut', async () => {
    const ran = await explain({ images: 40 });
    expect(readAttributions(ran.output).entries).toHaveLength(30);
    expect(ran.warnings).toEqual(['40 images were asked for and 30 are held out: all of them are explained.']);
    expect(ran.output.text('report.json')).toContain('Shown are the first 24 of 30.');
  });

  it('refuses an image that was fitted on, whether the split or the readout says so', async () => {
    await expect(explain({ nsd_ids: [3] })).rejects.toMatchObject({ code: 'E_LEAK', message: 'image 3 (nsdId) is not held out' });
    const leaking = writeTinyModel(join(root, 'leaking'), { images: 60, testImages: 30, leaked: [44] });
    const refusal = { code: 'E_LEAK', message: 'image 44 (nsdId) is a test image and the readout was fitted on it' };
    await expect(explain({}, leaking.inputs)).rejects.toMatchObject(refusal);
    await expect(explain({ nsd_ids: [44] }, leaking.inputs)).rejects.toMatchObject(refusal);
    expect(readAttributions((await explain({ nsd_ids: [45] }, leaking.inputs)).output).entries).toHaveLength(1);
  });

  it('refuses fewer nodes at most than at first, a weight of nothing, and another backbone', async () => {
    await expect(explain({ nodes: 64, max_nodes: 32 })).rejects.toMatchObject({ code: 'E_OUT_OF_RANGE', facts: { expected: 'at least 64', found: 32 } });
    await expect(explain({ weight: 1 })).rejects.toMatchObject({ code: 'E_DATA', message: 'region "left" has a weight but nothing to subtract' });
    const other = writeTinyModel(join(root, 'other'), { images: 60, testImages: 30 });
    await expect(explain({}, { ...model.inputs, backbone: other.inputs.backbone })).rejects.toMatchObject({ code: 'E_DATA', message: /not fitted on features of the backbone "tiny"/ });
  });

  describe('with a selection', () => {
    const selected: ImageSelection = {
      labels: ['face'],
      images: [{ nsdId: 33, covered: 0.25, boxes: [{ label: 'face', x0: 0, y0: 0, x1: 0.5, y1: 0.5 }] }, { nsdId: 50, covered: 0.25, boxes: [{ label: 'face', x0: 0.5, y0: 0.5, x1: 1, y1: 1 }] }],
    };
    const folder = (selection: ImageSelection): string => {
      const at = mkdtempSync(join(root, 'selection-'));
      writeFileSync(join(at, 'selection.json'), JSON.stringify(selection));
      return at;
    };
    const explainSelected = (params: object = {}, selection = selected): Promise<Ran> => explain(params, { ...model.inputs, selection: folder(selection) } as TinyModel['inputs']);

    it('explains those images and says how much lies inside their boxes', async () => {
      const ran = await explainSelected({ smoothing: 1 });
      const { entries } = readAttributions(ran.output);
      expect(entries.map(({ nsdId }) => nsdId)).toEqual([33, 50]);
      const maps = readNpy(ran.output.path(ATTRIBUTION_MAPS)).data as Float32Array;
      entries.forEach(({ row, inside }, i) => {
        const mask = boxMask(selected.images[i]?.boxes ?? [], SIZE);
        expect(inside).toMatchObject(sharesInside(maps.subarray(row * PIXELS, (row + 1) * PIXELS), mask, SIZE, 1));
        expect(inside?.covered).toBe(0.25);
      });
      expect(ran.output.text('report.json')).toContain('ositive attribution inside the boxes');
      expect(ran.metrics['inside.median']).toBeDefined();
    });

    it('refuses a selected image that was fitted on, and a list beside the selection', async () => {
      await expect(explainSelected({}, { labels: ['face'], images: [{ nsdId: 3, covered: 1, boxes: [] }] })).rejects.toMatchObject({ code: 'E_LEAK' });
      await expect(explainSelected({ nsd_ids: [41] })).rejects.toMatchObject({ code: 'E_DATA', message: 'images are both selected and listed' });
    });

    it('marks a control wherever it is shown, and explains the same images with other weights', async () => {
      const ran = await explainSelected({ control: 'shuffled-readout', incomplete: 'report' });
      const file = readAttributions(ran.output);
      expect(file.control).toBe('shuffled-readout');
      const report = JSON.parse(ran.output.text('report.json')) as { title?: string; text?: string }[];
      expect(report[0]?.text).toContain('CONTROL, not a result');
      expect(report[1]?.title).toContain('CONTROL');
      const result = await explainSelected({ incomplete: 'report' });
      expect(file.entries.map(({ nsdId }) => nsdId)).toEqual([33, 50]);
      expect(readNpy(ran.output.path(ATTRIBUTION_MAPS)).data).not.toEqual(readNpy(result.output.path(ATTRIBUTION_MAPS)).data);
      expect(result.output.text('report.json')).not.toContain('CONTROL');
    });

    it('explains by every method, with curves where they are asked for', async () => {
      for (const method of METHODS) {
        const { entries, method: kept } = readAttributions((await explainSelected({ method, patch: 3, stride: 2, samples: 5, curve_steps: 4 })).output);
        expect(kept).toBe(method);
        for (const { curves, completenessGap, nodes } of entries) {
          expect(curves?.deletion).toBeTypeOf('number');
          expect(curves?.insertion).toBeTypeOf('number');
          expect([completenessGap === null, nodes === null]).toEqual(Array(2).fill(method !== 'integrated-gradients'));
        }
      }
    });
  });

  it('fails on an image that is not complete, or reports it and goes on', async () => {
    const strict = { nsd_ids: [41, 35], nodes: 1, max_nodes: 1, tolerance: 1e-12 };
    await expect(explain(strict)).rejects.toMatchObject({ code: 'E_NOT_CONVERGED', message: 'the attribution of image 41 is not complete' });
    const ran = await explain({ ...strict, incomplete: 'report' });
    expect(readAttributions(ran.output).entries).toHaveLength(2);
    expect(ran.warnings).toHaveLength(2);
    expect(ran.output.text('report.json')).toContain('NOT COMPLETE within 1e-10 %: 2 of 2');
  });
});
