/** A place in a text file. Lines and columns count from 1; `length` is in UTF-16 units on that line. */
export interface SourceSpan {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly length: number;
}
