/** From the embeddings of an image's captions to its features. */

export type Combination = 'mean' | 'first' | 'concatenate';

/** Each row divided by its Euclidean norm; a row of zeros stays. @shape rows float32 [row, channel], in place */
export function normaliseRows(rows: Float32Array, channels: number): void {
  for (let start = 0; start < rows.length; start += channels) {
    let squares = 0;
    for (let c = start; c < start + channels; c += 1) squares += (rows[c] as number) ** 2;
    const norm = Math.sqrt(squares);
    if (norm > 0) for (let c = start; c < start + channels; c += 1) rows[c] = (rows[c] as number) / norm;
  }
}

/**
 * `mean` over all captions of an image (sums in float64); `first`: of the first; `concatenate`: the first `count` side by side.
 * @param counts captions of each image, at least `count` where they are concatenated
 * @shape embeddings float32 [caption, channel], captions of one image after the other → one array a layer: float32 [image, channel]
 */
export function combineCaptions(embeddings: Float32Array, counts: readonly number[], channels: number, how: Combination, count: number): Float32Array[] {
  const layers = Array.from({ length: how === 'concatenate' ? count : 1 }, () => new Float32Array(counts.length * channels));
  let caption = 0;
  counts.forEach((own, image) => {
    layers.forEach((layer, k) => {
      for (let c = 0; c < channels; c += 1) {
        let sum = 0;
        if (how === 'mean') for (let i = 0; i < own; i += 1) sum += embeddings[(caption + i) * channels + c] as number;
        layer[image * channels + c] = how === 'mean' ? sum / own : (embeddings[(caption + k) * channels + c] as number);
      }
    });
    caption += own;
  });
  return layers;
}
