/**
 * The public surface of the engine: from a pipeline file to a plan, from a plan to results, and what the store and past runs say.
 * It knows no stage type, no tensor and no command line; see stage.ts for the contract with stages.
 *
 * @module
 */
export { loadPlan, type LoadOptions } from './load-plan.js';
export type { Diagnostic } from './diagnostics.js';
export { formatDiagnostic, type FormatOptions } from './format-diagnostic.js';
export { publishedSchema } from './published-schema.js';
export { findProjectRoot } from './project.js';
export { nearest, suggestion } from './suggest.js';
export type { InputBinding, Plan, PlannedStage } from './plan.js';

export { execute, type ExecuteOptions } from './execute.js';
export type { RunSummary } from './run-journal.js';
export type { RunEvent, RunEventListener, StageWord } from './events.js';
export { createWorkerPool, type WorkerPool, type WorkerPoolOptions } from './pool.js';
export { runWorkerHost, type WorkerHostOptions } from './worker-host.js';
export { publishResults, type PublishedResults } from './publish-results.js';

export { planStatus, type PlanAnswer, type StageStatus, type StatusOptions } from './status.js';
export { explainStage, explainStages, type Explanation } from './explain.js';
export { diffMaterial, type Change } from './diff-material.js';
export type { ReasonCode, StageReason } from './reasons.js';
export { listRuns, readEvents, readRun, runFolderOf, type LoggedEvent } from './run-history.js';
export type { OutputSummary, RunOutcome, RunRecord, StageOutcome } from './run-record.js';

export { openStore, type FileStore, type OpenStoreOptions } from './store/file-store.js';
export type { ObjectState, Store } from './store/store.js';
export { verifyStore, type StoreProblem, type VerifyOptions, type VerifySummary } from './store/verify.js';
export { collectGarbage, type GcOptions, type GcSummary } from './store/gc.js';
export { storeInfo, type StoreInfo } from './store/info.js';
export { readArtifactFile } from './read-artifact-file.js';
export type { KeyMaterial, MemoRecord, StageKey, StageRecord } from './record.js';
