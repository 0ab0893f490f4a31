/** How a fault run reports: a table for people on stdout, the same as JSON in a file (`--out`), exit code 1 if anything was violated. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { arch, cpus, release, type as system } from 'node:os';
import { dirname } from 'node:path';
import { parseArgs } from 'node:util';

/** Options with defaults; numbers stay numbers. */
export function options(defaults) {
  const spec = Object.fromEntries(Object.entries({ out: '', ...defaults }).map(([name, value]) => [name, typeof value === 'boolean' ? { type: 'boolean', default: value } : { type: 'string', default: String(value) }]));
  const { values } = parseArgs({ options: spec });
  return Object.fromEntries(Object.entries({ out: '', ...defaults }).map(([name, value]) => [name, typeof value === 'number' ? Number(values[name]) : values[name]]));
}

/** More than this are only in the file. */
const MOST_PRINTED = 20;

export class Figures {
  #began = performance.now();
  #violations = [];
  #rows = [];

  constructor(name, settings) {
    this.name = name;
    this.settings = settings;
    const given = Object.entries(settings).filter(([key]) => key !== 'out').map(([key, value]) => `${key} ${value}`);
    process.stdout.write(`${name}  ${given.join(', ')}\n`);
  }

  /** `what` failed in these ways; the first of them is printed at once. */
  violated(what, found) {
    for (const text of found) this.#violations.push({ what, text });
    if (found.length > 0 && this.#violations.length <= MOST_PRINTED) process.stdout.write(`VIOLATED  ${what}: ${found[0]}\n`);
  }

  row(row) {
    this.#rows.push(row);
  }

  /** Prints, writes and sets the exit code. */
  finish(facts = {}) {
    const seconds = Math.round((performance.now() - this.#began) / 100) / 10;
    if (this.#rows.length > 0) process.stdout.write(`${table(this.#rows)}\n`);
    for (const [name, value] of Object.entries(facts)) process.stdout.write(`${name}: ${typeof value === 'object' ? JSON.stringify(value) : value}\n`);
    process.stdout.write(`violations: ${this.#violations.length}  (${seconds} s)\n`);
    const { out, ...settings } = this.settings;
    const summary = {
      schema: 'pipeline.faults.v1', name: this.name, settings, facts, rows: this.#rows, violations: this.#violations, seconds,
      machine: { node: process.version, system: `${system()} ${release()} ${arch()}`, cores: cpus().length },
    };
    if (out !== '') {
      mkdirSync(dirname(out), { recursive: true });
      writeFileSync(out, `${JSON.stringify(summary, null, 1)}\n`);
    }
    if (this.#violations.length > 0) process.exitCode = 1;
    return summary;
  }
}

function table(rows) {
  const names = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const cells = [names, ...rows.map((row) => names.map((name) => String(row[name] ?? '')))];
  const widths = names.map((_, i) => Math.max(...cells.map((line) => line[i].length)));
  return cells.map((line) => line.map((cell, i) => (/^-?[\d.]+$/.test(cell) ? cell.padStart(widths[i]) : cell.padEnd(widths[i]))).join('  ').trimEnd()).join('\n');
}

/** This cannot be measured here: says why and ends well. */
export function skip(name, why, out = '') {
  process.stdout.write(`${name}  skipped: ${why}\n`);
  if (out !== '') writeFileSync(out, `${JSON.stringify({ schema: 'pipeline.faults.v1', name, skipped: why })}\n`);
  process.exit(0);
}
