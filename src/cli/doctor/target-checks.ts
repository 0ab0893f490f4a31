/** The checks of where tensors can be computed: each target is tried by computing with it, in a process of its own. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { identityOf, onnxRuntimeCuda, packageFolder, tensorflowCuda, type TensorTarget } from '../../runtime/targets.js';
import { PACKAGE_ROOT } from '../package-root.js';
import { absent, failed, works, type Check } from './check.js';
import type { TargetTrial } from './try-target.js';

const TRIAL = join(PACKAGE_ROOT, 'dist', 'cli', 'doctor', 'try-target.js');
/** Starting a graphics driver for the first time compiles its shaders. */
const PATIENCE_MS = 60_000;

/** The chosen one first; then what else there is. */
export async function targetChecks(chosen: TensorTarget, env: NodeJS.ProcessEnv): Promise<Check[]> {
  const identity = identityOf(chosen);
  const trial = await tryTarget(identity, env);
  const text = `${identity} (${chosen.why}): ${trial.detail}`;
  const checks = [trial.works ? works('device', text) : failed('device', text, trial.hint ?? 'choose another with --device or --runtime')];
  const others: [string, string | undefined][] = [
    ['onnxruntime-cpu', undefined],
    ['onnxruntime-cuda', onnxRuntimeCuda().isThere ? undefined : onnxRuntimeCuda().reason],
    ['onnxruntime-webgpu', undefined],
    ['tensorflow-cuda', tensorflowCuda().isThere ? undefined : tensorflowCuda().reason],
    ['tensorflow-cpu', packageFolder('@tensorflow/tfjs-node') === undefined ? '@tensorflow/tfjs-node is not installed' : undefined],
  ];
  for (const [other, missing] of others) {
    if (other === identity) continue;
    if (missing !== undefined) checks.push(absent(other, missing));
    else {
      const found = await tryTarget(other, env);
      checks.push(found.works ? works(other, found.detail) : absent(other, found.detail));
    }
  }
  return checks;
}

async function tryTarget(identity: string, env: NodeJS.ProcessEnv): Promise<TargetTrial> {
  try {
    const { stdout } = await promisify(execFile)(process.execPath, [TRIAL, identity], { env, timeout: PATIENCE_MS });
    return JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as TargetTrial;
  } catch (error) {
    const { signal, code } = error as { signal?: string | null; code?: number | string | null };
    return { works: false, detail: `the trial ended with ${signal ?? `exit code ${code ?? '?'}`}`, hint: 'update the driver, or choose --device cpu' };
  }
}
