/** Fetches one file in a process of its own, so that tests can kill it, and sends each progress: `node download-child.js FOLDER URL SHA256`. */
import { createDownloadService } from '../../../src/downloads/service.js';

const [folder, url, sha256] = process.argv.slice(2) as [string, string, string];
await createDownloadService({ folder, waitMs: 1 }).obtain({ url, sha256 }, { progress: (done) => process.send?.(done) });
process.disconnect();
