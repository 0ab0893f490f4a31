// The work that every engine is given: `width` chains side by side, each task joins (cat) the outputs of the two tasks before it in its chain
// into a file of its own; the first ones read src/<i>.txt. Files stay some tens of bytes long: what is timed is the engine, not cat.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export const WIDTH = 100;

export class Dag {
  constructor(tasks) {
    this.layers = Math.max(1, Math.round(tasks / WIDTH));
    this.size = this.layers * WIDTH;
  }

  /** every task: name, files it reads, file it writes, tasks before it */
  *tasks() {
    for (let layer = 0; layer < this.layers; layer += 1) {
      for (let i = 0; i < WIDTH; i += 1) {
        const before = [layer - 1, layer - 2].filter((at) => at >= 0).map((at) => ({ layer: at, i }));
        yield { layer, i, name: nameOf(layer, i), output: outputOf(layer, i), needs: before.map(({ layer: l }) => nameOf(l, i)), inputs: before.length === 0 ? [sourceOf(i)] : before.map(({ layer: l }) => outputOf(l, i)) };
      }
    }
  }

  writeSources(folder) {
    mkdirSync(join(folder, 'src'), { recursive: true });
    for (let i = 0; i < WIDTH; i += 1) writeFileSync(join(folder, sourceOf(i)), `source ${i}\n`);
    for (let layer = 0; layer < this.layers; layer += 1) mkdirSync(join(folder, 'out', String(layer)), { recursive: true });
  }
}

export const changedText = (round) => `source 7, changed ${'again '.repeat(round)}\n`;

/** Another text of another length in one source: the chain behind it has to run again. */
export function changeLeaf(folder, round) {
  writeFileSync(join(folder, sourceOf(7)), changedText(round));
}

// cat of the last two outputs would double in length with every layer: only the first line of each goes on
export const shellCommand = ({ inputs, output }) => `head -qn 1 ${inputs.join(' ')} > ${output}`;
export const nameOf = (layer, i) => `t${layer}_${i}`;
const sourceOf = (i) => `src/${i}.txt`;
export const outputOf = (layer, i) => `out/${layer}/${i}.txt`;
