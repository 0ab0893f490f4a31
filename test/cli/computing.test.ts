import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { chosenTarget, computingComposition, optionsOfSoftware, runSoftware } from '../../src/cli/computing.js';
import type { Invocation } from '../../src/cli/invocation.js';
import { loadConfigs } from '../../src/cli/project-configs.js';
import { PipelineError } from '../../src/core/errors.js';
import { chooseTarget, DEVICES, identityOf, RUNTIMES, targetOfIdentity } from '../../src/runtime/targets.js';

const root = mkdtempSync(join(tmpdir(), 'computing-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));
writeFileSync(join(root, 'package.json'), '{}');

async function invocation(options: { raw?: object; env?: NodeJS.ProcessEnv; config?: string } = {}): Promise<Invocation> {
  const file = join(root, 'pipeline.config.yaml');
  if (options.config === undefined) rmSync(file, { force: true });
  else writeFileSync(file, options.config);
  const registry = { manifests: new Map(), modules: {}, serviceIdentity: (name: string) => `own-${name}` };
  const io = { stdout: { write: () => true }, stderr: { write: () => true }, env: options.env ?? {}, cwd: root, composition: { registry, workerEntry: '' } };
  return { args: [], options: { raw: options.raw ?? {} }, io, configs: await loadConfigs([], root) } as unknown as Invocation;
}

describe('the tensor service of a call', () => {
  test('is ONNX Runtime on the CPU where no CUDA is installed, and says why', async () => {
    const target = chosenTarget(await invocation());
    expect(target).toMatchObject({ runtime: 'onnxruntime', device: 'cpu' });
    expect(target.why).toMatch(/^auto: /);
  });

  test('is named by the flag, before the environment, before the file of the project', async () => {
    const config = 'compute:\n  device: cuda\n';
    expect(chosenTarget(await invocation({ config })).device).toBe('cuda');
    expect(chosenTarget(await invocation({ config, env: { PIPELINE_DEVICE: 'webgpu' } })).device).toBe('webgpu');
    expect(chosenTarget(await invocation({ config, env: { PIPELINE_DEVICE: 'webgpu' }, raw: { device: 'cpu' } })).device).toBe('cpu');
    expect(chosenTarget(await invocation({ raw: { runtime: 'tensorflow', device: 'cpu' } })).runtime).toBe('tensorflow');
  });

  test('is what the keys say of the tensor service, and of no other', async () => {
    const { registry } = computingComposition(await invocation({ raw: { device: 'webgpu' } }));
    expect(registry.serviceIdentity('tensor')).toBe('onnxruntime-webgpu');
    expect(registry.serviceIdentity('downloads')).toBe('own-downloads');
  });

  test('is noted with a run, so that repeating it chooses the same', async () => {
    const software = runSoftware(await invocation({ raw: { device: 'webgpu' } }));
    expect(optionsOfSoftware(software)).toEqual({ runtime: 'onnxruntime', device: 'webgpu' });
    expect(optionsOfSoftware({})).toEqual({});
  });

  test.each([{ env: { PIPELINE_DEVICE: 'gpu' } }, { config: 'compute:\n  device: gpu\n' }])('refuses a device that does not exist: %o', async (given) => {
    const wrong = await invocation(given);
    expect(() => chosenTarget(wrong)).toThrow(expect.objectContaining({ facts: expect.objectContaining({ found: expect.stringContaining('gpu') as string }) as object }) as Error);
  });
});

describe('targets', () => {
  test('have identities that lead back to them', () => {
    for (const runtime of RUNTIMES) for (const device of DEVICES) expect(targetOfIdentity(identityOf({ runtime, device }))).toEqual({ runtime, device });
  });

  test('that no runtime has are refused', () => {
    expect(() => targetOfIdentity('abacus-wood')).toThrow(PipelineError);
    expect(() => chooseTarget('tensorflow', 'webgpu')).toThrow(expect.objectContaining({ code: 'E_DEVICE' }) as Error);
  });
});
