/** Plain lines for files, pipes and CI: one line an event; a long stage says how far it is at most every five seconds. */
import type { RunEvent } from '../../engine/events.js';
import type { OutputStream } from '../io.js';
import { EventLines, type EventLineOptions } from './event-lines.js';
import { progressText } from './progress.js';
import type { Renderer } from './renderer.js';

const PROGRESS_EVERY_MS = 5000;

export class LinesRenderer implements Renderer {
  readonly #out: OutputStream;
  readonly #options: EventLineOptions;
  readonly #lines: EventLines;
  readonly #started = new Map<string, number>();
  /** when a stage last said something */
  readonly #spoke = new Map<string, number>();

  constructor(out: OutputStream, options: EventLineOptions) {
    this.#out = out;
    this.#options = options;
    this.#lines = new EventLines(options);
  }

  onEvent(event: RunEvent): void {
    const now = this.#options.now();
    if (event.kind === 'stage.started') {
      this.#started.set(event.stage, now);
      this.#spoke.set(event.stage, now);
    }
    if (event.kind === 'stage.progress' && !this.#options.quiet && now - (this.#spoke.get(event.stage) ?? now) >= PROGRESS_EVERY_MS) {
      this.#spoke.set(event.stage, now);
      const running = now - (this.#started.get(event.stage) ?? now);
      this.#print(`${this.#options.style.symbol('running')} ${event.stage.padEnd(this.#lines.nameWidth)}  running   after ${this.#lines.elapsed()}  ${progressText(event, running)}`);
    }
    for (const line of this.#lines.of(event)) this.#print(line);
  }

  note(text: string): void {
    this.#print(text);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  abandon(): void {
    // nothing was taken from the terminal
  }

  #print(line: string): void {
    this.#out.write(`${line}\n`);
  }
}
