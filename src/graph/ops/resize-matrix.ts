/**
 * The matrix of a one-dimensional resampling as ONNX's Resize defines it: out = M · in, row i holds the weights of output sample i.
 *
 * Output i sits at input coordinate u(i): half_pixel (i + 1/2)/s - 1/2, asymmetric i/s, align_corners i (n-1)/(m-1); s = output/input scale.
 * half_pixel_symmetric centres an output whose extent was rounded; tf_crop_and_resize samples a region of the input, outside it nothing (a zero row).
 * nearest takes the rounded sample; linear weighs by the triangle 1 - |t|, cubic by Keys' kernel with coefficient a (IEEE ASSP 29, 1981).
 * With antialias a reduction (s < 1) stretches the kernel by 1/s.
 * Samples outside repeat the border; with exclude_outside they are dropped and the rest normalised.
 */
export interface ResizeRule {
  readonly mode: 'nearest' | 'linear' | 'cubic';
  readonly coordinate_transformation_mode: 'half_pixel' | 'half_pixel_symmetric' | 'align_corners' | 'asymmetric' | 'pytorch_half_pixel' | 'tf_crop_and_resize';
  readonly nearest_mode: 'round_prefer_floor' | 'round_prefer_ceil' | 'floor' | 'ceil';
  readonly cubic_coeff_a: number;
  readonly exclude_outside: number;
  readonly antialias?: number;
  /** of tf_crop_and_resize, as fractions of the input */
  readonly region?: { readonly start: number; readonly end: number };
  /** output extent per input extent */
  readonly scale: number;
}

/** floor(extent · scale), the product in float32 as ONNX and its runtimes have it: 10 · 0.7 is 7, of which float64 would make 6. */
export function scaledExtent(extent: number, scale: number): number {
  return Math.floor(Math.fround(extent * Math.fround(scale)));
}

/** @shape [outExtent, inExtent] float64, row-major; every row sums to 1, or is zero outside the region of tf_crop_and_resize. */
export function resizeMatrix(inExtent: number, outExtent: number, rule: ResizeRule): Float64Array {
  const matrix = new Float64Array(outExtent * inExtent);
  for (let i = 0; i < outExtent; i += 1) {
    const u = coordinate(i, inExtent, outExtent, rule);
    if (rule.region !== undefined && (u < 0 || u > inExtent - 1)) continue;
    if (rule.mode === 'nearest') {
      const source = Math.min(Math.max(round(u, rule.nearest_mode), 0), inExtent - 1);
      matrix[i * inExtent + source] = 1;
      continue;
    }
    const squeeze = rule.antialias === 1 ? Math.min(rule.scale, 1) : 1;
    const radius = (rule.mode === 'linear' ? 1 : 2) / squeeze;
    let sum = 0;
    for (let p = Math.ceil(u - radius); p <= Math.floor(u + radius); p += 1) {
      const weight = kernel((p - u) * squeeze, rule);
      if (rule.exclude_outside === 1 && (p < 0 || p >= inExtent)) continue;
      const source = Math.min(Math.max(p, 0), inExtent - 1);
      matrix[i * inExtent + source] = (matrix[i * inExtent + source] as number) + weight;
      sum += weight;
    }
    for (let p = 0; p < inExtent; p += 1) matrix[i * inExtent + p] = (matrix[i * inExtent + p] as number) / sum;
  }
  return matrix;
}

function coordinate(i: number, inExtent: number, outExtent: number, rule: ResizeRule): number {
  switch (rule.coordinate_transformation_mode) {
    case 'asymmetric':
      return i / rule.scale;
    case 'align_corners':
      return outExtent === 1 ? 0 : (i * (inExtent - 1)) / (outExtent - 1);
    case 'pytorch_half_pixel':
      return outExtent === 1 ? 0 : (i + 0.5) / rule.scale - 0.5;
    case 'half_pixel_symmetric': {
      const middle = inExtent / 2;
      const offset = middle * (1 - outExtent / (rule.scale * inExtent));
      return offset + (i + 0.5) / rule.scale - 0.5;
    }
    case 'tf_crop_and_resize': {
      const { start, end } = rule.region ?? { start: 0, end: 1 };
      return outExtent > 1 ? start * (inExtent - 1) + (i * (end - start) * (inExtent - 1)) / (outExtent - 1) : 0.5 * (start + end) * (inExtent - 1);
    }
    case 'half_pixel':
      return (i + 0.5) / rule.scale - 0.5;
  }
}

function round(u: number, mode: ResizeRule['nearest_mode']): number {
  switch (mode) {
    case 'floor':
      return Math.floor(u);
    case 'ceil':
      return Math.ceil(u);
    case 'round_prefer_floor':
      return Math.ceil(u - 0.5);
    case 'round_prefer_ceil':
      return Math.floor(u + 0.5);
  }
}

function kernel(t: number, rule: ResizeRule): number {
  const distance = Math.abs(t);
  if (rule.mode === 'linear') return Math.max(0, 1 - distance);
  const a = rule.cubic_coeff_a;
  if (distance < 1) return ((a + 2) * distance - (a + 3)) * distance * distance + 1;
  if (distance < 2) return (((distance - 5) * distance + 8) * distance - 4) * a;
  return 0;
}
