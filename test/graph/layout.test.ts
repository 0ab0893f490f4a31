/**
 * The layout audit: ONNX Runtime runs chains of convolutions in a blocked layout and writes where it enters and leaves it (ReorderInput, ReorderOutput).
 * Every operator that it does not know there costs two passes over memory, so the number per backbone is fixed here, forward and gradient.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as ort from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { MODEL_INPUT } from '../../src/architectures/architecture.js';
import type { Architecture, ImageArchitecture, Weights } from '../../src/architectures/architecture.js';
import { clipResnet } from '../../src/architectures/clip-resnet.js';
import { architectureOf } from '../../src/architectures/index.js';
import { sizeOf, tensor } from '../../src/core/tensor.js';
import { GraphBuilder } from '../../src/graph/builder.js';
import { cut } from '../../src/graph/cut.js';
import { encodeModel } from '../../src/graph/encode.js';
import { differentiate } from '../../src/graph/gradient.js';
import type { Graph } from '../../src/graph/ir.js';
import * as L from '../../src/graph/layers.js';
import { GRAPH, MODEL, NODE } from '../../src/graph/onnx/schema.js';
import { stringOf, wireFields } from '../../src/graph/onnx/wire.js';
import { optimise } from '../../src/graph/optimise/index.js';

/** values do not matter, only that they are constants */
const weights: Weights = { take: (_name, shape) => tensor('float32', shape, new Float32Array(sizeOf(shape)).fill(0.5)) };

function trunk(architecture: Architecture, layer: string): Graph {
  // a small image: the layout depends on the operators, not on the size
  return optimise(cut((architecture as ImageArchitecture).build(weights, { batch: 2, size: 64 }), [layer]), []);
}

function withGradient(graph: Graph): Graph {
  const b = GraphBuilder.from(graph);
  b.output('loss', L.sumOfSquares(b, graph.outputs[0] as Graph['outputs'][number]));
  return differentiate(b.build(), { of: 'loss', wrt: [MODEL_INPUT], poolTies: 'every' });
}

/** How often each operator stands in the graph that ONNX Runtime would run. */
async function afterOptimisation(graph: Graph): Promise<Map<string, number>> {
  const folder = mkdtempSync(join(tmpdir(), 'layout-'));
  try {
    const file = join(folder, 'optimised.onnx');
    const session = await ort.InferenceSession.create(encodeModel(graph), { executionProviders: ['cpu'], graphOptimizationLevel: 'all', optimizedModelFilePath: file, logSeverityLevel: 3, intraOpNumThreads: 1 });
    await session.release();
    const counts = new Map<string, number>();
    for (const field of wireFields(readFileSync(file))) {
      if (field.number !== MODEL.graph) continue;
      for (const node of wireFields(field.bytes)) {
        if (node.number !== GRAPH.node) continue;
        for (const part of wireFields(node.bytes)) if (part.number === NODE.opType) counts.set(stringOf(part), (counts.get(stringOf(part)) ?? 0) + 1);
      }
    }
    return counts;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const BACKBONES = [
  { architecture: architectureOf('alexnet'), layer: 'features.12', forward: 1, gradient: 9 },
  { architecture: architectureOf('vgg11'), layer: 'features.20', forward: 1, gradient: 5 },
  { architecture: architectureOf('resnet50'), layer: 'layer4.2.relu_2', forward: 1, gradient: 16 },
  // RN50x4 with two fifths of its channels, which has the same operators; 87 million weights would take a while
  { architecture: clipResnet({ name: 'RN50x4 narrow', blocks: [4, 6, 10, 6], width: 32, embedding: 64, size: 64 }), layer: 'visual.layer4.5.relu3', forward: 1, gradient: 3 },
];

// other processors have no blocked layout in ONNX Runtime
describe.runIf(process.arch === 'x64')('the layout of convolutions', () => {
  it.each(BACKBONES)('$architecture.id: $forward reorder forward, $gradient with the gradient', async ({ architecture, layer, forward, gradient }) => {
    const graph = trunk(architecture, layer);
    for (const [model, expected] of [[graph, forward], [withGradient(graph), gradient]] as const) {
      const counts = await afterOptimisation(model);
      expect((counts.get('ReorderInput') ?? 0) + (counts.get('ReorderOutput') ?? 0)).toBe(expected);
    }
  });
});
