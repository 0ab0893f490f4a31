/** `pipeline cache repair`: puts right what `cache verify` finds. */
import type { Invocation } from '../invocation.js';
import { verify } from './cache-verify.js';

export function handle(invocation: Invocation): Promise<number> {
  return verify(invocation, true);
}
