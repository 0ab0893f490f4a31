/** Columns of text, separated by two spaces. A heading that begins with `#` is a column of numbers, aligned to the right. */
export function textTable(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  const right = headings.map((heading) => heading.startsWith('#'));
  const titles = headings.map((heading) => heading.replace(/^#/, ''));
  const widths = titles.map((title, i) => Math.max(title.length, longest(rows.map((row) => row[i] ?? ''))));
  const line = (cells: readonly string[]): string => cells.map((cell, i) => (right[i] === true ? cell.padStart(widths[i] as number) : cell.padEnd(widths[i] as number))).join('  ').trimEnd();
  return [line(titles), ...rows.map(line)].join('\n');
}

/** Length of the longest of any number of texts; 0 of none. */
export function longest(texts: readonly string[]): number {
  return texts.reduce((most, { length }) => (length > most ? length : most), 0);
}
