/** Every tolerance of the tensor-graph tests, with its reason. Relative means: of the largest magnitude of the expected values (at least 1). */

/**
 * Central differences in float64 against gradient rules evaluated in float64: h = 1e-5 leaves a truncation error of about h² = 1e-10 times the third
 * derivative and a rounding error of about 1e-16 / h = 1e-11. Third derivatives of up to 1e3 (Pow, Reciprocal near 0.5) occur.
 */
export const DIRECTIONAL = 1e-6;
export const DIFFERENCE_STEP = 1e-5;

/** One operator on ONNX Runtime in float32 against float64: sums of at most some hundred products of unit numbers, 6e-8 each. */
export const OPERATOR_FLOAT32 = 2e-5;

/** The same network in PyTorch and here, both float32: rounding differs through some tens of operators; inputs were chosen without near-ties. */
export const NETWORK_FLOAT32 = 5e-5;

/**
 * Three Adam steps against PyTorch: the first steps divide each gradient by its own size, so a weight whose gradient is near zero keeps only
 * the relative accuracy of that gradient; measured 3e-5 at a learning rate of 1e-2, relative to weights of about 0.3.
 */
export const ADAM_FLOAT32 = 2e-4;
