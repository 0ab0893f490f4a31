/**
 * What is wrong with the instances of one stage, each mistake once: a mistake in the file shows in every instance that it reaches, at the same
 * place. The first is reported, with the number of the others.
 */
import { PipelineError } from '../core/errors.js';
import { Diagnostics } from './diagnostics.js';
import type { Diagnostic } from './diagnostics.js';

interface Repeated {
  readonly first: Diagnostic;
  readonly instances: Set<string>;
}

export class InstanceDiagnostics {
  readonly #found = new Map<string, Repeated>();
  readonly #of: number;

  /** @param of number of instances of the stage; 1: diagnostics are passed on as they are */
  constructor(of: number) {
    this.#of = of;
  }

  /** Gives the work somewhere to report to. */
  run<T>(instance: string, work: (diagnostics: Diagnostics) => T): T {
    const own = new Diagnostics();
    const result = work(own);
    for (const diagnostic of own.sorted()) {
      const { code, span, message } = diagnostic.error;
      const place = JSON.stringify([code, span?.file, span?.line, span?.column, this.#of === 1 || span === undefined ? message : '']);
      const known = this.#found.get(place);
      if (known === undefined) this.#found.set(place, { first: diagnostic, instances: new Set([instance]) });
      else known.instances.add(instance);
    }
    return result;
  }

  flush(into: Diagnostics): void {
    for (const { first: { severity, error }, instances } of this.#found.values()) {
      into.add(severity, this.#of === 1 ? error : counted(error, `${instances.size} of ${this.#of}`));
    }
    this.#found.clear();
  }
}

function counted(error: PipelineError, instances: string): PipelineError {
  return new PipelineError(error.code, error.message, {
    facts: { ...error.facts, instances },
    ...(error.hint === undefined ? {} : { hint: error.hint }),
    ...(error.span === undefined ? {} : { span: error.span }),
    ...(error.cause === undefined ? {} : { cause: error.cause }),
  });
}
