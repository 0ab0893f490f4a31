/** `pipeline cache keygen KEYFILE`: a new private key on disk, its public half on the screen. An existing file is never touched. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { PipelineError } from '../../core/errors.js';
import { generateKey } from '../../engine/remote/signing.js';
import { EXIT } from '../exit-codes.js';
import type { Invocation } from '../invocation.js';

const OWNER_ONLY = 0o600;

export function handle({ args, io, options }: Invocation): Promise<number> {
  const file = resolve(io.cwd, args[0] as string);
  const { pem, publicKey, id } = generateKey();
  try {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, pem, { flag: 'wx', mode: OWNER_ONLY });
  } catch (error) {
    throw new PipelineError('E_USAGE', `"${file}" cannot hold a new key`, { facts: { expected: 'a path where nothing is yet', found: (error as Error).message }, hint: 'Name another file: a key that is in use is never replaced.', cause: error });
  }
  if (options.json) io.stdout.write(`${JSON.stringify({ schema: 'pipeline.cache.keygen.v1', file, publicKey, id })}\n`);
  else io.stdout.write(`private key  ${file}  (keep it to yourself, and out of the project)\npublic key   ${publicKey}\nid           ${id}\n\nIn pipeline.config.yaml:\n  remote:\n    trust: ["${publicKey}"]\nand where results are sent from:\n    mode: read-write\n    sign: { keyFile: "${file}" }\n`);
  return Promise.resolve(EXIT.ok);
}
