/** @module Reports and figures: pure functions from data to text. Reads no file and knows no stage. */
export { parseReportBlocks } from './blocks.js';
export { renderReport } from './html.js';
export { IMAGE_MIMES, type EmbeddedFile, type ImageMime, type ReportModel, type ReportOutput, type ReportStage, type ReportWord } from './model.js';
