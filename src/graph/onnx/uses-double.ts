/** Whether a serialized model computes in double precision anywhere: runtimes that have none hand it on. Importing turns real types into float32, so the bytes are asked. */
import { ATTRIBUTE, FLOAT64, GRAPH, MODEL, NODE, TENSOR, TENSOR_TYPE, TYPE, VALUE_INFO } from './schema.js';
import { signed, stringOf, wireFields } from './wire.js';
import type { WireField } from './wire.js';

/** Errors: E_GRAPH for bytes that are no model. */
export function usesDouble(model: Uint8Array): boolean {
  for (const graph of fields(model, MODEL.graph)) {
    for (const field of wireFields(graph.bytes)) {
      if (field.number === GRAPH.initializer && codeIn(field, TENSOR.dataType)) return true;
      if ((field.number === GRAPH.input || field.number === GRAPH.output) && portIsDouble(field)) return true;
      if (field.number === GRAPH.node && nodeMakesDouble(field)) return true;
    }
  }
  return false;
}

function portIsDouble(port: WireField): boolean {
  return fields(port.bytes, VALUE_INFO.type).some((type) => fields(type.bytes, TYPE.tensorType).some((tensor) => codeIn(tensor, TENSOR_TYPE.elemType)));
}

/** A Cast to it, or a constant of it. */
function nodeMakesDouble(node: WireField): boolean {
  return fields(node.bytes, NODE.attribute).some((attribute) => {
    if (fields(attribute.bytes, ATTRIBUTE.t).some((constant) => codeIn(constant, TENSOR.dataType))) return true;
    return fields(attribute.bytes, ATTRIBUTE.name).some((name) => stringOf(name) === 'to') && codeIn(attribute, ATTRIBUTE.i);
  });
}

function codeIn(message: WireField, number: number): boolean {
  return fields(message.bytes, number).some((field) => Number(signed(field)) === FLOAT64);
}

function fields(message: Uint8Array, number: number): WireField[] {
  return [...wireFields(message)].filter((field) => field.number === number);
}
