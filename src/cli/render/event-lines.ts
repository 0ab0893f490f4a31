/**
 * Run events as plain lines. Final lines of stages have the fixed shape of `stageLine`; what leads up to them (started, running, log)
 * carries the time since the run began. Keeps the little state that lines need: names, start times, last errors.
 */
import { deserializeError } from '../../core/errors.js';
import { unreachable } from '../../core/unreachable.js';
import type { RunEvent, UnsavedThing } from '../../engine/events.js';
import { printable, type Style } from '../terminal.js';
import { runLabel } from '../run-label.js';
import { formatDuration } from './duration.js';
import { MatrixProgress } from './matrix-progress.js';
import { shortKey, stageLine, type ShownWord } from './stage-line.js';
import { longest } from './text-table.js';

/** Names of instances can be long; behind a longer one the columns shift. */
const WIDEST_NAME = 40;

const UNSAVED_WORDS: Readonly<Record<UnsavedThing, string>> = {
  result: 'a result; it is kept for this run',
  object: 'the bytes of a result; they are kept for this run',
  record: 'a result; it is kept for this run',
  memo: 'a value inside a stage',
  staging: 'outputs could not be written in the cache; the stage uses another folder',
  store: 'the cache cannot be written; it is only read',
  run: 'the record of this run',
  evidence: 'the evidence of a difference',
  digests: 'the memory of digests of outside files',
};

export interface EventLineOptions {
  readonly style: Style;
  readonly verbose: boolean;
  readonly quiet: boolean;
  /** milliseconds, for "how long since the run began" */
  readonly now: () => number;
  readonly formatError: (error: Error) => string;
}

export class EventLines {
  readonly #options: EventLineOptions;
  readonly #keys = new Map<string, string>();
  #began = 0;
  #nameWidth = 0;
  #matrices = new MatrixProgress([]);

  constructor(options: EventLineOptions) {
    this.#options = options;
  }

  get nameWidth(): number {
    return this.#nameWidth;
  }

  elapsedMs(): number {
    return this.#options.now() - this.#began;
  }

  elapsed(): string {
    return formatDuration(this.elapsedMs());
  }

