/**
 * The composition with the tensor service that this call has chosen: `--device` and `--runtime` over environment over pipeline.config.yaml over
 * `auto`. The choice is an identity in the keys of the stages that compute, so planning and running agree on it.
 */
import { chooseTarget, identityOf, targetOfIdentity, type Device, type Runtime, type TensorTarget } from '../runtime/targets.js';
import type { Invocation } from './invocation.js';
import type { Composition } from './io.js';
import { installedVersions } from './machine-limits.js';
import { settingsOf } from './project-configs.js';
import { projectPaths } from './project-paths.js';
import { compositionOf } from './registry.js';

const TENSOR = 'tensor';

export function chosenTarget(invocation: Invocation, file?: string): TensorTarget {
  const settings = settingsOf(invocation, projectPaths(invocation, file).root);
  return chooseTarget(settings.text('compute.runtime') as Runtime, settings.text('compute.device') as Device | 'auto');
}

/** For commands that make or compare keys. */
export function computingComposition(invocation: Invocation, file?: string): Composition {
  const composition = compositionOf(invocation.io);
  const { registry } = composition;
  let identity: string | undefined;
  return {
    ...composition,
    registry: { ...registry, serviceIdentity: (name) => (name === TENSOR ? (identity ??= identityOf(chosenTarget(invocation, file))) : registry.serviceIdentity(name)) },
  };
}

/** For records and comparisons of runs: versions of packages, and the tensor service of this call. */
export function runSoftware(invocation: Invocation, file?: string): Record<string, string> {
  return { ...installedVersions(), [TENSOR]: identityOf(chosenTarget(invocation, file)) };
}

/** The options that choose the tensor service that an old run had; none for a run that did not note it. */
export function optionsOfSoftware(software: Readonly<Record<string, string>>): Record<string, string> {
  const identity = software[TENSOR];
  return identity === undefined ? {} : { ...targetOfIdentity(identity) };
}
