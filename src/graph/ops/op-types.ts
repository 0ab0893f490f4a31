/**
 * The closed list of ONNX operators (opset 18 semantics) that a Graph may hold. The operator table, the reference evaluator of the tests and
 * the gradient rules are total over it, so the compiler names the one that was forgotten. Adding an operator starts here.
 */
export const OP_TYPES = [
  // convolution and pooling
  'Conv', 'ConvTranspose', 'MaxPool', 'MaxUnpool', 'AveragePool', 'GlobalAveragePool',
  // elementwise, one input
  'Relu', 'LeakyRelu', 'Sigmoid', 'HardSigmoid', 'Tanh', 'Softplus', 'Clip', 'Exp', 'Log', 'Sqrt', 'Erf', 'Abs', 'Neg', 'Reciprocal', 'Sign', 'Sin', 'Cos',
  // elementwise, several inputs
  'Add', 'Sub', 'Mul', 'Div', 'Pow', 'Max', 'Min', 'Where', 'Greater', 'GreaterOrEqual', 'Less', 'LessOrEqual', 'Equal', 'And', 'Or', 'Not',
  // linear algebra
  'MatMul', 'Gemm',
  // reductions and normalisations
  'ReduceSum', 'ReduceMean', 'ReduceMax', 'ReduceMin', 'ReduceL2', 'ReduceSumSquare', 'ReduceLogSumExp', 'Softmax', 'LogSoftmax',
  'BatchNormalization', 'LayerNormalization',
  // shape and arrangement
  'Identity', 'Cast', 'Reshape', 'Flatten', 'Squeeze', 'Unsqueeze', 'Transpose', 'Concat', 'Split', 'Slice', 'Pad', 'Expand', 'Tile',
  'DepthToSpace', 'Resize',
  // indexing
  'Gather', 'GatherElements', 'ScatterElements', 'ScatterND',
] as const;

export type OpType = (typeof OP_TYPES)[number];

const KNOWN: ReadonlySet<string> = new Set(OP_TYPES);

export function isOpType(name: string): name is OpType {
  return KNOWN.has(name);
}
