/**
 * Pictures in and out: PNG encoding with fixed settings (the same pixels give the same bytes), decoding of photographs to plain RGB, and SVG figures as
 * PNG. Limits come before decoding; a file that only half decodes is an error. The only module that imports sharp.
 * Colour policy of `decodeImage`: turned upright by EXIF, converted to sRGB, transparency refused unless it is full, 8 bits a channel.
 */
import { readFileSync } from 'node:fs';
import sharp from 'sharp';
import { PipelineError } from '../core/errors.js';
import { formatError, withFile } from './bytes.js';

/** 64 megapixels: larger than any camera's picture that is of use here, far below what a crafted file claims. */
const LARGEST_PIXELS = 64 * 1024 * 1024;
const LARGEST_FILE = 256 * 1024 * 1024;
const LOADERS: readonly string[] = ['jpeg', 'png', 'webp', 'tiff'];

// Results must not depend on how many cores a stage was given; one picture at a time is also what bounds memory.
sharp.concurrency(1);
sharp.cache(false);

/**
 * @param pixels uint8 [height, width, channels], row-major, 0 … 255; channels 1 (grey), 3 (RGB) or 4 (RGBA)
 * Errors: E_DATA when the pixels do not fill the picture.
 */
export async function encodePng(pixels: Uint8Array, width: number, height: number, channels: 1 | 3 | 4): Promise<Uint8Array> {
  if (!Number.isInteger(width) || !Number.isInteger(height) || width < 1 || height < 1 || pixels.length !== width * height * channels) {
    throw new PipelineError('E_DATA', 'pixels do not fill the picture', { facts: { expected: `${width} × ${height} × ${channels}`, found: `${pixels.length} bytes` } });
  }
  const image = sharp(pixels, { raw: { width, height, channels }, limitInputPixels: false });
  // Without the colour space a single channel would be written as RGB.
  const coloured = channels === 1 ? image.toColourspace('b-w') : image;
  return new Uint8Array(await coloured.png({ compressionLevel: 6, adaptiveFiltering: false, palette: false }).toBuffer());
}

export interface Picture {
  /** uint8 [height, width, 3] RGB */
  readonly data: Uint8Array;
  readonly width: number;
  readonly height: number;
}

/**
 * @param source a path or the bytes of a JPEG, PNG, WebP or TIFF with one page
 * Errors: E_FORMAT for another kind of file, a damaged one, one above 64 megapixels, an animation, or one with transparent pixels.
 */
export async function decodeImage(source: string | Uint8Array): Promise<Picture> {
  const name = typeof source === 'string' ? source : 'picture';
  const bytes = typeof source === 'string' ? readLimited(source) : source;
  const options = { failOn: 'warning', limitInputPixels: LARGEST_PIXELS } as const;
  try {
    const metadata = await sharp(bytes, options).metadata();
    if (!LOADERS.includes(metadata.format)) throw formatError(name, 'is not a kind of picture that is read', { expected: LOADERS.join(', '), found: metadata.format });
    if ((metadata.pages ?? 1) > 1) throw formatError(name, 'holds more than one page', { expected: 'one picture', found: `${metadata.pages ?? 1} pages`, hint: 'Save one page as a picture of its own.' });
    const upright = sharp(bytes, options).autoOrient().toColourspace('srgb');
    if (metadata.hasAlpha) {
      const { isOpaque } = await sharp(bytes, options).stats();
      if (!isOpaque) throw formatError(name, 'has transparent pixels', { expected: 'an opaque picture', found: 'an alpha channel', hint: 'Put it on a background first.' });
    }
    const { data, info } = await upright.removeAlpha().raw({ depth: 'uchar' }).toBuffer({ resolveWithObject: true });
    if (info.channels !== 3) throw formatError(name, 'does not decode to RGB', { expected: '3 channels', found: info.channels });
    return { data: new Uint8Array(data.buffer, data.byteOffset, data.byteLength), width: info.width, height: info.height };
  } catch (cause) {
    if (cause instanceof PipelineError) throw cause;
    throw formatError(name, 'cannot be decoded', { expected: 'a complete picture', found: cause instanceof Error ? cause.message : String(cause), cause });
  }
}

function readLimited(path: string): Uint8Array {
  return withFile(path, ({ fd, size }) => {
    if (size > LARGEST_FILE) throw formatError(path, 'is too large for a picture', { expected: `at most ${LARGEST_FILE} bytes`, found: size });
    return readFileSync(fd);
  });
}

/**
 * @param svg drawn by us: it is not checked for anything but that it renders
 * @param width of the PNG in pixels; default: the SVG's own
 * Errors: E_FORMAT with librsvg's words.
 */
export async function svgToPng(svg: string, width?: number): Promise<Uint8Array> {
  try {
    const image = sharp(Buffer.from(svg, 'utf8'), { limitInputPixels: LARGEST_PIXELS });
    const sized = width === undefined ? image : image.resize({ width });
    return new Uint8Array(await sized.png({ compressionLevel: 6, adaptiveFiltering: false, palette: false }).toBuffer());
  } catch (cause) {
    throw new PipelineError('E_FORMAT', 'a figure cannot be rendered', { facts: { expected: 'valid SVG', found: cause instanceof Error ? cause.message : String(cause) }, cause });
  }
}
