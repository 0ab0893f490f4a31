/**
 * Why a stage has no record under its key: compares its key material with the last one that the same stage of the same pipeline file had,
 * or, if there was none, with the nearest record of its type. Reads run records and records; changes nothing.
 */
import { PipelineError } from '../core/errors.js';
import { diffMaterial, type Change } from './diff-material.js';
import { stageKey } from './key.js';
import type { KeyMaterial, StageKey, StageRecord } from './record.js';
import { PastMaterials, RUNS_SEARCHED } from './past-materials.js';
import { throughEnvironment, type Environment, type ReasonCode, type StageReason } from './reasons.js';
import { runIds, tryRun } from './run-history.js';
import type { StageOutcome } from './run-record.js';
import { errnoOf, nodeFs, readWhole } from './store/fs-port.js';
import { layoutOf } from './store/layout.js';
import { decodeRecord } from './store/record-file.js';
import type { Store } from './store/store.js';
import { placesOf } from './store/walk.js';

const FAILED: StageReason = { code: 'failed-before', text: 'it failed last time' };
const NEVER: StageReason = { code: 'first-run', text: 'never run' };
const EVICTED: StageReason = { code: 'evicted', text: 'evicted by gc: its record is kept, its bytes are not' };

export interface Reason {
  /** few words: `params.steps 64 → 128`, `never run`, `its record is gone` */
  readonly text: string;
  readonly changes: readonly Change[];
  /** the same with codes, and with the reasons that are no change */
  readonly reasons: readonly StageReason[];
  /** what it was compared with; null if there is nothing of this type */
  readonly against: { readonly key: StageKey; readonly run?: string } | null;
}

interface Last {
  readonly key: StageKey;
  readonly run: string;
}

interface PastRun {
  readonly id: string;
  readonly env: Environment;
  readonly stages: ReadonlyMap<string, StageOutcome>;
}

/** Remembers what it has read of the past for the length of one command. */
export class Past {
  readonly #file: string;
  readonly #store: Store;
  readonly #env: Environment;
  /** stages of the runs of this file by name, newest run first; read as far as somebody has asked */
  readonly #read: PastRun[] = [];
  #unread: string[] | undefined;
  readonly #materials: PastMaterials;
  /** keys whose records were found damaged since */
  readonly #damaged = new Set<string>();

