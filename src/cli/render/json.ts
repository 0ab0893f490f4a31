/** One JSON object a line, as the events come. The first line names the schema; fields are only ever added, so readers ignore unknown ones. */
import type { RunEvent } from '../../engine/events.js';
import type { OutputStream } from '../io.js';
import type { Renderer } from './renderer.js';

export const RUN_SCHEMA = 'pipeline.run.v1';

export class JsonRenderer implements Renderer {
  readonly #out: OutputStream;
  #run = '';
  constructor(out: OutputStream) {
    this.#out = out;
  }

  onEvent(event: RunEvent): void {
    if (event.kind === 'run.started') this.#run = event.run;
    this.#out.write(`${JSON.stringify({ ...(event.kind === 'run.started' ? { schema: RUN_SCHEMA } : {}), ...event, run: this.#run })}\n`);
  }

  note(): void {
    // a note is for people; the events tell the same
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  abandon(): void {
    // nothing was taken from the terminal
  }
}
