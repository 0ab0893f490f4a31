/** A whole run in a process of its own, so that tests can kill it: `node run-child.js FILE STORE CONTROL WORKER`. Prints the summary. */
import { runPipeline } from './run-pipeline.js';
import { Control } from './fake-stages.js';

const [file, store, control, worker] = process.argv.slice(2) as [string, string, string, string];
const { summary } = await runPipeline({ file, storeDirectory: store, control: new Control(control), workerEntry: worker, store: { fallback: 'read' } });
process.stdout.write(`${JSON.stringify({ counts: summary.counts, outcome: summary.outcome, failures: summary.failures, unsaved: summary.unsaved, folder: summary.folder })}\n`);
