/** Explains images one by one, whoever answers to them, and writes maps, overlays, the contact sheet, the index and the report. */
import { PipelineError } from '../../core/errors.js';
import type { Random } from '../../core/random.js';
import type { ArtifactWriter } from '../../engine/stage.js';
import { encodePng } from '../../formats/image.js';
import { NpyWriter } from '../../formats/npy.js';
import { finiteOrNull } from '../../math/statistics.js';
import { ATTRIBUTION_MAPS, writeAttributions, type AttributionEntry, type AttributionsFile, type InsideBoxes } from '../artifacts/attributions.js';
import type { LabelledBox } from '../artifacts/image-selection.js';
import { contactSheet } from '../images/contact-sheet.js';
import type { ImageSource } from '../images/image-source.js';
import { planesToPixels } from '../images/pixels.js';
import type { BaselinesOf } from './baselines.js';
import type { ResponseEvaluator } from './evaluator.js';
import { faithfulness } from './faithfulness.js';
import { boxMask, shareOfDifference, sharesInside } from './localisation.js';
import { explain } from './methods.js';
import type { ExplainingOptions } from './options.js';
import { displayMap, overlayPixels } from './overlay.js';
import { attributionReport, SHEET, SHEET_COLUMNS, SHEET_IMAGES } from './report.js';

export interface Explained {
  readonly nsdId: number;
  /** of what the region should answer to, where known */
  readonly boxes: readonly LabelledBox[] | null;
}

interface Surroundings {
  readonly output: ArtifactWriter;
  readonly signal: AbortSignal;
  readonly random: Random;
  warn(message: string): void;
  progress(done: number, total: number, note?: string): void;
  metric(name: string, value: number): void;
}

/** @param which a sentence for the report: which images these are */
export async function explainImages(
  context: Surroundings, evaluator: ResponseEvaluator, images: ImageSource, baselinesOf: BaselinesOf, chosen: readonly Explained[], params: ExplainingOptions,
  about: Pick<AttributionsFile, 'of' | 'control' | 'roi' | 'minus' | 'weight'>, which: string,
): Promise<void> {
  const { output, signal } = context;
  const { size } = images;
  const options = { nodes: params.nodes, maxNodes: params.max_nodes, tolerance: params.tolerance, samples: params.samples, noise: params.noise, patch: params.patch, stride: params.stride };
  const entries: AttributionEntry[] = [];
  const sheet: { pixels: Uint8Array; caption: string }[] = [];
  const maps = new NpyWriter(output.path(ATTRIBUTION_MAPS), 'float32', [chosen.length, 3, size, size]);
  try {
    for (const [row, { nsdId, boxes }] of chosen.entries()) {
      const image = new Float32Array(3 * size * size);
      images.read(nsdId, image, 0);
      const baselines = baselinesOf(image);
      const result = await explain(params.method, evaluator, image, baselines, size, options, context.random.fork(`image ${nsdId}`), signal);
      if (result.gap !== null && !(result.gap <= params.tolerance)) {
        const facts = { expected: `relative gap ≤ ${params.tolerance}`, found: result.gap, nodes: result.nodes ?? 0, response: result.response, baseline: result.baselineResponse ?? 0 };
        if (params.incomplete === 'fail') {
          throw new PipelineError('E_NOT_CONVERGED', `the attribution of image ${nsdId} is not complete`, {
            facts, hint: 'Raise max_nodes, choose another baseline (a gap this large means that the response hardly changes along the path), or set incomplete: report.',
          });
        }
        context.warn(`the attribution of image ${nsdId} is not complete: gap ${(100 * result.gap).toFixed(2)} % with ${result.nodes ?? 0} nodes`);
      }
      maps.append(result.map);
      const shown = displayMap(result.map, size, params.smoothing);
      const curves = params.curve_steps === 0 ? null : await faithfulness(evaluator, image, baselines[0] as Float32Array, shown, params.curve_steps, signal);
      const overlay = `image-${String(nsdId).padStart(5, '0')}.png`;
      const coloured = overlayPixels(image, shown, size);
      const natural = planesToPixels(image, size, size);
      output.write(overlay, await encodePng(beside(natural, coloured, size), 2 * size, size, 3));
      const entry: AttributionEntry = {
        nsdId, row, overlay, response: result.response, baselineResponse: result.baselineResponse, nodes: result.nodes, completenessGap: result.gap,
        inside: boxes === null ? null : insideBoxes(result.map, image, baselines, boxMask(boxes, size), size, params.smoothing),
        curves: curves === null ? null : { deletion: finiteOrNull(curves.deletion), insertion: finiteOrNull(curves.insertion) },
      };
      entries.push(entry);
      if (row < SHEET_IMAGES) sheet.push({ pixels: natural, caption: `${nsdId} ${result.response.toFixed(2)}` }, { pixels: coloured, caption: captionOf(entry) });
      context.progress(row + 1, chosen.length, 'images');
    }
    maps.close();
  } finally {
    maps.abandon();
  }
  const file: AttributionsFile = { ...about, method: params.method, baseline: params.baseline === 'blur' ? `blur ${params.blur_sd} px` : params.baseline, tolerance: params.tolerance, smoothing: params.smoothing, size, entries };
  output.write(SHEET, await contactSheet(sheet, size, SHEET_COLUMNS));
  writeAttributions(output, file);
  const { blocks, metrics } = attributionReport(file, which);
  output.json('report.json', blocks);
  for (const [name, value] of Object.entries(metrics)) context.metric(name, value);
}

function insideBoxes(map: Float32Array, image: Float32Array, baselines: readonly Float32Array[], mask: Uint8Array, size: number, smoothing: number): InsideBoxes {
  return { ...sharesInside(map, mask, size, smoothing), difference: finiteOrNull(shareOfDifference(image, baselines, mask)) };
}

function captionOf({ completenessGap, inside }: AttributionEntry): string {
  const gap = completenessGap === null ? '' : `gap ${(100 * completenessGap).toFixed(2)}%`;
  const share = inside?.smoothed ?? null;
  return share === null ? gap : `inside ${(100 * share).toFixed(0)}% ${gap}`.trim();
}

/** Two pictures in one. @shape uint8 [size, 2·size, 3] */
function beside(left: Uint8Array, right: Uint8Array, size: number): Uint8Array {
  const out = new Uint8Array(2 * size * size * 3);
  for (let y = 0; y < size; y += 1) {
    out.set(left.subarray(y * size * 3, (y + 1) * size * 3), 2 * y * size * 3);
    out.set(right.subarray(y * size * 3, (y + 1) * size * 3), (2 * y + 1) * size * 3);
  }
  return out;
}
