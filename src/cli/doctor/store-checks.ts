/** The checks of the cache's folder: its file system by name and by trial, room, clock, leftovers. */
import { existsSync } from 'node:fs';
import { PipelineError } from '../../core/errors.js';
import { fileSystemKind } from '../../engine/store/file-system-kind.js';
import { nodeFs } from '../../engine/store/fs-port.js';
import { layoutOf, readFormat } from '../../engine/store/layout.js';
import { leftoversOf } from '../../engine/store/leftovers.js';
import { probeStore, type Probe, type Trial } from '../../engine/store/probe.js';
import { formatBytes } from '../render/duration.js';
import { failed, warning, works, type Check } from './check.js';

/** A run of the smallest pipeline needs some tens of MB; one on NSD some GB. */
const LEAST_BYTES = 100e6;
const SCARCE_BYTES = 5e9;
/** Half of what gc allows for the difference of two machines' clocks: there it is a nuisance, beyond gc's limit a danger. */
const CLOCK_WARNING_MS = 2000;

export async function storeChecks(directory: string): Promise<Check[]> {
  const exists = existsSync(directory);
  const checks: Check[] = [];
  try {
    const format = exists ? await readFormat(nodeFs, layoutOf(directory)) : undefined;
    const probe = await probeStore(directory, nodeFs);
    const place = exists ? directory : `${directory} (not made yet; tried in ${probe.folder})`;
    checks.push(probe.write.works ? works('cache', `can be written: ${place}${format === undefined ? '' : `, format ${format}`}`) : failed('cache', `cannot be written: ${place}: ${probe.write.found ?? ''}`, 'name another folder with --cache-dir, or read it only with --cache-mode read'));
    const kind = await fileSystemKind(probe.folder).catch(() => undefined);
    if (kind !== undefined) checks.push(kind.caution === undefined ? works('file system', kind.name) : warning('file system', `${kind.name}: ${kind.caution}`, 'keep the cache on a local disk if you can (--cache-dir, PIPELINE_CACHE_DIR)'));
    checks.push(roomCheck(probe.freeBytes), ...trialChecks(probe));
    if (exists) checks.push(...(await leftoverChecks(directory)));
  } catch (error) {
    if (!(error instanceof PipelineError) && !(error instanceof Error && 'syscall' in error)) throw error;
    checks.push(failed('cache', error.message, (error instanceof PipelineError ? error.hint : undefined) ?? 'name another folder with --cache-dir'));
  }
  return checks;
}

function roomCheck(free: number): Check {
  const text = `${formatBytes(free)} free`;
  if (free < LEAST_BYTES) return failed('room', text, 'free some space: pipeline cache gc --max-size removes what was used longest ago');
  return free < SCARCE_BYTES ? warning('room', text, 'free some space before a large run: pipeline cache gc --dry-run') : works('room', text);
}

function trialChecks({ write, syncFile, syncFolder, link, rename, clockAheadMs }: Probe): Check[] {
  if (!write.works) return [];
  const found = ({ found: what }: Trial): string => what ?? '';
  const checks = [
    rename.works ? works('rename', 'replaces a file in one step') : failed('rename', `does not work: ${found(rename)}`, 'name a folder on another file system with --cache-dir'),
    link.works ? works('hard links', 'supported') : warning('hard links', `not supported: ${found(link)}; files are renamed instead`, 'keep the cache on a file system with hard links if several runs share it'),
    syncFile.works && syncFolder.works
      ? works('syncing', 'files and folders')
      : warning('syncing', `not supported for ${[syncFile.works ? '' : `files (${found(syncFile)})`, syncFolder.works ? '' : `folders (${found(syncFolder)})`].filter((text) => text !== '').join(' and ')}: results of the last seconds may be lost with the power, never be wrong`, 'keep the cache on a local disk if you can'),
  ];
  if (clockAheadMs !== undefined) {
    const seconds = `${(Math.abs(clockAheadMs) / 1000).toFixed(1)} s`;
    checks.push(Math.abs(clockAheadMs) < CLOCK_WARNING_MS ? works('clock', 'agrees with the times of new files') : warning('clock', `files are stamped ${seconds} ${clockAheadMs > 0 ? 'ahead of' : 'behind'} this machine's clock`, 'set the clocks of this machine and of the file server (NTP); gc allows for five minutes'));
  }
  return checks;
}

async function leftoverChecks(directory: string): Promise<Check[]> {
  const { temporaries, staging, checkpoints, leases, inUse, quarantine } = await leftoversOf(directory, nodeFs);
  const kinds = [[temporaries, 'temporary files'], [staging, 'staging folders'], [checkpoints, 'old checkpoints'], [leases, 'leases of dead processes']] as const;
  const some = kinds.filter(([{ count }]) => count > 0);
  const bytes = some.reduce((sum, [removal]) => sum + removal.bytes, 0);
  return [
    some.length === 0 ? works('leftovers', `none${inUse === 0 ? '' : `; in use by ${inUse}`}`) : warning('leftovers', `${some.map(([{ count }, name]) => `${name}: ${count}`).join(', ')} (${formatBytes(bytes)}), harmless`, 'remove them: pipeline cache gc'),
    quarantine.count === 0 ? works('quarantine', 'empty') : warning('quarantine', `${quarantine.count} damaged ${quarantine.count === 1 ? 'file was' : 'files were'} set aside (${formatBytes(quarantine.bytes)})`, `check the disk: pipeline cache verify --read-data; then empty ${layoutOf(directory).quarantine}`),
  ];
}
