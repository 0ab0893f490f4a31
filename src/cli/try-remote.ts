/** Asks the shared cache for something that it does not have: the check of `pipeline doctor`. No check without a shared cache. */
import { digestOf } from '../core/digest.js';
import { PipelineError } from '../core/errors.js';
import { openRemote, remoteSettings } from '../engine/remote/remote-settings.js';
import { failed, works, type Check } from './doctor/check.js';
import type { Invocation } from './invocation.js';
import { settingsOf } from './project-configs.js';
import { projectPaths } from './project-paths.js';

export async function tryRemote(invocation: Invocation): Promise<readonly Check[]> {
  const { root } = projectPaths(invocation);
  const { cwd, env } = invocation.io;
  const name = 'shared cache';
  try {
    const settings = remoteSettings(settingsOf(invocation, root), { root, cwd, env });
    if (settings === undefined) return [];
    const remote = openRemote(settings);
    try {
      const began = performance.now();
      await remote.getRecord(digestOf('pipeline doctor'));
      const trust = settings.trust === 'any' ? 'anybody is trusted' : `${settings.trust.length} trusted ${settings.trust.length === 1 ? 'key' : 'keys'}`;
      return [works(name, `${settings.mode}, ${trust}, answers in ${Math.ceil(performance.now() - began)} ms: ${remote.place}`)];
    } finally {
      remote.close();
    }
  } catch (error) {
    const hint = (error instanceof PipelineError ? error.hint : undefined) ?? 'runs go on without it; see docs/sharing.md';
    return [failed(name, error instanceof Error ? error.message : String(error), hint)];
  }
}
