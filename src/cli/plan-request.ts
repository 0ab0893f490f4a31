/** What the command line asks for beyond the file: profiles, files of params, a selection of stages, the size of a sweep. */
import { resolve } from 'node:path';
import type { RunRequest, StageSelection, SweepPlace } from '../engine/run-request.js';
import { splitSelectors } from '../engine/stage-selector.js';
import { MOST_POINTS } from '../engine/sweep.js';
import type { Invocation, Options } from './invocation.js';
import { countOption, textsOption } from './option-values.js';

/** Names, in the order of the command line: `--profile quick,small --profile long`. */
export function chosenProfiles(options: Options): readonly string[] {
  return textsOption(options, 'profile').flatMap((text) => text.split(',')).map((name) => name.trim()).filter((name) => name !== '');
}

/** Absolute paths. */
export function paramsFiles({ io, options }: Invocation): readonly string[] {
  return textsOption(options, 'paramsFile').map((file) => resolve(io.cwd, file));
}

export function mostPoints(options: Options): number {
  return countOption(options, 'maxPoints') ?? MOST_POINTS;
}

/** Stages behind FILE mean the same as `--until`. */
export function selectionOf({ args, options }: Invocation): StageSelection {
  const selectors = (name: string): string[] => textsOption(options, name).flatMap(splitSelectors);
  const all: Required<StageSelection> = { until: [...args.slice(1).flatMap(splitSelectors), ...selectors('until')], from: selectors('from'), only: selectors('only'), omit: selectors('omit') };
  return Object.fromEntries(Object.entries(all).filter(([, names]) => names.length > 0));
}

/** For the run record; undefined if nothing was asked for. */
export function requestOf(invocation: Invocation, set: readonly string[], sweep?: SweepPlace): RunRequest | undefined {
  const profiles = chosenProfiles(invocation.options);
  const files = paramsFiles(invocation);
  const selection = selectionOf(invocation);
  const request: RunRequest = {
    ...(profiles.length === 0 ? {} : { profiles }),
    ...(files.length === 0 ? {} : { paramsFiles: files }),
    ...(set.length === 0 ? {} : { set }),
    ...(Object.keys(selection).length === 0 ? {} : { selection }),
    ...(sweep === undefined ? {} : { sweep }),
  };
  return Object.keys(request).length === 0 ? undefined : request;
}
