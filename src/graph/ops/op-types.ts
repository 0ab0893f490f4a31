/**
 * The closed list of ONNX operators (opset 18 semantics; Gelu of opset 20) that a Graph may hold. The operator table, the reference evaluator of
 * the tests and the gradient rules are total over it, so the compiler names the one that was forgotten. Adding an operator starts here. Here are
 * those that cannot be written in others without loss of speed or precision; the rest of ONNX is spelled in these when a model is read
 * (src/graph/onnx/compound.ts).
 */
export const OP_TYPES = [
  // convolution and pooling
  'Conv', 'ConvTranspose', 'MaxPool', 'MaxUnpool', 'AveragePool', 'GlobalAveragePool',
  // elementwise, one input
  'Relu', 'LeakyRelu', 'Sigmoid', 'HardSigmoid', 'Tanh', 'Softplus', 'Clip', 'Exp', 'Log', 'Sqrt', 'Erf', 'Abs', 'Neg', 'Reciprocal', 'Sign', 'Sin', 'Cos',
  'Tan', 'Asin', 'Acos', 'Atan', 'Sinh', 'Cosh', 'Asinh', 'Acosh', 'Atanh', 'Elu', 'Gelu', 'Floor', 'Ceil', 'Round', 'IsNaN', 'IsInf',
  // elementwise, several inputs
  'Add', 'Sub', 'Mul', 'Div', 'Pow', 'Max', 'Min', 'Where', 'Greater', 'GreaterOrEqual', 'Less', 'LessOrEqual', 'Equal', 'And', 'Or', 'Not',
  'Xor', 'Mod', 'PRelu',
  // linear algebra
  'MatMul', 'Gemm',
  // reductions and normalisations
  'ReduceSum', 'ReduceMean', 'ReduceMax', 'ReduceMin', 'ReduceL2', 'ReduceSumSquare', 'ReduceLogSumExp', 'ReduceProd', 'CumSum', 'Softmax', 'LogSoftmax',
  'BatchNormalization', 'LayerNormalization',
  // shape and arrangement
  'Identity', 'Cast', 'Reshape', 'Flatten', 'Squeeze', 'Unsqueeze', 'Transpose', 'Concat', 'Split', 'Slice', 'Pad', 'Expand', 'Tile',
  'DepthToSpace', 'Resize',
  // indexing
  'Gather', 'GatherElements', 'ScatterElements', 'ScatterND', 'GatherND', 'OneHot', 'TopK', 'ArgMax', 'ArgMin',
] as const;

export type OpType = (typeof OP_TYPES)[number];

const KNOWN: ReadonlySet<string> = new Set(OP_TYPES);

export function isOpType(name: string): name is OpType {
  return KNOWN.has(name);
}
