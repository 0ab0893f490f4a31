// kill -9 at every system call that touches the store: of the engine and of its worker, of their main and of their pool thread. After each kill the
// invariants of docs/reliability.md are checked, and the next run must reuse every stage whose record was there and end with the same bytes.
// Usage: node tools/slow/syscalls.mjs [--every 1] [--offset 0] [--out FILE]      needs strace; --every 10 takes each tenth point
import { Figures, options, skip } from './faults/figures.mjs';
import { everybodyGone, Project, referenceOf, violations } from './faults/checks.mjs';
import { callsIn, cannotTrace, shelfOf, tracedRun } from './faults/tracer.mjs';
import { PIPELINE } from './faults/stages.mjs';

const settings = options({ every: 1, offset: 0 });
const obstacle = cannotTrace();
if (obstacle !== undefined) skip('kill at every system call', obstacle, settings.out);
const figures = new Figures('kill at every system call', settings);
const reference = await referenceOf(PIPELINE);

/** Kill points of one thread, from an undisturbed traced run; `within`: between the first object written and the last record. */
async function pointsOf(who, thread) {
  const project = new Project();
  const { status, trace, stderr } = await tracedRun(project, who, [thread]);
  if (status !== 0) throw new Error(`the traced run ended with ${status}\n${stderr}`);
  const points = callsIn(trace, project.cache).filter(({ inStore }) => inStore).map((point) => ({ ...point, shelf: shelfOf(point.text, project.cache) }));
  project.remove();
  return points;
}

/** Of the undisturbed run as a whole: which calls of each thread lie between the first object and the last record. */
async function window() {
  const spans = new Map();
  for (const who of ['engine', 'worker']) {
    const project = new Project();
    const { trace } = await tracedRun(project, who, ['main', 'pool']);
    const calls = callsIn(trace, project.cache).filter(({ inStore }) => inStore);
    const first = calls.find(({ call, text }) => text.includes('/objects/') && /^(?:mkdir|openat|link)$/.test(call));
    const last = calls.filter(({ call, text }) => /^(?:rename|link)$/.test(call) && text.includes('/records/')).at(-1);
    // A worker starts after the first object was written and answers before the last record is.
    spans.set(who, who === 'worker' ? calls.length : calls.filter(({ time }) => time >= first.time && time <= last.time).length);
    project.remove();
  }
  return { ...Object.fromEntries(spans), together: [...spans.values()].reduce((a, b) => a + b, 0) };
}

const inWindow = await window();
const histogram = new Map();
let [landed, missed, reused] = [0, 0, 0];
for (const who of ['engine', 'worker']) {
  for (const thread of ['main', 'pool']) {
    const points = await pointsOf(who, thread);
    for (const [i, { call, nth, shelf }] of points.entries()) {
      if (i % settings.every !== settings.offset % settings.every) continue;
      const project = new Project();
      const what = `${who}, ${thread} thread, ${call} ${nth} (${shelf})`;
      const { pid, trace } = await tracedRun(project, who, [thread], `${call}:signal=SIGKILL:when=${nth}`);
      if (!(await everybodyGone(project, pid))) figures.violated(what, ['somebody of the killed run is still there']);
      const last = callsIn(trace, project.cache).at(-1);
      if (trace.includes('killed by SIGKILL') && last?.inStore === true) {
        landed += 1;
        const row = histogram.get(last.call) ?? { call: last.call, engine: 0, worker: 0, kills: 0 };
        row[who] += 1;
        row.kills += 1;
        histogram.set(last.call, row);
      } else missed += 1;
      const { found, served } = await violations(project, reference);
      reused += served;
      figures.violated(what, found);
      project.remove();
    }
  }
}
for (const row of [...histogram.values()].sort((a, b) => b.kills - a.kills)) figures.row(row);
figures.finish({ 'calls on the store between the first object and the last record': inWindow, 'kills that landed on a call on the store': landed, 'kills that landed elsewhere or not at all': missed, 'stages reused afterwards': reused });
