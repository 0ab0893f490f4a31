/** What `ridge`, `ridge.readout` and `'ridge[seed=1].readout'` on the command line name: a stage, or one of its outputs. Values in brackets may hold dots. */

const NAMED = /^([A-Za-z][A-Za-z0-9_-]*(?:\[(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[^\]"'])*\])?)(?:\.([A-Za-z_][A-Za-z0-9_-]*))?$/;

export interface StageOutput {
  /** a selector */
  readonly stage: string;
  readonly output?: string;
}

/** undefined: it can be neither. */
export function stageOutput(text: string): StageOutput | undefined {
  const [, stage, output] = NAMED.exec(text) ?? [];
  return stage === undefined ? undefined : { stage, ...(output === undefined ? {} : { output }) };
}
