import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { decodeImage, encodePng, svgToPng } from '../../src/formats/image.js';
import { expectedValues, expectFailure, fixture, ramp, survivesDamage } from './support.js';

const file = (name: string): string => fixture(`image/${name}`);
const rgb = ramp([8, 10, 3], 'uint8');

describe('pictures that Pillow wrote', () => {
  test.each(['rgb.png', 'rgb.tiff', 'opaque.png'])('%s decodes to its pixels', async (name) => {
    expect(await decodeImage(file(name))).toEqual({ data: rgb, width: 10, height: 8 });
  });

  test('grey becomes three equal channels', async () => {
    const { data } = await decodeImage(file('grey.png'));
    expect(Array.from(data)).toEqual(Array.from({ length: 240 }, (_, i) => rgb[i - (i % 3)]));
  });

  test('a JPEG decodes to what Pillow makes of it, within one step of rounding', async () => {
    const { data, width, height } = await decodeImage(readFileSync(file('smooth.jpg')));
    expect([width, height]).toEqual([32, 24]);
    const worst = data.reduce((most, value, i) => Math.max(most, Math.abs(value - (expectedValues['smooth']?.[i] as number))), 0);
    expect(worst).toBeLessThanOrEqual(1);
  });

  test('EXIF turns the picture upright', async () => {
    const [plain, turned] = [await decodeImage(file('smooth.jpg')), await decodeImage(file('rotated.jpg'))];
    expect([turned.width, turned.height]).toEqual([24, 32]);
    // Orientation 6: what was at the left bottom comes to the left top.
    expect(Array.from(turned.data.subarray(0, 3))).toEqual(Array.from(plain.data.subarray(23 * 32 * 3, 23 * 32 * 3 + 3)));
  });
});

describe('pictures that we write', () => {
  test('pixels survive and the same pixels give the same bytes', async () => {
    const png = await encodePng(rgb, 10, 8, 3);
    expect(await decodeImage(png)).toEqual({ data: rgb, width: 10, height: 8 });
    expect(Buffer.compare(await encodePng(rgb, 10, 8, 3), png)).toBe(0);
  });

  test('one channel stays one channel, four stay four', async () => {
    const colourType = (png: Uint8Array): number | undefined => png[25];
    expect(colourType(await encodePng(ramp([8, 10], 'uint8'), 10, 8, 1))).toBe(0);
    expect(colourType(await encodePng(rgb, 10, 8, 3))).toBe(2);
    expect(colourType(await encodePng(ramp([8, 10, 4], 'uint8'), 10, 8, 4))).toBe(6);
  });

  test('pixels that do not fill the picture are refused', () => expectFailure(() => encodePng(rgb, 10, 9, 3), /10 × 9/, 'E_DATA'));

  test('a figure is drawn at the width asked for', async () => {
    const svg = '<svg xmlns="http://www.w3.org/2000/svg" width="20" height="10"><rect width="20" height="10" fill="#ff0000"/></svg>';
    const { data, width, height } = await decodeImage(await svgToPng(svg, 40));
    expect([width, height]).toEqual([40, 20]);
    expect(Array.from(data.subarray(0, 3))).toEqual([255, 0, 0]);
    await expectFailure(() => svgToPng('<svg'), /rendered/);
  });
});

describe('pictures that are refused', () => {
  test.each([
    ['picture.gif', /gif/],
    ['animated.webp', /pages/],
    ['transparent.png', /transparent/],
    ['truncated.jpg', /decoded/],
    ['bomb.png', /decoded[^]*limit/],
  ])('%s', (name, words) => expectFailure(() => decodeImage(file(name)), words));

  test('SVG is not a photograph', () => expectFailure(() => decodeImage(Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>')), /svg/));

  test('damage ends in a result or E_FORMAT', async () => {
    for (const name of ['rgb.png', 'smooth.jpg', 'rgb.tiff']) expect(await survivesDamage(file(name), 100, decodeImage)).toBeGreaterThan(20);
  });
});
