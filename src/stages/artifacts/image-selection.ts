/**
 * `ImageSelection`: some images with the boxes of what was looked for in them. Stages that explain or show single images take it, so that which
 * images are shown is decided once, by their content, and not by what a model says about them.
 */
import type { ArtifactReader, ArtifactWriter } from '../../engine/stage.js';

/** Fractions of the image as it was shown, x to the right, y down. */
export interface LabelledBox {
  readonly label: string;
  readonly x0: number;
  readonly y0: number;
  readonly x1: number;
  readonly y1: number;
}

export interface SelectedImage {
  /** 0-based row of the brick */
  readonly nsdId: number;
  /** of the labels looked for, at least one */
  readonly boxes: readonly LabelledBox[];
  /** share of the image that they cover together */
  readonly covered: number;
}

export interface ImageSelection {
  /** what the boxes are boxes of */
  readonly labels: readonly string[];
  /** ascending by nsdId */
  readonly images: readonly SelectedImage[];
}

const INDEX = 'selection.json';

export function writeImageSelection(writer: ArtifactWriter, selection: ImageSelection): void {
  writer.json(INDEX, selection);
}

export function readImageSelection(reader: ArtifactReader): ImageSelection {
  return reader.json<ImageSelection>(INDEX);
}
