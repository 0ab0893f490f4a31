/**
 * Are the placeholders of `argv` and `env` right? Asked when the stage is planned. Braces are text in awk, JSON and many other places, so only two things
 * are errors: an unknown name behind `inputs.` or `outputs.`, and what can hardly be anything but a slip of the pen. Light: planning loads it.
 */
import { PipelineError } from '../../core/errors.js';
import { PLACEHOLDER, type CommandParameters } from './parameters.js';

/** `{output.table}`, `{outptus.table}`: a slip if the name is one of this stage, text otherwise. */
const DOTTED = /\{([A-Za-z]+)\.([A-Za-z_][A-Za-z0-9_]*)\}/g;
const LIKE_PORTS = /^(?:in|ou)[a-z]*$/i;
/** A whole argument, or what follows `=` in an option: no program of awk or Python looks like these. */
const ALONE = /^(?:-[^=]*=)?(\{(?:cpu|thread|threads|temp|tmpdir|jobs|inputs?|outputs?|values)\})$/i;

/** Errors: E_UNKNOWN_REFERENCE. `inputs`: names of the connected ones. */
export function checkPlaceholders({ argv, env, outputs, values }: CommandParameters, inputs: readonly string[]): void {
  const ports = { inputs, outputs: Object.keys(outputs) };
  for (const text of [...argv, ...Object.values(env).map(String)]) {
    for (const [whole, kind, name] of text.matchAll(PLACEHOLDER)) {
      if (kind !== 'inputs' && kind !== 'outputs') continue;
      const known = ports[kind];
      if (!known.includes(name as string)) throw new PipelineError('E_UNKNOWN_REFERENCE', `"${whole}" names no ${kind.slice(0, -1)} of this stage`, { facts: { expected: known.join(', ') || `no ${kind}`, found: name as string }, hint: kind === 'inputs' ? 'correct the name, or connect the input' : 'correct the name, or declare the output' });
    }
    for (const [whole, word, name] of text.matchAll(DOTTED) as Iterable<[string, string, string]>) {
      if (word === 'inputs' || word === 'outputs') continue;
      const meant = LIKE_PORTS.test(word) ? (/^o/i.test(word) ? (['outputs', 'inputs'] as const) : (['inputs', 'outputs'] as const)).find((kind) => ports[kind].includes(name)) : undefined;
      if (meant !== undefined) throw noPlaceholder(whole, `did you mean "{${meant}.${name}}"?`);
      if (word === 'values' && Object.hasOwn(values, name)) throw noPlaceholder(whole, `let the program read PIPELINE_VALUE_${name}, or write the parameter into the argument: "\${params.…}"`);
    }
    const alone = ALONE.exec(text)?.[1];
    if (alone !== undefined) throw noPlaceholder(alone, 'correct it; a list of values or ports stands in the file that {job} names');
  }
}

function noPlaceholder(found: string, hint: string): PipelineError {
  return new PipelineError('E_UNKNOWN_REFERENCE', `"${found}" is not a placeholder`, { facts: { expected: '{inputs.NAME}, {outputs.NAME}, {job}, {cpus} or {tmp}', found }, hint });
}
