/**
 * What a stage leaves for the reader: an output may contain a file `report.json` that holds a list of these blocks. The report and the
 * command line show them without knowing any stage. Files are named relative to the same output.
 */
export type ReportBlock =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'metrics'; readonly title: string; readonly values: Readonly<Record<string, number | string | null>> }
  | { readonly kind: 'table'; readonly title: string; readonly columns: readonly string[]; readonly rows: readonly (readonly (string | number | null)[])[] }
  | { readonly kind: 'figure'; readonly title: string; readonly file: string; readonly caption?: string }
  | { readonly kind: 'images'; readonly title: string; readonly items: readonly { readonly file: string; readonly caption?: string }[] };
