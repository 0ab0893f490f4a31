/** A model of the user's own: its content, not its place, decides the key. */
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { Random } from '../../src/core/random.js';
import { GraphBuilder } from '../../src/graph/builder.js';
import { encodeModel } from '../../src/graph/encode.js';
import { conv2d, relu } from '../../src/graph/layers.js';
import { ENTRY, GRAPH, MODEL, TENSOR } from '../../src/graph/onnx/schema.js';
import { wireFields, WireWriter } from '../../src/graph/onnx/wire.js';

const folder = mkdtempSync(join(tmpdir(), 'onnx-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function model(seed: string, batch?: string): Uint8Array {
  const random = new Random(seed);
  const builder = new GraphBuilder();
  const image = builder.input('pixels', 'float32', [1, 3, 16, 16]);
  const weights = builder.floats([4, 3, 3, 3], Float32Array.from({ length: 108 }, () => random.normal()));
  builder.output('maps', relu(builder, conv2d(builder, image, weights, undefined, { pads: 1 }), 'maps'));
  return encodeModel(builder.build(), batch === undefined ? {} : { batch });
}

/** The model with the bytes of its one large weight in another file. */
function split(bytes: Uint8Array, location: string): { readonly model: Uint8Array; readonly data: Uint8Array } {
  const whole = new WireWriter();
  let data = new Uint8Array();
  for (const field of wireFields(bytes)) {
    if (field.number !== MODEL.graph) {
      whole.copy(field);
      continue;
    }
    const graph = new WireWriter();
    for (const part of wireFields(field.bytes)) {
      const raw = part.number === GRAPH.initializer ? [...wireFields(part.bytes)].find((each) => each.number === TENSOR.rawData) : undefined;
      if (raw === undefined || raw.bytes.length < 400) {
        graph.copy(part);
        continue;
      }
      data = Uint8Array.from(raw.bytes);
      const tensor = new WireWriter();
      for (const each of wireFields(part.bytes)) if (each.number !== TENSOR.rawData) tensor.copy(each);
      tensor.message(TENSOR.externalData, new WireWriter().string(ENTRY.key, 'location').string(ENTRY.value, location));
      graph.message(GRAPH.initializer, tensor.integer(TENSOR.dataLocation, 1));
    }
    whole.message(MODEL.graph, graph);
  }
  return { model: whole.finish(), data };
}

function run(file: string): { code: number | null; text: string } {
  const yaml = join(folder, 'p.yaml');
  writeFileSync(yaml, `name: onnx\nstages:\n  backbone:\n    type: backbone.onnx\n    params: { file: ${file}, size: 16 }\n`);
  const done = spawnSync(process.execPath, [resolve('dist/cli/main.js'), 'run', yaml, '--cache-dir', join(folder, 'cache'), '--results', join(folder, 'results')], { encoding: 'utf8' });
  return { code: done.status, text: done.stdout + done.stderr };
}

describe('backbone.onnx', () => {
  it('takes a model, restores it from another path, and runs again for other weights', () => {
    writeFileSync(join(folder, 'a.onnx'), model('a', 'N'));
    const first = run('a.onnx');
    expect(first.text).toMatch(/backbone +ran/);
    expect(first.code).toBe(0);
    copyFileSync(join(folder, 'a.onnx'), join(folder, 'elsewhere.onnx'));
    expect(run('elsewhere.onnx').text).toMatch(/backbone +restored/);
    writeFileSync(join(folder, 'a.onnx'), model('b', 'N'));
    expect(run('a.onnx').text).toMatch(/backbone +ran/);
  });

  it('carries a whole pipeline in place of the trained backbone, whatever its batch dimension is called', () => {
    writeFileSync(join(folder, 'own.onnx'), model('own', 'batch_size'));
    const tiny = readFileSync('pipelines/tiny.yaml', 'utf8');
    const from = tiny.indexOf('  pictures:');
    const to = tiny.indexOf('  features:');
    const backbone = '  backbone:\n    type: backbone.onnx\n    params: { file: own.onnx, size: 16 }\n';
    const yaml = join(folder, 'own.yaml');
    writeFileSync(yaml, (tiny.slice(0, from) + backbone + tiny.slice(to)).replace('layers: [conv5, conv6]', 'layers: [maps]').replaceAll('tolerance: 0.05', 'tolerance: 0.05, blur_sd: 2')
      // The true brain's maps are 128 pixels wide: they cannot be compared with maps of 16.
      .replace(/, reference: "[^"]*"/, ''));
    const environment: NodeJS.ProcessEnv = { ...process.env };
    delete environment['NSD_ROOT'];
    const done = spawnSync(process.execPath, [resolve('dist/cli/main.js'), 'run', yaml, '--cache-dir', join(folder, 'cache'), '--results', join(folder, 'results')], { encoding: 'utf8', env: environment });
    expect(done.stdout + done.stderr).toContain('14 ran, 0 restored, 0 skipped, 0 failed, 0 blocked');
    expect(done.status).toBe(0);
  }, 120_000);

  it('carries features from weights in a file beside the model: their content is in the key, and a missing file is named while planning', () => {
    const [first, second] = [split(model('beside', 'N'), 'beside.bin'), split(model('other', 'N'), 'beside.bin')];
    expect(first.data.length).toBeGreaterThan(400);
    expect(Buffer.from(second.model).equals(Buffer.from(first.model))).toBe(true);
    writeFileSync(join(folder, 'beside.onnx'), first.model);
    writeFileSync(join(folder, 'beside.bin'), first.data);
    const tiny = readFileSync('pipelines/tiny.yaml', 'utf8');
    const features = tiny.slice(tiny.indexOf('  features:'), tiny.indexOf('  readout:')).replace('layers: [conv5, conv6]', 'layers: [maps]');
    const yaml = join(folder, 'beside.yaml');
    writeFileSync(yaml, `${tiny.slice(0, tiny.indexOf('  voxels:'))}  backbone:\n    type: backbone.onnx\n    params: { file: beside.onnx, size: 16 }\n${features}`);
    const environment: NodeJS.ProcessEnv = { ...process.env };
    delete environment['NSD_ROOT'];
    const command = (name: string, ...more: string[]): { readonly code: number | null; readonly text: string } => {
      const done = spawnSync(process.execPath, [resolve('dist/cli/main.js'), name, yaml, '--cache-dir', join(folder, 'cache'), ...more], { encoding: 'utf8', env: environment });
      return { code: done.status, text: done.stdout + done.stderr };
    };
    const results = ['--results', join(folder, 'results')];
    const ran = command('run', ...results);
    expect(ran.text).toMatch(/features +ran/);
    expect(ran.code).toBe(0);
    expect(command('run', ...results).text).not.toMatch(/(backbone|features) +ran/);
    writeFileSync(join(folder, 'beside.bin'), second.data);
    const changed = command('run', ...results);
    expect(changed.text).toMatch(/backbone +ran/);
    expect(changed.text).toMatch(/features +ran/);
    rmSync(join(folder, 'beside.bin'));
    const missing = command('plan');
    expect(missing.code).not.toBe(0);
    expect(missing.text).toContain('beside.bin');
  }, 60_000);

  it('refuses a model whose batch is fixed, and says how to export it', () => {
    writeFileSync(join(folder, 'fixed.onnx'), model('a'));
    const done = run('fixed.onnx');
    expect(done.code).toBe(1);
    expect(done.text).toMatch(/E_GRAPH +the batch of the model is fixed[\s\S]*dynamic_axes/);
  });

  it('names every node that cannot be imported at once', () => {
    // names that no table knows in the place of names of the same length
    const builder = new GraphBuilder();
    const image = builder.input('pixels', 'float32', [1, 3, 16, 16]);
    const first = builder.op('Sigmoid', [image]);
    builder.output('maps', builder.op('Sigmoid', [builder.op('Tanh', [first])]));
    const bytes = Buffer.from(encodeModel(builder.build(), { batch: 'N' })).toString('latin1').replaceAll('Sigmoid', 'Sigmund').replaceAll('Tanh', 'Tank');
    writeFileSync(join(folder, 'unknown.onnx'), Buffer.from(bytes, 'latin1'));
    const done = run('unknown.onnx');
    expect(done.code).toBe(1);
    expect(done.text).toMatch(/E_OPERATOR[\s\S]*found: Sigmund \([^)]*, [^)]*\); Tank \(/);
  });

  it('refuses bytes that are no model, with an error of its own', () => {
    writeFileSync(join(folder, 'text.onnx'), 'this is no model');
    const done = run('text.onnx');
    expect(done.code).toBe(1);
    expect(done.text).toContain('E_GRAPH');
    expect(done.text).not.toContain('This is a bug');
  });
});
