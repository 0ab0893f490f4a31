/** `pipeline backbone fetch URL --sha256 …`: the same download that a stage would make, beforehand. */
import { PipelineError } from '../../core/errors.js';
import { layoutOf } from '../../engine/store/layout.js';
import { createDownloadService } from '../../downloads/service.js';
import { EXIT } from '../exit-codes.js';
import { interruption } from '../interruption.js';
import type { Invocation } from '../invocation.js';
import { textOption } from '../option-values.js';
import { projectPaths } from '../project-paths.js';
import { formatBytes } from '../render/duration.js';

export async function handle(invocation: Invocation): Promise<number> {
  const { args, io, options } = invocation;
  const sha256 = textOption(options, 'sha256');
  if (sha256 === undefined) throw new PipelineError('E_USAGE', '"backbone fetch" needs the sha256 of the file', { facts: { expected: '--sha256 and 64 hexadecimal digits', found: 'none' }, hint: 'Take it from where the file is published.' });
  const service = createDownloadService({ folder: layoutOf(projectPaths(invocation).store).downloads });
  using stop = interruption(io);
  const shows = io.stderr.isTTY === true && !options.quiet && !options.json;
  let shown = '';
  try {
    const path = await service.obtain({ url: args[0] as string, sha256: sha256.toLowerCase() }, {
      signal: stop.signal,
      progress: (done, total) => {
        const text = `${formatBytes(done)}${total === undefined ? '' : ` of ${formatBytes(total)} (${Math.floor((100 * done) / total)} %)`}`;
        if (!shows || text === shown) return;
        shown = text;
        io.stderr.write(`\r\u001b[2K${text}`);
      },
    });
    if (shown !== '') io.stderr.write('\r\u001b[2K');
    io.stdout.write(options.json ? `${JSON.stringify({ schema: 'pipeline.backbone.fetch.v1', path, sha256: sha256.toLowerCase() })}\n` : `${path}\n`);
    return EXIT.ok;
  } catch (error) {
    if (shown !== '') io.stderr.write('\n');
    throw error;
  }
}
