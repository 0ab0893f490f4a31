/** The difference of two texts, line by line, in the unified form that git prints. Pure; bounded, so that two files with nothing in common cost no more than saying so. */

const CONTEXT = 3;
/** Differing lines beyond which the whole text counts as replaced: the search is quadratic in them. */
const MOST_EDITS = 2000;

interface Line {
  readonly sign: ' ' | '-' | '+';
  readonly text: string;
}

/** Lines of hunks (`@@ -1,4 +1,5 @@`, then lines with their sign); empty if the texts are equal. */
export function unifiedDiff(before: string, after: string): string[] {
  if (before === after) return [];
  return hunks(align(linesOf(before), linesOf(after)));
}

function linesOf(text: string): string[] {
  const lines = text.split('\n');
  if (lines.at(-1) === '') lines.pop();
  else lines[lines.length - 1] += ' (no line break at the end)';
  return lines;
}

function align(a: readonly string[], b: readonly string[]): Line[] {
  let head = 0;
  while (head < a.length && head < b.length && a[head] === b[head]) head += 1;
  let tail = 0;
  while (tail < a.length - head && tail < b.length - head && a[a.length - 1 - tail] === b[b.length - 1 - tail]) tail += 1;
  const same = (lines: readonly string[]): Line[] => lines.map((text) => ({ sign: ' ', text }));
  return [...same(a.slice(0, head)), ...shortest(a.slice(head, a.length - tail), b.slice(head, b.length - tail)), ...same(a.slice(a.length - tail))];
}

/** Myers, "An O(ND) Difference Algorithm and Its Variations" (1986): the fewest lines removed and added. */
function shortest(a: readonly string[], b: readonly string[]): Line[] {
  const most = Math.min(a.length + b.length, MOST_EDITS);
  const offset = most + 1;
  let reach = new Int32Array(2 * most + 3);
  const trace: Int32Array[] = [];
  for (let edits = 0; edits <= most; edits += 1) {
    trace.push(reach);
    const next = reach.slice();
    for (let k = -edits; k <= edits; k += 2) {
      const down = k === -edits || (k !== edits && (reach[offset + k - 1] as number) < (reach[offset + k + 1] as number));
      let x = down ? (reach[offset + k + 1] as number) : (reach[offset + k - 1] as number) + 1;
      while (x < a.length && x - k < b.length && a[x] === b[x - k]) x += 1;
      next[offset + k] = x;
      if (x >= a.length && x - k >= b.length) return backtrack(a, b, trace, offset);
    }
    reach = next;
  }
  return [...a.map((text): Line => ({ sign: '-', text })), ...b.map((text): Line => ({ sign: '+', text }))];
}

function backtrack(a: readonly string[], b: readonly string[], trace: readonly Int32Array[], offset: number): Line[] {
  const lines: Line[] = [];
  let [x, y] = [a.length, b.length];
  for (let edits = trace.length - 1; edits >= 0; edits -= 1) {
    const reach = trace[edits] as Int32Array;
    const k = x - y;
    const down = k === -edits || (k !== edits && (reach[offset + k - 1] as number) < (reach[offset + k + 1] as number));
    const from = edits === 0 ? 0 : down ? (reach[offset + k + 1] as number) : (reach[offset + k - 1] as number);
    const start = edits === 0 ? 0 : down ? from : from + 1;
    while (x > start) lines.push({ sign: ' ', text: a[(y -= 1, x -= 1)] as string });
    if (edits === 0) break;
    if (down) lines.push({ sign: '+', text: b[(y -= 1)] as string });
    else lines.push({ sign: '-', text: a[(x -= 1)] as string });
  }
  return lines.reverse();
}

function hunks(lines: readonly Line[]): string[] {
  const shown: string[] = [];
  let [oldLine, newLine] = [1, 1];
  for (let at = 0; at < lines.length; ) {
    const change = lines.findIndex(({ sign }, i) => i >= at && sign !== ' ');
    if (change < 0) break;
    const from = Math.max(at, change - CONTEXT);
    let to = change;
    for (let quiet = 0; to < lines.length && quiet <= 2 * CONTEXT; to += 1) quiet = (lines[to] as Line).sign === ' ' ? quiet + 1 : 0;
    let last = to;
    while ((lines[last - 1] as Line).sign === ' ') last -= 1;
    to = Math.min(lines.length, last + CONTEXT);
    const skipped = from - at;
    const part = lines.slice(from, to);
    const count = (sign: string): number => part.filter((line) => line.sign === ' ' || line.sign === sign).length;
    shown.push(`@@ -${oldLine + skipped},${count('-')} +${newLine + skipped},${count('+')} @@`, ...part.map(({ sign, text }) => `${sign}${text}`));
    oldLine += skipped + count('-');
    newLine += skipped + count('+');
    at = to;
  }
  return shown;
}
