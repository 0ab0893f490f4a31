#!/usr/bin/env node
/**
 * The command `pipeline`. `main` is a function of its arguments and streams, so that tests call it in-process; the process entry below adds
 * what only a process has. Everything is imported when it is needed: help loads the command table and nothing else.
 *
 * Nothing may be imported here statically but types: a Node that is too old must still reach the check and print a readable message.
 */
import type { CliIo } from './io.js';

const OLDEST_NODE = [20, 19] as const;

/** Runs one command; resolves to the exit code. Never rejects. */
export async function main(argv: readonly string[], io: CliIo): Promise<number> {
  if (argv[0] === '__complete') {
    const { answer } = await import('./completion/answer.js');
    return answer(argv.slice(1), io);
  }
  const { isUnicode, styleFor, wantsColor } = await import('./terminal.js');
  const color = colorChoice(argv);
  const style = styleFor(wantsColor(io.stdout, io.env, color), isUnicode(io.env));
  const flags = argv.includes('--') ? argv.slice(0, argv.indexOf('--')) : argv;
  if (argv.length === 0) {
    const { shortHelp } = await import('./help-text.js');
    io.stdout.write(shortHelp(style));
    return 0;
  }
  if (flags.includes('--help') || flags.includes('-h')) {
    const { fullHelp, helpFor } = await import('./help-text.js');
    io.stdout.write(helpFor(flags.filter((word) => !word.startsWith('-')), style) ?? fullHelp(style));
    return 0;
  }
  if (flags.includes('--version')) {
    const { packageVersion } = await import('./package-root.js');
    io.stdout.write(flags.includes('--json') ? await versionJson() : `pipeline ${packageVersion()}\n`);
    return 0;
  }
  const errorColor = wantsColor(io.stderr, io.env, color);
  try {
    const { parseArguments } = await import('./parse.js');
    const { command, args, options } = parseArguments(argv, io.env);
    const { loadConfigs } = await import('./project-configs.js');
    const configs = await loadConfigs(args, io.cwd);
    const { handle } = await command.load();
    return await handle({ args, options, io, out: style, err: styleFor(errorColor, isUnicode(io.env)), configs });
  } catch (error) {
    const { errorJson, errorText, exitCodeOf, moreHint } = await import('./error-output.js');
    if (flags.includes('--json')) io.stderr.write(`${errorJson(error, io.cwd)}\n`);
    else {
      io.stderr.write(`${errorText(error, { cwd: io.cwd, color: errorColor, debug: flags.includes('--debug') })}\n`);
      const more = moreHint([error]);
      if (more !== undefined) io.stderr.write(`${more}\n`);
    }
    return exitCodeOf(error);
  }
}

async function versionJson(): Promise<string> {
  const { installedVersions } = await import('./machine-limits.js');
  const { pipeline, ...packages } = installedVersions();
  return `${JSON.stringify({ schema: 'pipeline.version.v1', pipeline, node: process.versions.node, platform: `${process.platform}-${process.arch}`, packages })}\n`;
}

function colorChoice(argv: readonly string[]): 'always' | 'never' | 'auto' | undefined {
  const at = argv.findIndex((word) => word === '--color' || word.startsWith('--color='));
  if (at < 0) return undefined;
  const value = argv[at]?.split('=')[1] ?? argv[at + 1];
  return value === 'always' || value === 'never' || value === 'auto' ? value : undefined;
}

function nodeIsTooOld(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major < OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor < OLDEST_NODE[1]);
}

/** `head` may close the pipe before everything is written: that ends the writing, not the work. */
function ignoreClosedPipe(stream: NodeJS.WriteStream): void {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') stream.write = () => true;
    else throw error;
  });
}

async function isProcessEntry(): Promise<boolean> {
  const script = process.argv[1];
  if (script === undefined) return false;
  const [{ realpathSync }, { fileURLToPath }] = await Promise.all([import('node:fs'), import('node:url')]);
  try {
    return realpathSync(script) === fileURLToPath(import.meta.url);
  } catch {
    return false;
  }
}

if (await isProcessEntry()) {
  if (nodeIsTooOld(process.versions.node)) {
    process.stderr.write(`pipeline needs Node ${OLDEST_NODE.join('.')} or newer; this is Node ${process.versions.node}.\nInstall a newer Node from nodejs.org, or select one with your version manager.\n`);
    process.exitCode = 6;
  } else {
    ignoreClosedPipe(process.stdout);
    ignoreClosedPipe(process.stderr);
    process.exitCode = await main(process.argv.slice(2), { stdout: process.stdout, stderr: process.stderr, env: process.env, cwd: process.cwd() });
  }
}
