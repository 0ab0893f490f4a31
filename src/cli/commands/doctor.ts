/** `pipeline doctor`: tries, by doing it, what pipeline needs of this machine. Each check says what to do if it fails. */
import { arch, cpus, platform, release } from 'node:os';
import { openStore } from '../../engine/store/file-store.js';
import { GraphBuilder } from '../../graph/builder.js';
import { encodeModel } from '../../graph/encode.js';
import { createOnnxRuntimeService } from '../../runtime/onnxruntime-service.js';
import { EXIT } from '../exit-codes.js';
import type { Invocation } from '../invocation.js';
import { availableCpus, availableMemoryMb, installedVersions } from '../machine-limits.js';
import { projectPaths } from '../project-paths.js';
import { compositionOf } from '../registry.js';
import { tryRemote } from '../try-remote.js';
import { textTable } from '../render/text-table.js';

interface Check {
  readonly name: string;
  readonly ok: boolean;
  readonly detail: string;
}

export async function handle(invocation: Invocation): Promise<number> {
  const { io, options, out } = invocation;
  const { store } = projectPaths(invocation);
  const checks = [
    await check('stage types', () => Promise.resolve(`${compositionOf(io).registry.manifests.size} known`)),
    await check('tensor service', tryTensors),
    await check('cache', () => tryStore(store)),
    ...(await tryRemote(invocation)),
  ];
  const machine = { node: process.versions.node, system: `${platform()} ${release()} ${arch()}`, processor: cpus()[0]?.model.trim() ?? 'unknown', cores: String(availableCpus()), memory: `${availableMemoryMb()} MB` };
  const failed = checks.some(({ ok }) => !ok);
  if (options.json) io.stdout.write(`${JSON.stringify({ schema: 'pipeline.doctor.v1', machine, software: installedVersions(), checks })}\n`);
  else {
    io.stdout.write(`${textTable(['', ''], [...Object.entries(machine), ...Object.entries(installedVersions())].map((row) => [...row])).trimStart()}\n\n`);
    for (const { name, ok, detail } of checks) io.stdout.write(`${ok ? out.green(out.symbol('ran')) : out.red(out.symbol('failed'))} ${name}  ${ok ? 'works' : 'does not work'}  ${detail}\n`);
  }
  return failed ? EXIT.environment : EXIT.ok;
}

async function check(name: string, attempt: () => Promise<string>): Promise<Check> {
  try {
    return { name, ok: true, detail: await attempt() };
  } catch (error) {
    return { name, ok: false, detail: error instanceof Error ? error.message : String(error) };
  }
}

/** Compiles and runs a model of one node. */
async function tryTensors(): Promise<string> {
  const builder = new GraphBuilder();
  const x = builder.input('x', 'float32', [2]);
  builder.output('y', builder.op('Add', [x, x]));
  const service = createOnnxRuntimeService({ threads: 1 });
  try {
    const program = await service.compile(encodeModel(builder.build()), { label: 'doctor' });
    const { y } = await program.run({ x: { dtype: 'float32', shape: [2], data: Float32Array.of(1, 2) } });
    return `${service.identity()}, 1 + 1 = ${y?.data[0] ?? '?'}`;
  } finally {
    await service.dispose();
  }
}

async function tryStore(directory: string): Promise<string> {
  const store = await openStore(directory, { mode: 'read-write' });
  try {
    await store.discardStaging(await store.createStaging('doctor'));
    return `can be written: ${directory}`;
  } finally {
    await store.close();
  }
}
