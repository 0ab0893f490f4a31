/** Chooses how a run is shown: events as JSON, live rows on a terminal (only then is listr2 loaded), plain lines otherwise. */
import { errorText } from './error-output.js';
import type { Invocation } from './invocation.js';
import type { EventLineOptions } from './render/event-lines.js';
import type { Renderer } from './render/renderer.js';
import { isInteractive, wantsColor } from './terminal.js';

export async function rendererFor({ io, options, err }: Invocation): Promise<Renderer> {
  if (options.json) {
    const { JsonRenderer } = await import('./render/json.js');
    return new JsonRenderer(io.stdout);
  }
  const style = { cwd: io.cwd, color: wantsColor(io.stderr, io.env, options.color), debug: options.debug };
  const lineOptions: EventLineOptions = { style: err, verbose: options.verbose, quiet: options.quiet, now: () => performance.now(), formatError: (error) => errorText(error, style) };
  if (isInteractive(io.stderr, io.env) && !options.quiet) {
    const { ListRenderer } = await import('./render/list.js');
    return new ListRenderer(io.stderr, lineOptions);
  }
  const { LinesRenderer } = await import('./render/lines.js');
  return new LinesRenderer(io.stderr, lineOptions);
}
