/** Facts about this machine and its software for records. They explain a result; none of them is part of a key or of any comparison. */
import { availableParallelism, cpus, totalmem } from 'node:os';

const BYTES_PER_MB = 1024 * 1024;

export interface Hardware {
  readonly cpus: number;
  readonly model: string;
  readonly memoryMb: number;
  readonly platform: string;
}

export function hardware(): Hardware {
  return {
    cpus: availableParallelism(),
    model: cpus()[0]?.model.trim() ?? 'unknown',
    memoryMb: Math.floor(totalmem() / BYTES_PER_MB),
    platform: `${process.platform}-${process.arch}`,
  };
}

export function softwareVersions(): Record<string, string> {
  return { node: process.versions.node, v8: process.versions.v8 };
}
