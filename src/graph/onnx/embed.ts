/** A model with its weights in other files as one file: every tensor that lies elsewhere gets its bytes as raw data, everything else stays as it was written. */
import { PipelineError } from '../../core/errors.js';
import type { ExternalData } from './external-data.js';
import { GRAPH, MODEL, TENSOR } from './schema.js';
import { readStored } from './tensors.js';
import { wireFields, WireWriter } from './wire.js';

/** A protobuf message holds less than 2 GiB. */
const LARGEST_MESSAGE = 2 ** 31 - 1;

/** The same bytes if nothing lies elsewhere. Errors: E_GRAPH for data that are refused, and for more than one file can hold. */
export function embedExternalData(bytes: Uint8Array, external: ExternalData): Uint8Array {
  const model = new WireWriter();
  let embedded = 0;
  for (const field of wireFields(bytes)) {
    if (field.number !== MODEL.graph) {
      model.copy(field);
      continue;
    }
    const graph = new WireWriter();
    for (const part of wireFields(field.bytes)) {
      const stored = part.number === GRAPH.initializer ? readStored(part.bytes) : undefined;
      if (stored === undefined) {
        graph.copy(part);
        continue;
      }
      embedded += stored.location.length;
      if (bytes.length + embedded > LARGEST_MESSAGE) {
        throw new PipelineError('E_GRAPH', 'the model and its weights are too large for one file', { facts: { expected: `at most ${LARGEST_MESSAGE} bytes`, found: 'more' }, hint: 'Save the model in float16, or cut it behind the last layer that is wanted.' });
      }
      const tensor = new WireWriter();
      for (const each of wireFields(part.bytes)) if (each.number !== TENSOR.externalData && each.number !== TENSOR.dataLocation) tensor.copy(each);
      graph.message(GRAPH.initializer, tensor.bytes(TENSOR.rawData, external.read(stored.location, stored.name)));
    }
    model.message(MODEL.graph, graph);
  }
  return embedded === 0 ? bytes : model.finish();
}