  /** `env`: the variables that the plan has read */
  constructor(file: string, store: Store, env: Environment = {}) {
    this.#file = file;
    this.#store = store;
    this.#env = env;
    this.#materials = new PastMaterials(store);
    store.onEvent((event) => event.kind === 'store.damaged' && event.what === 'record' && this.#damaged.add(event.id));
  }

  /** Cheap: looks at the runs of this pipeline file only. */
  async why(stage: string, key: StageKey, material: KeyMaterial): Promise<Reason> {
    const { made, failed } = this.#last(stage, key);
    const against = made ?? (failed?.key === key ? undefined : failed);
    const reason = against === undefined ? undefined : await this.#since(against, key, material);
    if (failed === undefined) return reason ?? { text: NEVER.text, changes: [], reasons: [NEVER], against: null };
    if (reason === undefined) return { text: FAILED.text, changes: [], reasons: [FAILED], against: failed };
    return { ...reason, text: `${FAILED.text}; ${reason.text}`, reasons: [FAILED, ...reason.reasons] };
  }

  /** The same for a run: a past that cannot be read stops no stage. */
  async whyIfReadable(stage: string, key: StageKey, material: KeyMaterial): Promise<Reason> {
    try {
      return await this.why(stage, key, material);
    } catch (error) {
      if (errnoOf(error) === undefined && !(error instanceof PipelineError)) throw error;
      return { text: 'not stored; earlier runs cannot be read', changes: [], reasons: [], against: null };
    }
  }

  async #since(against: Last, key: StageKey, material: KeyMaterial): Promise<Reason> {
    if (against.key === key) {
      if (!this.#damaged.has(key) && (await this.#store.lookupEvicted(key)) !== undefined) return { text: EVICTED.text, changes: [], reasons: [EVICTED], against };
      return reasonOf([], against, this.#damaged.has(key));
    }
    const before = await this.#materials.of(against.key);
    if (before === undefined) {
      const text = 'changed since the last run, whose key material is gone';
      return { text, changes: [], reasons: [{ code: 'evicted', text }], against };
    }
    const was = this.#read.find(({ id }) => id === against.run)?.env ?? {};
    return reasonOf(throughEnvironment(diffMaterial(before, material), was, this.#env), against);
  }

  /** The material that the stage had last. */
  async lastMaterial(stage: string): Promise<{ readonly material: KeyMaterial; readonly against: NonNullable<Reason['against']> } | undefined> {
    const { made } = this.#last(stage);
    const material = made === undefined ? undefined : await this.#materials.of(made.key);
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
    if (best?.key === stageKey(material)) return { text: EVICTED.text, changes: [], reasons: [EVICTED], against: { key: best.key } };
    if (best === undefined) return { text: NEVER.text, changes: [], reasons: [NEVER], against: null };
    const reason = reasonOf(best.changes, { key: best.key });
    return { ...reason, text: `${NEVER.text}; nearest record: ${reason.text}`, reasons: [NEVER, ...best.changes] };
  }

  /**
   * The newest run of this file that had a result of the stage, and the newest one after it in which the stage failed under `key`; where there is no
   * result, under any key: it has run. A stage that only got a key, because it was blocked or cancelled, says nothing.
   */
  #last(stage: string, key?: StageKey): { readonly made?: Last; readonly failed?: Last } {
    let failed: Last | undefined;
    let failedOtherwise: Last | undefined;
    for (let at = 0; ; at += 1) {
      const run = this.#read[at] ?? this.#next();
      if (run === undefined) break;
      const outcome = run.stages.get(stage);
      if (outcome?.key === undefined) continue;
      const found = { key: outcome.key, run: run.id };
      if (outcome.word === 'ran' || outcome.word === 'restored') return { made: found, ...(failed === undefined ? {} : { failed }) };
      if (outcome.word !== 'failed' || outcome.error?.code === 'E_CANCELLED') continue;
      if (outcome.key === key) failed ??= found;
      else failedOtherwise ??= found;
    }
    failed ??= failedOtherwise;
    return failed === undefined ? {} : { failed };
  }

  /** The next older run of this file. */
  #next(): PastRun | undefined {
    this.#unread ??= this.#store.mode === 'off' ? [] : runIds(this.#store.directory).slice(0, RUNS_SEARCHED).reverse();
    for (let id = this.#unread.pop(); id !== undefined; id = this.#unread.pop()) {
      const record = tryRun(this.#store.directory, id);
      if (record?.file !== this.#file) continue;
      const run = { id, env: record.env, stages: new Map(record.stages.map((outcome) => [outcome.name, outcome])) };
      this.#read.push(run);
      return run;
    }
    return undefined;
  }
}

/** A reason that nothing has to be compared for. */
export function because(code: ReasonCode, text: string): Pick<Reason, 'text' | 'reasons'> {
  return { text, reasons: [{ code, text }] };
}

/** Without a change the key is the old one, and only its record is missing. */
function reasonOf(changes: readonly Change[], against: NonNullable<Reason['against']>, damaged = false): Reason {
  const [first, ...more] = changes;
  if (first === undefined) {
    const lost: StageReason = damaged ? { code: 'damaged', text: 'its record was damaged' } : { code: 'evicted', text: 'its record is gone' };
    return { text: lost.text, changes, reasons: [lost], against };
  }
  return { text: more.length === 0 ? first.text : `${first.text} and ${more.length} more`, changes, reasons: changes, against };
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
