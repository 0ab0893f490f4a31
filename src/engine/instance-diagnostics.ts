/**
 * What is wrong with the instances of one stage, each mistake once: a mistake in the file shows in every instance that it reaches, at the same
 * place, in words that differ by coordinates only. The first is reported, with the number of the others.
 */
import { PipelineError } from '../core/errors.js';
import { Diagnostics } from './diagnostics.js';
import type { Diagnostic } from './diagnostics.js';

interface Repeated {
  readonly first: Diagnostic;
  readonly instances: Set<string>;
}

/** Values of an axis that make a thousand different mistakes at one place would crowd out the other places. */
const MOST_AT_ONE_PLACE = 5;
/** Coordinates behind the name of a stage, which is in quotes. */
const COORDINATES = /(?<="[A-Za-z][A-Za-z0-9_-]*)\[(?=[A-Za-z_][A-Za-z0-9_]*=)(?:"(?:[^"\\]|\\.)*"|[^\]"])*\](?=")/g;

export class InstanceDiagnostics {
  /** place → message without coordinates → mistake */
  readonly #found = new Map<string, Map<string, Repeated>>();
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
      const place = JSON.stringify([code, span?.file, span?.line, span?.column]);
      const here = this.#found.get(place) ?? new Map<string, Repeated>();
      this.#found.set(place, here);
      const words = this.#of === 1 ? message : message.replace(COORDINATES, '');
      const known = here.get(words);
      if (known !== undefined) known.instances.add(instance);
      else here.set(words, { first: diagnostic, instances: new Set([instance]) });
    }
    return result;
  }

  flush(into: Diagnostics): void {
    for (const here of this.#found.values()) {
      const mistakes = [...here.values()];
      const listed = this.#of === 1 ? mistakes : mistakes.slice(0, MOST_AT_ONE_PLACE);
      for (const [i, { first: { severity, error }, instances }] of listed.entries()) {
        const more = i === listed.length - 1 ? mistakes.length - listed.length : 0;
        into.add(severity, this.#of === 1 ? error : withFacts(error, { instances: `${instances.size} of ${this.#of}`, ...(more === 0 ? {} : { more: `${more} others at this place` }) }));
      }
    }
    this.#found.clear();
  }
}

function withFacts(error: PipelineError, facts: PipelineError['facts']): PipelineError {
  return new PipelineError(error.code, error.message, {
    facts: { ...error.facts, ...facts },
    ...(error.hint === undefined ? {} : { hint: error.hint }),
    ...(error.span === undefined ? {} : { span: error.span }),
    ...(error.cause === undefined ? {} : { cause: error.cause }),
  });
}
