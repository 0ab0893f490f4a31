/** `run --tag NAME`: the run gets its tags as soon as it has an id, so that an interrupted one has them too. */
import { PipelineError } from '../core/errors.js';
import type { RunEvent } from '../engine/events.js';
import { addTags, checkTag } from '../engine/run-marks.js';
import type { Store } from '../engine/store/store.js';
import type { Invocation } from './invocation.js';
import { textsOption } from './option-values.js';

export interface RunTags {
  onEvent(event: RunEvent): void;
  /** when they are kept; rejects with what went wrong */
  kept(): Promise<void>;
}

/** E_USAGE, before anything runs, for words that cannot be tags and where nothing of a run is kept. */
export function runTags({ options }: Invocation, store: Store): RunTags {
  const tags = textsOption(options, 'tag');
  for (const tag of tags) checkTag(tag);
  if (tags.length > 0 && store.mode !== 'read-write') {
    throw new PipelineError('E_USAGE', '"--tag" needs a run that is kept', { facts: { expected: '--cache-mode read-write', found: `--cache-mode ${store.mode}` }, hint: 'leave out --tag' });
  }
  let work: Promise<unknown> = Promise.resolve();
  return {
    onEvent(event) {
      if (event.kind !== 'run.started' || tags.length === 0) return;
      work = addTags(store.directory, event.run, tags);
      work.catch(() => undefined); // told by `kept`, when the run is over
    },
    kept: async () => void (await work),
  };
}
