/**
 * Live rows on a terminal, drawn by listr2: the running stages and the last failures in at most 20 rows, and one row that counts. What is
 * finished leaves the rows and becomes a plain line above them, so that the work per frame does not grow with the number of stages
 * (listr2's cost grows faster than its number of rows).
 *
 * The rows are 21 listr2 tasks that live as long as the run; an event only changes what the next frame will show in them.
 */
import { DefaultRenderer, Listr, ListrLogger, ProcessOutput, type ListrDefaultRendererTask } from 'listr2';
import type { RunEvent } from '../../engine/events.js';
import type { OutputStream } from '../io.js';
import { EventLines, type EventLineOptions } from './event-lines.js';
import { formatDuration } from './duration.js';
import { progressText, type Progress } from './progress.js';
import type { Renderer } from './renderer.js';
import { WORDS, type ShownWord } from './stage-line.js';

const MOST_ROWS = 20;
const FRAME_MS = 100;

interface Row {
  readonly stage: string;
  readonly since: number;
  progress?: Progress;
}

interface RowTask {
  title: string;
}

/** listr2's own renderer, with a way to print a line above the rows. */
class RowsRenderer extends DefaultRenderer {
  /** listr2 looks at stdout to decide; the rows go to stderr, which was found to be a terminal before this module was loaded */
  static override nonTTY = true;

  #drawn = 0;

  /** listr2 keeps its log-update instance private; clearing it before printing is what keeps the rows below the lines */
  above(text: string): void {
    const { updater } = this as unknown as { readonly updater?: { clear(): void } };
    updater?.clear();
    (this as unknown as { readonly logger: ListrLogger }).logger.process.toStdout(text);
    if (updater !== undefined) super.update();
  }

  /** listr2 draws on every change of a title; its spinner draws ten times a second anyway, and that is enough */
  override update(): void {
    const now = performance.now();
    if (now - this.#drawn < FRAME_MS / 2) return;
    this.#drawn = now;
    super.update();
  }

  /** titles that begin with a space bring their own symbol */
  protected override style(task: ListrDefaultRendererTask): string {
    // eslint-disable-next-line no-control-regex -- a colour may come before the space
    return /^(?:\u001b\[\d+m)? /.test(task.title ?? '') ? '' : super.style(task);
  }
}

export class ListRenderer implements Renderer {
  readonly #options: EventLineOptions;
  readonly #lines: EventLines;
  readonly #running = new Map<string, Row>();
  readonly #failures: string[] = [];
  readonly #rows: RowTask[] = [];
  /** stage → its last word: a stage that is repaired gets a second one */
  readonly #words = new Map<string, ShownWord>();
  readonly #listr: Listr<unknown, typeof RowsRenderer>;
  readonly #finished: Promise<unknown>;
  readonly #timer: NodeJS.Timeout;
  readonly #terminal: ProcessOutput;
  #total = 0;
  #release: () => void = () => undefined;

  constructor(out: OutputStream, options: EventLineOptions) {
    this.#options = options;
    this.#lines = new EventLines(options);
    const stream = out as unknown as NodeJS.WriteStream;
    this.#terminal = new ProcessOutput(stream, stream, { leaveEmptyLine: false });
    const released = new Promise<void>((resolve) => {
      this.#release = resolve;
    });
    this.#listr = new Listr(
      Array.from({ length: MOST_ROWS + 1 }, (_, i) => ({
        title: i === MOST_ROWS ? ' starting' : '',
        task: async (_context: unknown, task: RowTask): Promise<void> => {
          this.#rows[i] = task;
          await released;
        },
      })),
      {
        concurrent: true,
        exitOnError: false,
        registerSignalListeners: false,
        renderer: RowsRenderer,
        rendererOptions: { formatOutput: 'truncate', clearOutput: true, logger: new ListrLogger({ processOutput: this.#terminal }) },
      },
    );
    this.#finished = this.#listr.run();
    this.#timer = setInterval(() => this.#frame(), FRAME_MS);
    this.#timer.unref();
  }

  onEvent(event: RunEvent): void {
    switch (event.kind) {
      case 'run.started':
        this.#total = event.stages.length;
        break;
      case 'stage.started':
        this.#lines.of(event);
        this.#words.delete(event.stage);
        this.#running.set(event.stage, { stage: event.stage, since: this.#options.now() });
        return;
      case 'stage.progress': {
        const row = this.#running.get(event.stage);
        if (row !== undefined) row.progress = event;
        return;
      }
      case 'stage.ran':
        this.#end(event.stage, 'ran');
        break;
      case 'stage.restored':
        this.#end(event.stage, 'restored');
        break;
      case 'stage.skipped':
        this.#end(event.stage, 'skipped');
        break;
      case 'stage.blocked':
        this.#end(event.stage, 'blocked');
        break;
      case 'stage.failed':
        this.#end(event.stage, event.error.code === 'E_CANCELLED' ? 'cancelled' : 'failed');
        if (event.error.code !== 'E_CANCELLED') this.#failures.push(event.stage);
        break;
      case 'stage.retrying':
      case 'stage.log':
      case 'stage.waiting':
      case 'stage.differs':
      case 'store.damaged':
      case 'store.unsaved':
      case 'store.unsynced':
      case 'remote.fetched':
      case 'remote.warning':
      case 'run.finished':
        break;
    }
    const lines = this.#lines.of(event);
    if (lines.length > 0) this.#frame(); // what is printed as a line must not stand in a row as well
    for (const line of lines) this.#above(line);
  }

  note(text: string): void {
    this.#above(text);
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.#release();
    await this.#finished;
  }

  /** listr2 hides the cursor and takes over `write` of the stream: both come back */
  abandon(): void {
    this.#terminal.release();
  }

  #end(stage: string, word: ShownWord): void {
    this.#running.delete(stage);
    this.#words.set(stage, word);
  }

  #above(line: string): void {
    const renderer = (this.#listr as unknown as { readonly renderer?: RowsRenderer }).renderer;
    renderer?.above(line);
  }

  #frame(): void {
    const { style, now } = this.#options;
    const texts = [...this.#running.values()].slice(0, MOST_ROWS).map((row) => {
      const running = now() - row.since;
      const detail = row.progress === undefined ? '' : progressText(row.progress, running);
      return `${row.stage.padEnd(this.#lines.nameWidth)}  ${wholeSeconds(running).padStart(6)}  ${detail}`.trimEnd();
    });
    for (const stage of this.#failures.slice(-Math.max(0, MOST_ROWS - texts.length))) texts.push(` ${style.red(style.symbol('failed'))} ${stage} failed`);
    for (let i = 0; i < MOST_ROWS; i += 1) this.#set(i, texts[i] ?? '');
    const parts = [`${this.#words.size} of ${this.#total} stages`, `${this.#running.size} running`];
    const words = [...this.#words.values()];
    for (const word of [...WORDS, 'cancelled' as const]) {
      const count = words.filter((other) => other === word).length;
      if (count > 0) parts.push(`${count} ${word}`);
    }
    this.#set(MOST_ROWS, style.dim(` ${parts.join(', ')}, ${wholeSeconds(this.#lines.elapsedMs())}`));
  }

  #set(index: number, title: string): void {
    const row = this.#rows[index];
    if (row !== undefined && row.title !== title) row.title = title;
  }
}

/** Tenths would change every frame. */
function wholeSeconds(ms: number): string {
  return formatDuration(Math.floor(ms / 1000) * 1000).replace('.0', '');
}
