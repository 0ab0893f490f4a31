/** A renderer turns run events into output. The engine emits; renderers print; nothing else of a run reaches the streams. */
import type { RunEvent } from '../../engine/events.js';

export interface Renderer {
  onEvent(event: RunEvent): void;
  /** prints a note between events (e.g. that the run is stopping) without disturbing live rows */
  note(text: string): void;
  /** leaves the terminal as it was found; called once, also after an exception */
  close(): Promise<void>;
  /** the process ends right after this: gives the terminal back at once */
  abandon(): void;
}
