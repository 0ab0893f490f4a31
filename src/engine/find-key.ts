/** The key of a stage whose inputs are final: lists and digests its outside files, joins the contents of its inputs. */
import type { ExternalDigests } from './external-digests.js';
import { stageKey } from './key.js';
import { keyMaterial } from './key-material.js';
import type { InputContents } from './record.js';
import { inputsOf, isMany, type KeyedStage, type RunContents, type StageWithProducers } from './run-state.js';
import type { StageRegistry } from './stage.js';
import { digestExternals, externalContents, listExternals, type DigestOptions } from './stage-externals.js';

/** Errors: those of the stage type's list of externals, E_EXTERNAL_MISSING, E_INPUT_CHANGED, E_STORE_IO. */
export async function findKey(
  node: StageWithProducers,
  registry: StageRegistry,
  digests: ExternalDigests,
  contents: RunContents,
  options: DigestOptions,
): Promise<KeyedStage> {
  const files = await listExternals(node.stage, registry);
  const externals = await digestExternals(files, digests, options);
  for (const external of externals) contents.outside.set(external.content.digest, external);
  const material = keyMaterial(node.stage, { inputs: inputDigests(node), externals: externalContents(externals) }, registry);
  return { key: stageKey(material), material, externals };
}

/** Port → contents in the order of the edges. */
export function inputDigests(node: StageWithProducers): Record<string, InputContents> {
  const contents = Object.entries(inputsOf(node)).map(([port, input]): [string, InputContents] => [
    port,
    isMany(input) ? input.map(({ labels, artifact }) => ({ labels, digest: artifact.digest })) : [input.digest],
  ]);
  return Object.fromEntries(contents);
}
