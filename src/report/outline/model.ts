/**
 * A pipeline as a drawing needs it: boxes and typed edges, with or without the instances of a matrix put together, and what a run would do
 * with each. Plain data; whoever makes it knows plans, whoever draws it does not.
 */
export type OutlineAnswer = 'hit' | 'run' | 'maybe' | 'skipped';

/** In the order in which they are counted and shown. */
export const OUTLINE_ANSWERS: readonly OutlineAnswer[] = ['hit', 'run', 'maybe', 'skipped'];

export interface OutlineNode {
  /** stage or instance; the name is its identity */
  readonly name: string;
  readonly type: string;
  /** instances that the box stands for; absent for a stage without a matrix and for one instance of it */
  readonly instances?: number;
  /** of one instance: where it stands in its matrix */
  readonly coordinates?: Readonly<Record<string, string | number | boolean>>;
  /** how many of its instances get which answer; without a look at the store only `skipped` is known */
  readonly answers: Readonly<Partial<Record<OutlineAnswer, number>>>;
}

export interface OutlineEdge {
  readonly from: string;
  readonly output: string;
  readonly to: string;
  readonly input: string;
  /** the type of the artifact */
  readonly artifact: string;
  /** edges between instances that it stands for */
  readonly count: number;
}

export interface Outline {
  readonly pipeline: string;
  readonly nodes: readonly OutlineNode[];
  /** producers come before their users among the nodes */
  readonly edges: readonly OutlineEdge[];
}
