/** `pipeline doctor`: tries, by doing it, what pipeline needs of this machine. What is not as it should be says what to do; exit code 6 if something needed is missing. */
import { arch, cpus, platform, release } from 'node:os';
import { chosenTarget } from '../computing.js';
import { failed, works, type Check, type CheckStatus } from '../doctor/check.js';
import { nodeCheck } from '../doctor/node-check.js';
import { storeChecks } from '../doctor/store-checks.js';
import { targetChecks } from '../doctor/target-checks.js';
import { EXIT } from '../exit-codes.js';
import type { Invocation } from '../invocation.js';
import { availableCpus, availableMemoryMb, installedVersions } from '../machine-limits.js';
import { projectPaths } from '../project-paths.js';
import { compositionOf } from '../registry.js';
import { longest, textTable } from '../render/text-table.js';
import { printable } from '../terminal.js';
import { tryRemote } from '../try-remote.js';

const WORDS: Readonly<Record<CheckStatus, string>> = { works: 'works', absent: 'not there', warning: 'warning', failed: 'does not work' };

export async function handle(invocation: Invocation): Promise<number> {
  const { io, options, out } = invocation;
  const { store } = projectPaths(invocation);
  const checks = [
    nodeCheck(process.versions.node, new Date()),
    await attempt('stage types', 'run: npm run build', () => Promise.resolve(`${compositionOf(io).registry.manifests.size} known`)),
    ...(await targetChecks(chosenTarget(invocation), io.env)),
    ...(await storeChecks(store)),
    ...(await tryRemote(invocation)),
  ];
  const software = installedVersions();
  const machine = { node: process.versions.node, system: `${platform()} ${release()} ${arch()}`, processor: cpus()[0]?.model.trim() ?? 'unknown', cores: String(availableCpus()), memory: `${availableMemoryMb()} MB` };
  const isFine = checks.every(({ status }) => status !== 'failed');
  if (options.json) {
    io.stdout.write(`${JSON.stringify({ schema: 'pipeline.doctor.v1', ok: isFine, machine, software, checks: checks.map((check) => ({ ...check, ok: check.status !== 'failed' })) })}\n`);
    return isFine ? EXIT.ok : EXIT.environment;
  }
  const shown = options.quiet ? checks.filter(({ status }) => status === 'warning' || status === 'failed') : checks;
  if (!options.quiet) io.stdout.write(`${textTable(['', ''], [...Object.entries(machine), ...Object.entries(software)].map((row) => [...row])).trimStart()}\n\n`);
  const [nameWidth, wordWidth] = [longest(shown.map(({ name }) => name)), longest(shown.map(({ status }) => WORDS[status]))];
  const marks: Readonly<Record<CheckStatus, string>> = { works: out.green(out.symbol('ran')), absent: out.dim('–'), warning: out.yellow(out.symbol('warning')), failed: out.red(out.symbol('failed')) };
  for (const { name, status, detail, hint } of shown) {
    io.stdout.write(`${marks[status]} ${name.padEnd(nameWidth)}  ${WORDS[status].padEnd(wordWidth)}  ${printable(detail)}\n`);
    if (hint !== undefined) io.stdout.write(`${' '.repeat(nameWidth + wordWidth + 6)}${out.arrow} ${printable(hint)}\n`);
  }
  return isFine ? EXIT.ok : EXIT.environment;
}

async function attempt(name: string, hint: string, work: () => Promise<string>): Promise<Check> {
  try {
    return works(name, await work());
  } catch (error) {
    return failed(name, error instanceof Error ? error.message : String(error), hint);
  }
}
