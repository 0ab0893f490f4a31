import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { Random } from '../../../src/core/random.js';
import { tensor } from '../../../src/core/tensor.js';
import { readNpy, writeNpy } from '../../../src/formats/npy.js';
import { foldersToList, selectNsdFiles, type NsdChoice } from '../../../src/stages/nsd/layout.js';
import { averageRepeats } from '../../../src/stages/nsd-voxels/repeats.js';
import { zscoreSession } from '../../../src/stages/nsd-voxels/zscore.js';

const folder = mkdtempSync(join(tmpdir(), 'voxels-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('zscoreSession', () => {
  it('gives every voxel mean 0 and standard deviation 1 (n − 1) over the session', () => {
    const random = new Random('z');
    const trials = 50;
    const betas = Float32Array.from({ length: trials * 3 }, (_, i) => random.normal(i % 3, 1 + (i % 3)));
    const invalid = new Uint8Array(3);
    zscoreSession(betas, 3, () => true, invalid);
    for (let v = 0; v < 3; v += 1) {
      const column = Array.from({ length: trials }, (_, t) => betas[t * 3 + v] as number);
      const mean = column.reduce((a, b) => a + b) / trials;
      const variance = column.reduce((sum, x) => sum + (x - mean) ** 2, 0) / (trials - 1);
      expect(mean).toBeCloseTo(0, 5);
      expect(variance).toBeCloseTo(1, 5);
    }
    expect(Array.from(invalid)).toEqual([0, 0, 0]);
  });

  it('takes mean and deviation from the trials that count only', () => {
    const betas = Float32Array.from([0, 2, 100]);
    zscoreSession(betas, 1, (t) => t < 2, new Uint8Array(1));
    expect(betas[0]).toBeCloseTo(-Math.SQRT1_2, 6);
    expect(betas[1]).toBeCloseTo(Math.SQRT1_2, 6);
    expect(betas[2]).toBeCloseTo(99 / Math.SQRT2, 4);
  });

  it('flags a voxel without variance instead of inventing a number', () => {
    const betas = Float32Array.from([0, 1, 0, 2, 0, 3]);
    const invalid = new Uint8Array(2);
    zscoreSession(betas, 2, () => true, invalid);
    expect(Array.from(invalid)).toEqual([1, 0]);
    expect(betas[0]).toBeNaN();
  });
});

describe('averageRepeats', () => {
  it('averages the trials of each image and recovers the planted ncsnr', () => {
    const random = new Random('ncsnr');
    const images = 2000;
    const planted = [0.3, 0.8, 2];
    const order = new Random('order').permutation(images * 3);
    const trialImages = Int32Array.from(order, (t) => 10 + (t % images) * 2);
    const signal = Array.from({ length: images * 3 }, () => random.normal());
    const raw = Float32Array.from({ length: images * 9 }, (_, i) => {
      const voxel = i % 3;
      const image = ((trialImages[Math.floor(i / 3)] as number) - 10) / 2;
      return (signal[image * 3 + voxel] as number) + random.normal() / (planted[voxel] as number);
    });
    zscoreSession(raw, 3, () => true, new Uint8Array(3));
    const trials = join(folder, 'trials.npy');
    writeNpy(trials, tensor('float32', [images * 3, 3], raw));
    const means = averageRepeats(trials, trialImages, 3, join(folder, 'means.npy'), new AbortController().signal);
    expect(means.nsdIds.length).toBe(images);
    expect([...means.nsdIds]).toEqual([...means.nsdIds].sort((a, b) => a - b));
    expect(new Set(means.repeats)).toEqual(new Set([3]));
    // sampling error of ncsnr from 2000 images with 3 repeats is below 0.03 at these values
    means.ncsnr.forEach((x, v) => expect(Math.abs(x - (planted[v] as number))).toBeLessThan(0.08));
    const written = readNpy(join(folder, 'means.npy'));
    expect(written.shape).toEqual([images, 3]);
    const first = Array.from(trialImages.keys()).filter((t) => trialImages[t] === 10);
    const expected = first.reduce((sum, t) => sum + (raw[t * 3] as number), 0) / 3;
    expect(written.data[0]).toBeCloseTo(expected, 6);
  });

  it('keeps images with fewer repeats, counts them, and leaves ncsnr undefined without any triple', () => {
    const trials = join(folder, 'few.npy');
    writeNpy(trials, tensor('float32', [3, 1], Float32Array.from([1, 2, 5])));
    const means = averageRepeats(trials, Int32Array.from([7, 7, 3]), 1, join(folder, 'few-means.npy'), new AbortController().signal);
    expect(Array.from(means.nsdIds)).toEqual([3, 7]);
    expect(Array.from(means.repeats)).toEqual([1, 2]);
    expect(Array.from(readNpy(join(folder, 'few-means.npy')).data as Float32Array)).toEqual([5, 1.5]);
    expect(means.ncsnr[0]).toBeNaN();
  });
});

describe('selectNsdFiles', () => {
  const choice: NsdChoice = { subject: 1, space: 'func1pt8mm', betas: 'betas_fithrf', sessions: 0, format: 'auto', roi_sets: ['floc-faces'] };
  const [betas] = foldersToList(choice) as [string, string];
  const sessions = (...names: string[]): string[] => names.map((name) => `${betas}/${name}`);
  const everything = (): boolean => true;

  it('discovers the sessions and prefers .hdf5 when both formats are complete', () => {
    const names = sessions('betas_session01.hdf5', 'betas_session02.hdf5', 'betas_session01.nii.gz', 'betas_session02.nii.gz', 'meanbeta_session01.hdf5');
    const selection = selectNsdFiles(choice, names, everything, 'x');
    expect(selection.sessions).toBe(2);
    expect(selection.format).toBe('hdf5');
    expect(selection.files.filter((name) => name.includes('session'))).toEqual(sessions('betas_session01.hdf5', 'betas_session02.hdf5'));
  });

  it('takes the format that has more sessions', () => {
    const names = sessions('betas_session01.hdf5', 'betas_session01.nii.gz', 'betas_session02.nii.gz');
    expect(selectNsdFiles(choice, names, everything, 'x').format).toBe('nii.gz');
  });

  it('refuses a gap, naming the missing file and the sessions there are', () => {
    expect(() => selectNsdFiles(choice, sessions('betas_session01.hdf5', 'betas_session03.hdf5'), everything, 'x')).toThrow(/session 2 of subj01 is missing/);
  });

  it('refuses a tree without betas and one without a region volume', () => {
    expect(() => selectNsdFiles(choice, [], everything, '/data')).toThrow(/holds no betas of subj01/);
    expect(() => selectNsdFiles(choice, sessions('betas_session01.hdf5'), (name) => !name.includes('/roi/'), 'x')).toThrow(/roi\/floc-faces.nii.gz" is missing/);
  });

  it('lists the published ncsnr only where there is one', () => {
    const selection = selectNsdFiles(choice, sessions('betas_session01.hdf5'), (name) => !name.includes('ncsnr'), 'x');
    expect(selection.files.some((name) => name.includes('ncsnr'))).toBe(false);
  });
});
