/** The images behind a fit, as a readout or a tuned backbone records them of itself. */
export interface FittedOn {
  /** nsdIds, ascending */
  readonly trainingImages: readonly number[];
  /** COCO photographs of which the training images are crops, ascending */
  readonly trainingPhotographs: readonly number[];
}
