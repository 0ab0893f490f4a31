/**
 * What a program prints, as lines of the stage's log: bounded however much it prints, whatever the bytes are. Values of secrets are covered. The last lines
 * are kept apart for the message of a failure.
 */
import { StringDecoder } from 'node:string_decoder';

/** Characters of a line; the rest of it is counted only. */
const LONGEST_LINE = 4000;
/** After that much nothing more goes to the log; the rest is read, counted and dropped. */
const MOST_CHARACTERS = 4_000_000;
const MOST_LINES = 50_000;
const LAST_LINES = 12;
const LAST_CHARACTERS = 1500;
const COVER = '***';

export class OutputLog {
  readonly #onLine: (line: string) => void;
  readonly #secrets: readonly string[];
  readonly #last: string[] = [];
  #kept = 0;
  #lines = 0;
  #droppedBytes = 0;
  #full = false;

  constructor(secrets: Iterable<string>, onLine: (line: string) => void) {
    // Longest first: one secret may be the beginning of another. Of a secret of several lines each line is one.
    const parts = [...secrets].flatMap((secret) => [secret, ...secret.split(/\r?\n/)]).filter((part) => part.trim().length > 2);
    this.#secrets = [...new Set(parts)].sort((a, b) => b.length - a.length);
    this.#onLine = onLine;
  }

  /** One for stdout and one for stderr: their lines do not mix. */
  stream(): { push(chunk: Buffer): void; end(): void } {
    const decoder = new StringDecoder('utf8');
    let rest = '';
    let cut = 0;
    const take = (line: string): void => {
      this.#line(cut === 0 ? line : `${line} … (${cut} more characters)`);
      cut = 0;
    };
    return {
      push: (chunk) => {
        if (this.#full) {
          this.#droppedBytes += chunk.length;
          // the end of it, for the message of a failure
          const tail = chunk.subarray(-LAST_CHARACTERS).toString('utf8').split(/\r\n|\n|\r/);
          for (const line of tail) if (line.trim() !== '') this.#remember(line);
          return;
        }
        const lines = (rest + decoder.write(chunk)).split(/\r\n|\n|\r(?!$)/);
        rest = lines.pop() ?? '';
        for (const line of lines) {
          take(line.length > LONGEST_LINE + this.#margin ? this.#shorten(line, (more) => (cut += more)) : line);
        }
        if (rest.length > 2 * (LONGEST_LINE + this.#margin)) {
          const kept = rest.slice(0, LONGEST_LINE + this.#margin);
          cut += rest.length - kept.length;
          rest = kept;
        }
      },
      end: () => {
        if (rest !== '') take(this.#shorten(rest, (more) => (cut += more)));
        rest = '';
      },
    };
  }

  /** To be called when everything has been read. */
  close(): void {
    if (this.#droppedBytes > 0) this.#onLine(`… ${this.#droppedBytes} more bytes of output are not kept`);
  }

  /** The last lines, for a message. */
  last(): string {
    return this.#last.join('\n').slice(-LAST_CHARACTERS);
  }

  /** A secret that begins before the cut must be seen whole to be covered. */
  get #margin(): number {
    return this.#secrets[0]?.length ?? 0;
  }

  #shorten(line: string, onCut: (more: number) => void): string {
    const covered = this.cover(line.slice(0, LONGEST_LINE + this.#margin));
    if (line.length > LONGEST_LINE) onCut(line.length - LONGEST_LINE);
    return covered.slice(0, LONGEST_LINE);
  }

  cover(text: string): string {
    let covered = text;
    for (const secret of this.#secrets) covered = covered.replaceAll(secret, COVER);
    return covered;
  }

  #line(text: string): void {
    const line = this.cover(text);
    this.#remember(line);
    if (this.#full) return;
    this.#kept += line.length;
    this.#lines += 1;
    if (this.#kept > MOST_CHARACTERS || this.#lines > MOST_LINES) this.#full = true;
    else this.#onLine(line);
  }

  #remember(line: string): void {
    this.#last.push(this.cover(line.slice(0, LONGEST_LINE)));
    if (this.#last.length > LAST_LINES) this.#last.shift();
  }
}
