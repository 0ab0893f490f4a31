import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { StageDefinition } from '../../../src/engine/stage.js';
import { readNpy } from '../../../src/formats/npy.js';
import { createOnnxRuntimeService } from '../../../src/runtime/onnxruntime-service.js';
import { ATTRIBUTION_MAPS, readAttributions } from '../../../src/stages/artifacts/attributions.js';
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
      const change = entry.response - entry.baselineResponse;
      expect(Math.abs(sum - change) / Math.abs(change)).toBeCloseTo(entry.completenessGap, 4);
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
});
