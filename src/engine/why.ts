/**
 * Why a stage has no record under its key: compares its key material with the last one that the same stage of the same pipeline file had,
 * or, if there was none, with the nearest record of its type. Reads run records and records; changes nothing.
 */
import { diffMaterial, type Change } from './diff-material.js';
import { stageKey } from './key.js';
import type { KeyMaterial, StageKey, StageRecord } from './record.js';
import { readMaterials, runIds, tryRun } from './run-history.js';
import type { StageOutcome } from './run-record.js';
import { nodeFs, readWhole } from './store/fs-port.js';
import { layoutOf } from './store/layout.js';
import { decodeRecord } from './store/record-file.js';
import type { Store } from './store/store.js';
import { placesOf } from './store/walk.js';

/** Older runs are not searched: what they had is either a record in the store or of no interest any more. */
const RUNS_SEARCHED = 100;
const EVICTED = 'evicted by gc: its record is kept, its bytes are not';
const FAILED = 'it failed last time';

export interface Reason {
  /** few words: `params.steps 64 → 128`, `never run`, `its record is gone` */
  readonly text: string;
  readonly changes: readonly Change[];
  /** what it was compared with; null if there is nothing of this type */
  readonly against: { readonly key: StageKey; readonly run?: string } | null;
}

interface Last {
  readonly key: StageKey;
  readonly run: string;
}

interface PastRun {
  readonly id: string;
  readonly stages: ReadonlyMap<string, StageOutcome>;
}

/** Remembers what it has read of the past for the length of one command. */
export class Past {
  readonly #file: string;
  readonly #store: Store;
  /** stages of the runs of this file by name, newest run first; read as far as somebody has asked */
  readonly #read: PastRun[] = [];
  #unread: string[] | undefined;
  /** from the runs that were searched so far, newest first: a key has one material, whichever run wrote it down */
  readonly #materials = new Map<StageKey, KeyMaterial>();
  #unsearched: string[] | undefined;

  constructor(file: string, store: Store) {
    this.#file = file;
    this.#store = store;
  }

  /** Cheap: looks at the runs of this pipeline file only. */
  async why(stage: string, key: StageKey, material: KeyMaterial): Promise<Reason> {
    const { made, failed } = this.#last(stage, key);
    const reason = made === undefined ? undefined : await this.#since(made, key, material);
    if (failed === undefined) return reason ?? { text: 'never run', changes: [], against: null };
    if (reason === undefined) return { text: FAILED, changes: [], against: failed };
    return { ...reason, text: `${FAILED}; ${reason.text}` };
  }

  async #since(against: Last, key: StageKey, material: KeyMaterial): Promise<Reason> {
    if (against.key === key) return (await this.#store.lookupEvicted(key)) === undefined ? reasonOf([], against) : { text: EVICTED, changes: [], against };
    const before = await this.#materialOf(against.key);
    if (before === undefined) return { text: 'changed since the last run, whose key material is gone', changes: [], against };
    return reasonOf(diffMaterial(before, material), against);
  }

  /** The material that the stage had last. */
  async lastMaterial(stage: string): Promise<{ readonly material: KeyMaterial; readonly against: NonNullable<Reason['against']> } | undefined> {
    const { made } = this.#last(stage);
    const material = made === undefined ? undefined : await this.#materialOf(made.key);
    return made === undefined || material === undefined ? undefined : { material, against: made };
  }

  /** For a stage that never ran: what tells it from the record of its type that differs in the fewest leaves. Reads every record of the store. */
  async nearest(material: KeyMaterial): Promise<Reason> {
    let best: { readonly key: StageKey; readonly changes: Change[] } | undefined;
    if (this.#store.mode !== 'off') {
      for await (const record of recordsOfType(this.#store.directory, material.type)) {
        const changes = diffMaterial(record.material, material);
        const closer = best === undefined || changes.length < best.changes.length || (changes.length === best.changes.length && record.key < best.key);
        if (closer) best = { key: record.key, changes };
      }
    }
    if (best?.key === stageKey(material)) return { text: EVICTED, changes: [], against: { key: best.key } };
    if (best === undefined) return { text: 'never run', changes: [], against: null };
    const reason = reasonOf(best.changes, { key: best.key });
    return { ...reason, text: `never run; nearest record: ${reason.text}` };
  }

  /**
   * The newest run of this file that had a result of the stage, and the newest one after it in which the stage failed under `key`. A stage that
   * only got a key, because it was blocked or cancelled, says nothing.
   */
  #last(stage: string, key?: StageKey): { readonly made?: Last; readonly failed?: Last } {
    let failed: Last | undefined;
    for (let at = 0; ; at += 1) {
      const run = this.#read[at] ?? this.#next();
      if (run === undefined) break;
      const outcome = run.stages.get(stage);
      if (outcome?.key === undefined) continue;
      const found = { key: outcome.key, run: run.id };
      if (outcome.word === 'ran' || outcome.word === 'restored') return { made: found, ...(failed === undefined ? {} : { failed }) };
      if (outcome.key === key && outcome.word === 'failed' && outcome.error?.code !== 'E_CANCELLED') failed ??= found;
    }
    return failed === undefined ? {} : { failed };
  }

  /** The next older run of this file. */
  #next(): PastRun | undefined {
    this.#unread ??= this.#store.mode === 'off' ? [] : runIds(this.#store.directory).slice(0, RUNS_SEARCHED).reverse();
    for (let id = this.#unread.pop(); id !== undefined; id = this.#unread.pop()) {
      const record = tryRun(this.#store.directory, id);
      if (record?.file !== this.#file) continue;
      const run = { id, stages: new Map(record.stages.map((outcome) => [outcome.name, outcome])) };
      this.#read.push(run);
      return run;
    }
    return undefined;
  }

  async #materialOf(key: StageKey): Promise<KeyMaterial | undefined> {
    const record = (await this.#store.lookup(key)) ?? (await this.#store.lookupEvicted(key));
    if (record !== undefined) return record.material;
    this.#unsearched ??= runIds(this.#store.directory).slice(0, RUNS_SEARCHED).reverse();
    while (!this.#materials.has(key)) {
      const id = this.#unsearched.pop();
      if (id === undefined) break;
      for (const line of readMaterials(this.#store.directory, id)) this.#materials.set(line.key, line.material);
    }
    return this.#materials.get(key);
  }
}

function reasonOf(changes: readonly Change[], against: Reason['against']): Reason {
  const [first, ...more] = changes;
  const text = first === undefined ? 'its record is gone' : more.length === 0 ? first.text : `${first.text} and ${more.length} more`;
  return { text, changes, against };
}

async function* recordsOfType(directory: string, type: string): AsyncGenerator<StageRecord> {
  for (const shelf of ['records', 'evicted'] as const) {
    for await (const { kind, id, path } of placesOf(nodeFs, layoutOf(directory), shelf)) {
      if (kind !== 'entry' || id === undefined) continue;
      const bytes = await readWhole(nodeFs, path).catch(() => undefined); // removed meanwhile, or not readable: not a neighbour
      if (bytes === undefined || !bytes.includes(`"type":${JSON.stringify(type)}`)) continue;
      const decoded = decodeRecord(bytes, id as string as StageKey);
      if (decoded.kind !== 'record') continue;
      const record = decoded.record as StageRecord;
      if (record.material.type === type) yield record;
    }
  }
}
