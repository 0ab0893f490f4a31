/** `pipeline tag | untag | pin | unpin`: what people say about runs. A tag may stand on many runs; as a reference it has to stand on one. */
import { findRun, runIds } from '../../engine/run-history.js';
import { addTags, checkTag, readMarks, removeTags, setPinned } from '../../engine/run-marks.js';
import type { CommandHandler, Invocation } from '../invocation.js';
import { flagOption } from '../option-values.js';
import { projectPaths } from '../project-paths.js';
import { runLabeller } from '../run-label.js';

export const tag: CommandHandler = async (invocation) => {
  const { args, options } = invocation;
  const [reference, ...tags] = args as [string, ...string[]];
  for (const name of tags) checkTag(name);
  const { store } = projectPaths(invocation);
  const id = findRun(store, reference);
  const others = runIds(store).filter((other) => other !== id && tags.some((name) => readMarks(store, other)?.tags.includes(name) === true));
  await addTags(store, id, tags);
  if (flagOption(options, 'move')) for (const other of others) await removeTags(store, other, tags);
  else if (others.length > 0 && !options.quiet) invocation.io.stderr.write(`${invocation.err.symbol('warning')} ${others.length} other ${others.length === 1 ? 'run has' : 'runs have'} one of these tags: as a reference it means several; --move takes it from them\n`);
  return say(invocation, store, [id]);
};

export const untag: CommandHandler = async (invocation) => {
  const [reference, ...tags] = invocation.args as [string, ...string[]];
  const { store } = projectPaths(invocation);
  const id = findRun(store, reference);
  const removed = await removeTags(store, id, tags);
  const absent = tags.filter((name) => !removed.includes(name));
  if (absent.length > 0) invocation.io.stderr.write(`${invocation.err.symbol('warning')} it had no tag ${absent.join(', ')}\n`);
  return say(invocation, store, [id]);
};

export const pin: CommandHandler = (invocation) => pinned(invocation, true);
export const unpin: CommandHandler = (invocation) => pinned(invocation, false);

async function pinned(invocation: Invocation, wanted: boolean): Promise<number> {
  const { store } = projectPaths(invocation);
  const ids = [...new Set(invocation.args.map((reference) => findRun(store, reference)))];
  for (const id of ids) await setPinned(store, id, wanted);
  return say(invocation, store, ids);
}

/** How they are marked now. */
function say({ io, options }: Invocation, store: string, ids: readonly string[]): number {
  const label = runLabeller(store);
  const runs = ids.map((id) => ({ id, marks: readMarks(store, id) ?? { tags: [], pinned: true } }));
  if (options.json) io.stdout.write(`${JSON.stringify({ schema: 'pipeline.marks.v1', runs: runs.map(({ id, marks }) => ({ id, ...marks })) })}\n`);
  else for (const { id, marks } of runs) io.stdout.write(`${label(id)}  ${marks.tags.length === 0 ? 'no tags' : marks.tags.join(' ')}${marks.pinned ? '  pinned' : ''}\n`);
  return 0;
}
