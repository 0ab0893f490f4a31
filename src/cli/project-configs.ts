/**
 * The project configuration of a call: read before its command starts, for the folders that its arguments lie in. Without a pipeline.config.yaml
 * nothing is loaded. A broken one is an error of the commands that ask for it, not of `help`.
 */
import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import type { LoadedConfig, ProjectConfigs } from '../engine/config/read-config.js';
import { Settings } from '../engine/config/settings.js';
import { findProjectRoot } from '../engine/project.js';
import type { Invocation } from './invocation.js';
import { textOption } from './option-values.js';

export const CONFIG_FILE = 'pipeline.config.yaml';

/** Arguments that are no paths lie in the current folder, so they add nothing. */
export async function loadConfigs(args: readonly string[], cwd: string): Promise<ProjectConfigs> {
  const roots = new Set([cwd, ...args.map((argument) => dirname(resolve(cwd, argument)))].map(findProjectRoot));
  const configs = new Map<string, LoadedConfig>();
  for (const root of roots) {
    const file = join(root, CONFIG_FILE);
    if (existsSync(file)) configs.set(root, (await import('../engine/config/read-config.js')).readProjectConfig(file));
  }
  return configs;
}

/** What is in force in a project. Throws what is wrong with its file. */
export function settingsOf({ configs, options, io }: Invocation, root: string, flags: Readonly<Record<string, string>> = {}): Settings {
  const loaded = configs.get(root);
  const error = loaded?.diagnostics.find(({ severity }) => severity === 'error')?.error;
  if (error !== undefined) throw error;
  return new Settings({ config: loaded?.config, env: io.env, flags: { '--cache-dir': textOption(options, 'cacheDir'), '--remote': textOption(options, 'remote'), '--device': textOption(options, 'device'), '--runtime': textOption(options, 'runtime'), ...flags } });
}
