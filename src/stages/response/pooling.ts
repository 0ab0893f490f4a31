/** Averaging a map over the cells of a grid, as a matrix: features apply it, folding a readout applies its transpose, so both use the same cells. */

/**
 * P[h·W + w, i·gw + j] = 1/|cell(i,j)| inside the cell and 0 outside; cell rows run from ⌊i·H/gh⌋ to ⌈(i+1)·H/gh⌉ (they overlap where gh does not divide H).
 * @shape float32 [height × width, rows × columns]
 * @source torch.nn.AdaptiveAvgPool2d
 */
export function poolingMatrix(height: number, width: number, rows: number, columns: number): Float32Array {
  const cells = rows * columns;
  const matrix = new Float32Array(height * width * cells);
  for (let i = 0; i < rows; i += 1) {
    const y0 = Math.floor((i * height) / rows);
    const y1 = Math.ceil(((i + 1) * height) / rows);
    for (let j = 0; j < columns; j += 1) {
      const x0 = Math.floor((j * width) / columns);
      const x1 = Math.ceil(((j + 1) * width) / columns);
      const share = 1 / ((y1 - y0) * (x1 - x0));
      for (let y = y0; y < y1; y += 1) for (let x = x0; x < x1; x += 1) matrix[(y * width + x) * cells + i * columns + j] = share;
    }
  }
  return matrix;
}
