/**
 * What a word of the command line means by a stage: `voxels` (with a matrix: all its instances), `voxels[seed=101]` (those that have this
 * coordinate), `voxels[seed=101,sessions=4]`. The name of an instance is a selector too. In the name of the stage `*` stands for any letters:
 * `fit*[seed=101]`.
 */
import { PipelineError } from '../core/errors.js';
import { baseName, coordinatesText, NO_COORDINATES } from './coordinates.js';
import type { Coordinate, Coordinates } from './coordinates.js';
import { parseSelection } from './selection.js';
import { suggestion } from './suggest.js';

export interface Selectable {
  readonly name: string;
  readonly coordinates?: Coordinates;
}

/** The stages that a selector means, in their order. Errors: E_UNKNOWN_STAGE_NAME with the nearest name; E_USAGE for a selector that cannot be read. */
export function selectStages<T extends Selectable>(stages: readonly T[], selector: string, pipeline: string): readonly T[] {
  const base = baseName(selector);
  const wanted = base === selector ? [] : coordinatesOf(selector, base.length);
  const matches = base.includes('*') ? globMatcher(base) : (name: string): boolean => name === base;
  const named = stages.filter(({ name }) => matches(baseName(name)));
  if (named.length === 0) throw unknownStage(stages, base, pipeline);
  const chosen = named.filter(({ coordinates = NO_COORDINATES }) => wanted.every(([axis, value]) => coordinates[axis] === value));
  if (chosen.length > 0) return chosen;
  const axes = Object.keys(named[0]?.coordinates ?? {});
  throw new PipelineError('E_UNKNOWN_STAGE_NAME', `"${selector}" is not an instance of "${base}"`, {
    facts: { expected: axes.length === 0 ? `"${base}", which has no matrix` : `coordinates on ${axes.join(', ')}`, found: coordinatesText(Object.fromEntries(wanted)) },
    hint: suggestion(selector, named.map(({ name }) => name), ''),
  });
}

/** E_USAGE if a selector means several: what it is used for takes one. */
export function selectOne<T extends Selectable>(stages: readonly T[], selector: string, pipeline: string): T {
  const chosen = selectStages(stages, selector, pipeline);
  const [first] = chosen as readonly [T];
  if (chosen.length === 1) return first;
  throw new PipelineError('E_USAGE', `"${selector}" means ${chosen.length} instances`, { facts: { expected: 'one', found: `${chosen.slice(0, MOST_SHOWN).map(({ name }) => name).join(', ')}${chosen.length > MOST_SHOWN ? ', …' : ''}` }, hint: `write e.g. '${first.name}'` });
}

/** Splits at the commas that are not in brackets: `dream,voxels[seed=101,sessions=4]`. */
export function splitSelectors(text: string): string[] {
  return (text.match(/(?:"(?:[^"\\]|\\.)*"|\[(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[^\]"'])*\]?|[^,["])+/g) ?? []).map((word) => word.trim()).filter((word) => word !== '');
}

export function unknownStage(stages: readonly Selectable[], name: string, pipeline: string): PipelineError {
  const bases = [...new Set(stages.map((stage) => baseName(stage.name)))];
  return new PipelineError('E_UNKNOWN_STAGE_NAME', `"${name}" is not a stage of "${pipeline}"`, {
    facts: { expected: `one of ${bases.length} stages`, found: `"${name}"` },
    hint: suggestion(name, bases, `Choose one of: ${bases.join(', ')}.`),
  });
}

/** Names have no `*`. Each part is looked for behind the one before it, so nothing is tried twice. */
function globMatcher(pattern: string): (name: string) => boolean {
  const parts = pattern.split('*');
  const [first, last] = [parts.shift() as string, parts.pop() as string];
  return (name) => {
    if (!name.startsWith(first) || !name.endsWith(last) || name.length < first.length + last.length) return false;
    let at = first.length;
    for (const part of parts) {
      const found = name.indexOf(part, at);
      if (found < 0) return false;
      at = found + part.length;
    }
    return at <= name.length - last.length;
  };
}

const MOST_SHOWN = 5;

function coordinatesOf(selector: string, bracket: number): [axis: string, value: Coordinate][] {
  const unreadable = (message: string): PipelineError => new PipelineError('E_USAGE', `"${selector}" cannot be read: ${message}`, { hint: "write e.g. 'voxels[seed=101,sessions=4]', in quotes" });
  const { axes, end } = parseSelection(selector, bracket, unreadable);
  if (end < selector.length) throw unreadable(`"${selector.slice(end)}" stands behind the brackets`);
  return axes.map(({ axis, value }) => {
    if (value.kind === 'path') throw unreadable(`${value.root}.${value.name} is known in a pipeline file only`);
    return [axis, value.value];
  });
}
