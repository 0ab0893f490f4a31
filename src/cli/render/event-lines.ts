/**
 * Run events as plain lines. Final lines of stages have the fixed shape of `stageLine`; what leads up to them (started, running, log)
 * carries the time since the run began. Keeps the little state that lines need: names, start times, last errors.
 */
import { deserializeError } from '../../core/errors.js';
import { unreachable } from '../../core/unreachable.js';
import type { RunEvent } from '../../engine/events.js';
import { printable, type Style } from '../terminal.js';
import { formatDuration } from './duration.js';
import { shortKey, stageLine } from './stage-line.js';

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
        this.#nameWidth = Math.max(0, ...event.stages.map(({ name }) => name.length));
        return quiet ? [] : [`${style.bold(event.pipeline)}  run ${event.run}  ${event.stages.length} ${event.stages.length === 1 ? 'stage' : 'stages'}`];
      case 'stage.started':
        this.#keys.set(event.stage, event.key);
        return quiet ? [] : [`${style.symbol('started')} ${event.stage.padEnd(this.#nameWidth)}  started   ${style.dim(shortKey(event.key))}  after ${this.elapsed()}  ${printable(event.reason)}`];
      case 'stage.progress':
        return [];
      case 'stage.log':
        if (event.level === 'info' && !verbose) return [];
        return printable(event.text).split('\n').map((line) => `${event.level === 'warning' ? style.yellow(style.symbol('warning')) : ' '} ${event.stage.padEnd(this.#nameWidth)}  ${event.level === 'warning' ? 'warning   ' : ''}${line}`);
      case 'stage.ran':
        return quiet ? [] : [this.#line({ name: event.stage, word: 'ran', key: event.key, durationMs: event.durationMs, ...(event.stored ? {} : { note: '(not stored)' }) })];
      case 'stage.restored':
        return quiet ? [] : [this.#line({ name: event.stage, word: 'restored', key: event.key, durationMs: event.durationMs })];
      case 'stage.skipped':
        return quiet ? [] : [this.#line({ name: event.stage, word: 'skipped', note: printable(event.reason) })];
      case 'stage.failed': {
        const key = this.#keys.get(event.stage);
        return [
          this.#line({ name: event.stage, word: 'failed', durationMs: event.durationMs, ...(key === undefined ? {} : { key }) }),
          ...this.#options.formatError(deserializeError(event.error)).split('\n').map((line) => `  ${line}`),
        ];
      }
      case 'stage.blocked':
        return [this.#line({ name: event.stage, word: 'blocked', note: `by ${event.by}` })];
      case 'store.damaged':
        return [`${style.yellow(style.symbol('warning'))} damaged ${event.what} ${shortKey(event.id)}  ${event.action}  ${event.path}`];
      case 'run.finished':
        return [];
      default:
        return unreachable(event);
    }
  }

  #line(line: Parameters<typeof stageLine>[0]): string {
    return stageLine(line, this.#nameWidth, this.#options.style);
  }
}
