import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { digestOf } from '../../src/core/digest.js';
import { sealArtifact } from '../../src/engine/artifact-seal.js';
import type { ArtifactFile } from '../../src/engine/artifact.js';
import { StagingWriter } from '../../src/engine/artifact-writer.js';
import { StoreRig } from '../rigs/store-rig.js';

const file = (name: string, content: string, more: Partial<ArtifactFile> = {}): ArtifactFile => ({ name, digest: digestOf(content), size: content.length, ...more });
const seal = (type: string, files: ArtifactFile[], restricted = false) => sealArtifact({ type, files, restricted });

describe('sealArtifact', () => {
  test('golden digest does not change: it is the content that enters keys', () => {
    expect(seal('Voxels', [file('betas.npy', 'abc'), file('index.json', '{}')]).digest).toMatchInlineSnapshot(`"24bf853064425939adea5f900b54635b2c6996fc1480e8fb86aad8743f749f0c"`);
  });

  test('the same files in another order are the same artifact, sorted by UTF-8 bytes', () => {
    const files = [file('b', '1'), file('\u{1F4A1}', '2'), file('\uFFFD', '3'), file('a/z', '4')];
    const sealed = seal('T', files);
    expect(sealed.files.map((f) => f.name)).toEqual(['a/z', 'b', '\uFFFD', '\u{1F4A1}']);
    expect(seal('T', [...files].reverse())).toEqual(sealed);
  });

  test('where the bytes live and the restricted flag are not part of the digest', () => {
    const plain = seal('T', [file('a', 'x')]);
    expect(seal('T', [file('a', 'x', { inline: 'eA==' })]).digest).toBe(plain.digest);
    expect(seal('T', [file('a', 'x', { external: true })]).digest).toBe(plain.digest);
    expect(seal('T', [file('a', 'x')], true)).toEqual({ ...plain, restricted: true });
    expect('restricted' in plain).toBe(false);
  });

  test.each([
    ['the type', seal('U', [file('a', 'x')])],
    ['a name', seal('T', [file('b', 'x')])],
    ['a content', seal('T', [file('a', 'y')])],
    ['one more file', seal('T', [file('a', 'x'), file('b', 'x')])],
  ])('the digest changes with %s', (_, other) => {
    expect(other.digest).not.toBe(seal('T', [file('a', 'x')]).digest);
  });

  test('a name used twice and an empty name are refused', () => {
    expect(() => seal('T', [file('a', 'x'), file('a', 'x')])).toThrow(/cannot be a file/);
    expect(() => seal('T', [file('', 'x')])).toThrow(/cannot be a file/);
  });
});

describe('a sealed output', () => {
  test('knows the digest that its artifact will have, and takes no further file', async () => {
    await using rig = new StoreRig();
    const writer = new StagingWriter('output "model"', join(rig.folder, 'out'), new Map(), 'Backbone');
    writer.write('model.onnx', 'x'.repeat(10_000));
    writer.json('backbone.json', { name: 'small' });
    const digest = writer.seal();
    expect(() => writer.write('more', 'x')).toThrowError(expect.objectContaining({ code: 'E_DATA' }) as Error);
    expect(sealArtifact({ type: 'Backbone', ...(await writer.finish(await rig.open())) }).digest).toBe(digest);
    expect(() => new StagingWriter('a memo value', join(rig.folder, 'memo'), new Map()).seal()).toThrowError(expect.objectContaining({ code: 'E_DATA' }) as Error);
  });
});
