/** One thing that the doctor looked at: whether it is as it should be, and what to do if not. */
/** `absent`: something optional that is not there, and that nobody asked for */
export type CheckStatus = 'works' | 'absent' | 'warning' | 'failed';

export interface Check {
  readonly name: string;
  readonly status: CheckStatus;
  readonly detail: string;
  /** one imperative sentence; present where there is something to do */
  readonly hint?: string;
}

export function works(name: string, detail: string): Check {
  return { name, status: 'works', detail };
}

export function absent(name: string, detail: string): Check {
  return { name, status: 'absent', detail };
}

export function warning(name: string, detail: string, hint: string): Check {
  return { name, status: 'warning', detail, hint };
}

export function failed(name: string, detail: string, hint: string): Check {
  return { name, status: 'failed', detail, hint };
}
