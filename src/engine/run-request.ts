/** What a run was asked for beyond its file: kept in the run record, so that a run can be repeated, and the runs of one sweep compared. */
export interface RunRequest {
  /** chosen profiles, in their order */
  readonly profiles?: readonly string[];
  /** absolute paths, in their order */
  readonly paramsFiles?: readonly string[];
  /** `path=value`, one value each, in their order */
  readonly set?: readonly string[];
  readonly selection?: StageSelection;
  readonly sweep?: SweepPlace;
}

/** Selectors of stages. */
export interface StageSelection {
  /** these and all they need */
  readonly until?: readonly string[];
  /** these and all after them */
  readonly from?: readonly string[];
  /** these alone */
  readonly only?: readonly string[];
  /** not these, nor what needs them */
  readonly omit?: readonly string[];
}

/** Which point of a sweep a run is. */
export interface SweepPlace {
  /** the same in all runs of the sweep */
  readonly id: string;
  /** from 1 */
  readonly index: number;
  readonly of: number;
  /** what tells this point from the others, `path=value` */
  readonly set: readonly string[];
}
