/**
 * Lets a tracer attach before a process touches the store: when FAULTS_GATE names a folder that holds the pipe `<who>`, the process says its id
 * there, makes its one pool thread, and waits until somebody writes into the pipe. Only the first process of each kind waits.
 */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';

export async function gate(who) {
  const folder = process.env['FAULTS_GATE'];
  if (folder === undefined || folder === '' || process.env['FAULTS_TARGET'] !== who) return;
  try {
    mkdirSync(join(folder, 'taken'));
  } catch {
    return;
  }
  await stat('/');
  writeFileSync(join(folder, 'pid.tmp'), String(process.pid));
  renameSync(join(folder, 'pid.tmp'), join(folder, 'pid'));
  readFileSync(join(folder, 'pipe'));
}
