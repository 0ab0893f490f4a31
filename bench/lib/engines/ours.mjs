// The same work told to our engine: one stage a layer with a matrix over the chains; as programs that it starts (what the peers do), and as a stage
// type of a module that runs in its own process (what they cannot do). The number of its layer is told to each task: without it most have equal inputs,
// and stages with equal keys run once.
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { WIDTH } from './dag.mjs';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..');
const MAIN = join(ROOT, 'dist', 'cli', 'main.js');
const CHAINS = `[${Array.from({ length: WIDTH }, (_, i) => i).join(', ')}]`;

const side = (write) => ({
  version: ['node', MAIN, '--version'],
  write(folder, dag) {
    writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: 'bench', private: true, type: 'module' }));
    write(folder, dag);
  },
  run: ['node', MAIN, 'run', 'p.yaml', '--jobs', '2'],
  changed: (folder, dag) => execFileSync('node', [MAIN, 'show', `l${dag.layers - 1}[i=7].out`, '--cat', 'o.txt'], { cwd: folder, encoding: 'utf8' }),
});

export const ours = () => ({
  pipeline: side((folder, dag) => {
    writeFileSync(join(folder, 'join.sh'), 'out=$2; shift 2; exec head -qn 1 "$@" > "$out"\n');
    const stages = Array.from({ length: dag.layers }, (_, layer) => {
      const before = [layer - 1, layer - 2].filter((at) => at >= 0);
      const inputs = before.map((at, k) => `${'ab'[k]}: "\${stages.l${at}}"`).join(', ');
      const read = layer === 0 ? '"src/${matrix.i}.txt"' : before.map((_, k) => `"{inputs.${'ab'[k]}}/o.txt"`).join(', ');
      return `  l${layer}: { type: command, matrix: { i: "\${params.chains}" }, ${inputs === '' ? '' : `inputs: { ${inputs} }, `}params: { argv: [sh, join.sh, "${layer}", "{outputs.out}/o.txt", ${read}], outputs: { out: Text } } }`;
    });
    writeFileSync(join(folder, 'p.yaml'), `name: bench\nparams: { chains: ${CHAINS} }\nstages:\n${stages.join('\n')}\n`);
  }),
  'pipeline (in-process)': side((folder, dag) => {
    // the package itself under its own name, as an installed project has it
    mkdirSync(join(folder, 'node_modules'));
    execFileSync('ln', ['-s', ROOT, join(folder, 'node_modules', 'pipeline-encoding')]);
    writeFileSync(join(folder, 'join.ts'), `import { readFileSync } from 'node:fs';
import { defineStage, Type } from 'pipeline-encoding/stage';
export const first = defineStage({ type: 'bench.first', version: 1, summary: 'the first line of a file', runs: 'inline', params: Type.Object({ file: Type.String({ 'x-external': 'file' }) }), inputs: {}, outputs: { out: { type: 'Text', description: 'o.txt' } },
  async run({ externals, outputs }) { outputs.out.write('o.txt', readFileSync([...externals.values()][0] as string, 'utf8').split('\\n')[0] + '\\n'); } });
export const join = defineStage({ type: 'bench.join', version: 1, summary: 'the first lines of two', runs: 'inline', params: Type.Object({ layer: Type.Integer() }), inputs: { a: { type: 'Text', description: 'o.txt' }, b: { type: 'Text', description: 'o.txt', optional: true } }, outputs: { out: { type: 'Text', description: 'o.txt' } },
  async run({ inputs, outputs }) { outputs.out.write('o.txt', [inputs.a, inputs.b].flatMap((each) => (each === undefined ? [] : [each.text('o.txt').split('\\n')[0] + '\\n'])).join('')); } });
`);
    const stages = Array.from({ length: dag.layers }, (_, layer) => {
      const before = [layer - 1, layer - 2].filter((at) => at >= 0);
      if (layer === 0) return '  l0: { type: bench.first, matrix: { i: "${params.chains}" }, params: { file: "src/${matrix.i}.txt" } }';
      return `  l${layer}: { type: bench.join, matrix: { i: "\${params.chains}" }, params: { layer: ${layer} }, inputs: { ${before.map((at, k) => `${'ab'[k]}: "\${stages.l${at}}"`).join(', ')} } }`;
    });
    writeFileSync(join(folder, 'p.yaml'), `name: bench\nmodules: [./join.ts]\nparams: { chains: ${CHAINS} }\nstages:\n${stages.join('\n')}\n`);
  }),
});