  /** The lines an event is worth (progress is not among them: how often it is shown is the renderer's matter). */
  of(event: RunEvent): string[] {
    const { style, quiet, verbose } = this.#options;
    switch (event.kind) {
      case 'run.started':
        this.#began = this.#options.now();
        this.#nameWidth = Math.min(WIDEST_NAME, longest(event.stages.map(({ name }) => name)));
        this.#matrices = new MatrixProgress(event.stages.map(({ name }) => name));
        return quiet ? [] : [`${style.bold(event.pipeline)}  run ${event.name === undefined ? event.run : runLabel(event.run, event.name)}  ${event.stages.length} ${event.stages.length === 1 ? 'stage' : 'stages'}`];
      case 'stage.started':
        this.#keys.set(event.stage, event.key);
        this.#matrices.started(event.stage);
        return quiet ? [] : [`${style.symbol('started')} ${event.stage.padEnd(this.#nameWidth)}  started   ${style.dim(shortKey(event.key))}  after ${this.elapsed()}  ${printable(event.reason)}`];
      case 'stage.progress':
        return [];
      case 'stage.log':
        if (event.level === 'info' && !verbose) return [];
        return printable(event.text).split('\n').map((line) => `${event.level === 'warning' ? style.yellow(style.symbol('warning')) : ' '} ${event.stage.padEnd(this.#nameWidth)}  ${event.level === 'warning' ? 'warning   ' : ''}${line}`);
      case 'stage.ran':
        return [...(quiet ? [] : [this.#line({ name: event.stage, word: 'ran', key: event.key, durationMs: event.durationMs, ...(event.stored ? {} : { note: '(not stored)' }) })]), ...this.#settled(event.stage, 'ran')];
      case 'stage.restored':
        return [...(quiet || this.#isFolded(event.stage) ? [] : [this.#line({ name: event.stage, word: 'restored', key: event.key, durationMs: event.durationMs, ...(event.from === undefined ? {} : { note: `from ${event.from}` }) })]), ...this.#settled(event.stage, 'restored')];
      case 'stage.skipped':
        return [...(quiet || this.#isFolded(event.stage) ? [] : [this.#line({ name: event.stage, word: 'skipped', note: printable(event.reason) })]), ...this.#settled(event.stage, 'skipped')];
      case 'stage.retrying':
        return [`${style.yellow(style.symbol('warning'))} ${event.stage.padEnd(this.#nameWidth)}  retrying  attempt ${event.attempt + 1} of ${event.of} in ${formatDuration(event.delayMs)}: ${event.error.code} ${printable(event.error.message)}`];
      case 'stage.failed': {
        const key = this.#keys.get(event.stage);
        // it was asked to stop: there is no error to look at
        if (event.error.code === 'E_CANCELLED') return [this.#line({ name: event.stage, word: 'cancelled', durationMs: event.durationMs, ...(key === undefined ? {} : { key }) }), ...this.#settled(event.stage, 'cancelled')];
        return [
          this.#line({ name: event.stage, word: 'failed', durationMs: event.durationMs, ...(key === undefined ? {} : { key }) }),
          ...this.#options.formatError(deserializeError(event.error)).split('\n').map((line) => `  ${line}`),
          ...this.#settled(event.stage, 'failed'),
        ];
      }
      case 'stage.blocked':
        return [...(this.#isFolded(event.stage) ? [] : [this.#line({ name: event.stage, word: 'blocked', note: event.reason ?? `by ${event.by}` })]), ...this.#settled(event.stage, 'blocked')];
      case 'store.damaged':
        return [`${style.yellow(style.symbol('warning'))} damaged ${event.what} ${shortKey(event.id)}  ${event.action}  ${event.path}`];
      case 'stage.waiting': {
        const { holder } = event;
        const who = holder.readable ? `${printable(holder.about)} (process ${holder.pid} on ${printable(holder.host)})` : 'a claim that cannot be read yet';
        return quiet ? [] : [`${style.symbol('running')} ${event.stage.padEnd(this.#nameWidth)}  waiting   ${style.dim(shortKey(event.key))}  after ${this.elapsed()}  for ${who}`];
      }
      case 'stage.differs': {
        const [first] = event.files;
        const more = event.files.length > 1 ? ` and ${event.files.length - 1} more` : '';
        const stands = event.stands === 'stored' ? 'what is stored stands' : 'the new result replaces it';
        return [`${style.yellow(style.symbol('warning'))} ${event.stage.padEnd(this.#nameWidth)}  differs   ${style.dim(shortKey(event.key))}  other bytes under the same key: ${first === undefined ? '' : printable(`${first.output}/${first.name}`)}${more}; ${stands}`];
      }
      case 'store.unsaved':
        return [`${style.yellow(style.symbol('warning'))} not saved: ${UNSAVED_WORDS[event.what]} (${event.what === 'result' ? printable(event.message) : event.system})  ${printable(event.path)}`];
      case 'remote.warning':
        return [`${style.yellow(style.symbol('warning'))} remote  ${printable(event.text)}`];
      case 'store.unsynced':
      case 'remote.fetched':
      case 'run.finished':
        return [];
      default:
        return unreachable(event);
    }
  }

  /** One of many instances, whose end is told with that of the others. */
  #isFolded(stage: string): boolean {
    return !this.#options.verbose && this.#matrices.has(stage);
  }

  #settled(stage: string, word: ShownWord): string[] {
    const { style, quiet } = this.#options;
    const summary = this.#matrices.settled(stage, word);
    if (summary === undefined || (quiet && !summary.failed)) return [];
    return [`${style.dim(style.symbol('summary'))} ${summary.stage.padEnd(this.#nameWidth)}  ${summary.text}`];
  }

  #line(line: Parameters<typeof stageLine>[0]): string {
    return stageLine(line, this.#nameWidth, this.#options.style);
  }
}
