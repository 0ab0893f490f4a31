/** `defineStage` for this project: the engine's contract with our services filled in, and the shapes of parameters that many stages share. */
import { Type, type TUnsafe } from '@sinclair/typebox';
import type { Services } from '../core/tensor-service.js';
import { stageDefiner } from '../engine/stage.js';

export const defineStage = stageDefiner<Services>();

/** A parameter that is one of a few words: JSON Schema `enum`, so that a message can list them. */
export function choice<const T extends string>(options: readonly T[], more: { readonly default?: T; readonly description: string }): TUnsafe<T> {
  return Type.Unsafe<T>({ type: 'string', enum: [...options], ...more });
}
