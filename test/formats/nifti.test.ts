import { readFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { gunzipSync, gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { sizeOf, type DType } from '../../src/core/tensor.js';
import { NiftiWriter, nsdAffine, readNifti, readNiftiHeader, streamNiftiFrames, writeNifti } from '../../src/formats/nifti.js';
import { expectedValues, expectFailure, fixture, ramp, survivesDamage, temporary } from './support.js';

const SHAPE = [5, 4, 3] as const;
const file = (name: string): string => fixture(`nifti/${name}`);

async function frames(path: string): Promise<{ shape: readonly number[]; frames: number[][] }> {
  const out: number[][] = [];
  const { shape } = await streamNiftiFrames(path, (index, frame) => {
    expect(index).toBe(out.length);
    out.push(Array.from(frame as Int16Array));
  });
  return { shape, frames: out };
}

describe('volumes that nibabel wrote', () => {
  test.each([
    ['3d.i2.nii', 'int16'],
    ['3d.f4.nii.gz', 'float32'],
    ['3d.f8.nii', 'float64'],
    ['3d.u1.nii', 'uint8'],
    ['3d.i4.big-endian.nii', 'int32'],
  ] as [string, DType][])('%s is read with its values, x fastest', (name, dtype) => {
    const image = readNifti(file(name));
    expect(image.shape).toEqual(SHAPE);
    expect(image.dtype).toBe(dtype);
    expect(image.data.shape).toEqual([3, 4, 5]);
    expect(image.data.data).toEqual(ramp([3, 4, 5], dtype));
  });

  test('the affine is NSD\'s convention', () => {
    const { affine } = readNiftiHeader(file('3d.i2.nii'));
    affine.forEach((value, i) => expect(value).toBeCloseTo(expectedValues['nsd-affine']?.[i] as number, 5));
    nsdAffine(SHAPE, 1.8).forEach((value, i) => expect(value).toBeCloseTo(affine[i] as number, 5));
  });

  test('a quaternion gives the affine that nibabel makes of it; without any form the voxel sizes remain', () => {
    const { affine } = readNiftiHeader(file('3d.qform.nii'));
    affine.forEach((value, i) => expect(value).toBeCloseTo(expectedValues['qform']?.[i] as number, 5));
    expect(readNiftiHeader(file('3d.no-form.nii')).affine).toEqual([2, 0, 0, 0, 0, 3, 0, 0, 0, 0, 4, 0, 0, 0, 0, 1]);
  });

  test('a region of interest keeps −1, 0 and its labels', () => {
    expect(Array.from(readNifti(file('roi.f4.nii.gz')).data.data as Float32Array)).toEqual(expectedValues['roi']);
  });

  test('the scale is applied on request only, and slope 0 means none', () => {
    const stored = ramp([6, 3, 4, 5], 'int16');
    expect(readNifti(file('4d.i2.scaled.nii.gz')).data.data).toEqual(stored);
    const scaled = readNifti(file('4d.i2.scaled.nii.gz'), { scaled: true }).data;
    expect(scaled.dtype).toBe('float64');
    stored.forEach((value, i) => expect(scaled.data[i]).toBeCloseTo(value / 300 + 0.5, 6));
    expect(readNiftiHeader(file('3d.i2.slope0.nii'))).toMatchObject({ slope: 1, intercept: 0 });
    expect(Array.from(readNifti(file('3d.i2.slope0.nii'), { scaled: true }).data.data as Float64Array)).toEqual(Array.from(ramp([3, 4, 5], 'int16')));
  });

  test.each(['4d.i2.nii.gz', '4d.i2.big-endian.nii.gz', '3d.i2.nii'])('%s: streamed frames are the slices of the whole', async (name) => {
    const whole = Array.from(readNifti(file(name)).data.data as Int16Array);
    const streamed = await frames(file(name));
    expect(streamed.shape).toEqual(readNiftiHeader(file(name)).shape);
    expect(streamed.frames).toHaveLength(whole.length / 60);
    expect(streamed.frames.flat()).toEqual(whole);
  });
});

describe('volumes that we write', () => {
  const options = { shape: [5, 4, 3, 6], dtype: 'int16', affine: nsdAffine(SHAPE, 1.8), repetition: 4 / 3 } as const;

  test.each(['a.nii', 'a.nii.gz'])('%s is read back', async (name) => {
    const path = temporary(name);
    const data = ramp([6, 3, 4, 5], 'int16');
    await writeNifti(path, options, data);
    const image = readNifti(path);
    expect(image).toMatchObject({ shape: [5, 4, 3, 6], dtype: 'int16', slope: 1, intercept: 0 });
    expect(image.voxelSize[3]).toBeCloseTo(4 / 3, 6);
    expect(image.data.data).toEqual(data);
    expect(gzipped(path)).toBe(name.endsWith('.gz'));
  });

  test('the same frames written later give the same bytes, and the compressed file holds the plain one', async () => {
    const [first, second, plain] = [temporary('a.nii.gz'), temporary('b.nii.gz'), temporary('c.nii')];
    const data = ramp([6, 3, 4, 5], 'int16');
    const write = async (path: string): Promise<void> => {
      const writer = new NiftiWriter(path, options);
      const frame = new Int16Array(60);
      for (let t = 0; t < 6; t += 1) {
        // The caller may use its array again at once.
        frame.set(data.subarray(60 * t, 60 * (t + 1)));
        await writer.append(frame);
      }
      await writer.close();
    };
    await write(first);
    await setTimeout(1100);
    await write(second);
    await write(plain);
    expect(readFileSync(second).equals(readFileSync(first))).toBe(true);
    expect(gunzipSync(readFileSync(first)).equals(readFileSync(plain))).toBe(true);
  });

  test('too few, too many and wrong elements, and impossible shapes, are refused', async () => {
    const writer = new NiftiWriter(temporary('a.nii'), options);
    await expectFailure(() => writer.append(new Float32Array(1)), /int16/, 'E_DATA');
    await expectFailure(() => writer.append(new Int16Array(sizeOf(options.shape) + 1)), /360 elements/, 'E_DATA');
    await expectFailure(() => writer.close(), /before it was full/, 'E_DATA');
    await expectFailure(() => new NiftiWriter(temporary('a.nii'), { ...options, shape: [40000, 1, 1] }), /32767/, 'E_DATA');
  });

  test('a full disk is told as such', async () => {
    const writer = new NiftiWriter('/dev/full', { ...options, gzip: false });
    await expectFailure(async () => {
      await writer.append(ramp([6, 3, 4, 5], 'int16'));
      await writer.close();
    }, /ENOSPC/, 'E_NO_SPACE');
  });
});

const gzipped = (path: string): boolean => readFileSync(path).readUInt16BE(0) === 0x1f8b;

describe('files that are refused', () => {
  const valid = readFileSync(file('3d.i2.nii'));
  const changed = (name: string, change: (bytes: Buffer) => void): string => {
    const bytes = Buffer.from(valid);
    change(bytes);
    return temporary(name, bytes);
  };

  test.each([
    ['half of a pair', file('pair.hdr'), /two-file/],
    ['NIfTI-2', file('version2.nii'), /NIfTI-2/],
    ['a data offset past the end', changed('a.nii', (b) => b.writeFloatLE(1e6, 108)), /another length/],
    ['a fractional data offset', changed('a.nii', (b) => b.writeFloatLE(352.5, 108)), /vox_offset/],
    ['a data offset that is not a number', changed('a.nii', (b) => b.writeFloatLE(NaN, 108)), /vox_offset/],
    ['extents beyond the file', changed('a.nii', (b) => [1, 2, 3, 4, 5, 6, 7].forEach((i) => b.writeInt16LE(i === 1 ? 7 : 32767, 38 + 2 * i))), /impossible|length/],
    ['a negative extent', changed('a.nii', (b) => b.writeInt16LE(-5, 42)), /impossible extents/],
    ['no axes', changed('a.nii', (b) => b.writeInt16LE(0, 40)), /impossible extents/],
    ['an unknown datatype', changed('a.nii', (b) => b.writeInt16LE(128, 70)), /datatype 128/],
    ['bitpix of another type', changed('a.nii', (b) => b.writeInt16LE(8, 72)), /bitpix 8/],
    ['an affine that is not finite', changed('a.nii', (b) => b.writeFloatLE(Infinity, 280)), /finite/],
    ['a file cut short', temporary('a.nii', valid.subarray(0, 400)), /another length/],
    ['a file with a tail', temporary('a.nii', Buffer.concat([valid, Buffer.alloc(1)])), /another length/],
    ['a compressed header that claims 131 TB', temporary('a.nii.gz', gzipSync(claim(valid))), /another length/],
    ['a compressed file with a tail inside', temporary('a.nii.gz', gzipSync(Buffer.concat([valid, Buffer.alloc(9)]))), /length|gzip/],
    ['a compressed file cut short inside', temporary('a.nii.gz', gzipSync(valid.subarray(0, -2))), /length/],
  ] as [string, string, RegExp][])('%s', async (_, path, words) => {
    await expectFailure(() => readNifti(path), words);
    await expectFailure(() => streamNiftiFrames(path, () => undefined), words);
  });

  function claim(bytes: Buffer): Buffer {
    const out = Buffer.from(bytes);
    for (const at of [42, 44, 46]) out.writeInt16LE(32767, at);
    return out;
  }

  test('a truncated gzip stream is refused, whole and streamed', async () => {
    const bytes = readFileSync(file('4d.i2.nii.gz'));
    for (const length of [20, 200, bytes.length - 9, bytes.length - 1]) {
      const path = temporary('a.nii.gz', bytes.subarray(0, length));
      await expectFailure(() => readNifti(path), /gzip|length|short/);
      await expectFailure(() => streamNiftiFrames(path, () => undefined), /gzip|length|short/);
    }
  });

  test('what the callback throws comes out as it is', async () => {
    const reason = new Error('stop');
    await expect(streamNiftiFrames(file('4d.i2.nii.gz'), (index) => {
      if (index === 2) throw reason;
    })).rejects.toBe(reason);
  });

  test('damage ends in a result or E_FORMAT', async () => {
    for (const name of ['3d.i2.nii', '4d.i2.nii.gz', '4d.i2.big-endian.nii.gz', 'roi.f4.nii.gz']) {
      expect(await survivesDamage(file(name), 200, (path) => readNifti(path, { scaled: true }))).toBeGreaterThan(80);
      await survivesDamage(file(name), 100, (path) => streamNiftiFrames(path, () => undefined));
    }
  });
});
