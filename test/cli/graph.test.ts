import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { FakeProject } from './fake-project.js';

const SWEEP = `name: sweep
stages:
  number: { type: fake.number, matrix: { n: [1, 2, 3], word: [a, "x\\"]; click"] }, params: { value: "\${matrix.n}" } }
  twice: { type: fake.double, matrix: { n: [1, 2, 3], word: [a, "x\\"]; click"] }, inputs: { number: "\${stages.number}" } }
  all: { type: fake.sum, inputs: { numbers: "\${stages.twice}" } }
`;

describe('pipeline graph', () => {
  test('prints Mermaid text with the artifact types on the edges; what is skipped is said without looking at the store', async () => {
    using project = new FakeProject();
    expect((await project.run(['graph', 'demo.yaml'])).stdout).toBe(`flowchart LR
  n0["<b>number</b><br/>fake.number"]
  n1["<b>twice</b><br/>fake.double"]
  n2["<b>never</b><br/>fake.double<br/>– skipped"]
  n0 -->|"Number"| n1
  n0 -->|"Number"| n2
  classDef skipped fill:#f3f4f6,stroke:#9ca3af,color:#374151,stroke-dasharray:2 3
  class n2 skipped
`);
  });

  test('--status answers in words and symbols, from what is stored', async () => {
    using project = new FakeProject();
    expect((await project.run(['graph', 'demo.yaml', '--status'])).stdout).toContain('n0["<b>number</b><br/>fake.number<br/>▶ run"]\n  n1["<b>twice</b><br/>fake.double<br/>? maybe"]');
    await project.run(['run', 'demo.yaml']);
    expect((await project.run(['graph', 'demo.yaml', '--status'])).stdout).toContain('n0["<b>number</b><br/>fake.number<br/>✓ hit"]\n  n1["<b>twice</b><br/>fake.double<br/>✓ hit"]');
  });

  test('instances of a matrix are one box with their number, or one box each', async () => {
    using project = new FakeProject();
    project.write('sweep.yaml', SWEEP);
    const folded = JSON.parse((await project.run(['graph', 'sweep.yaml', '--json', '--status'])).stdout);
    expect(folded).toMatchObject({ schema: 'pipeline.graph.v1', pipeline: 'sweep', folded: true });
    expect(folded.nodes).toEqual([
      { name: 'number', type: 'fake.number', instances: 6, answers: { run: 6 } },
      { name: 'twice', type: 'fake.double', instances: 6, answers: { maybe: 6 } },
      { name: 'all', type: 'fake.sum', answers: { maybe: 1 } },
    ]);
    expect(folded.edges).toEqual([
      { from: 'number', output: 'number', to: 'twice', input: 'number', artifact: 'Number', count: 6 },
      { from: 'twice', output: 'number', to: 'all', input: 'numbers', artifact: 'Number', count: 6 },
    ]);
    const single = JSON.parse((await project.run(['graph', 'sweep.yaml', '--json', '--instances'])).stdout);
    expect(single.nodes).toHaveLength(13);
    expect(single.nodes[0]).toEqual({ name: 'number[n=1,word=a]', type: 'fake.number', coordinates: { n: 1, word: 'a' }, answers: {} });
    expect((await project.run(['graph', 'sweep.yaml'])).stdout).toContain('n0["<b>number</b><br/>6 × fake.number"]');
  });

  test('the picture is one SVG with every box and type in it; --out writes it to a file', async () => {
    using project = new FakeProject();
    const { code, stdout } = await project.run(['graph', 'demo.yaml', '--format', 'svg', '--status', '--out', 'demo.svg']);
    expect([code, stdout]).toEqual([0, '']);
    const svg = readFileSync(join(project.folder, 'demo.svg'), 'utf8');
    expect(svg).toMatch(/^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg" width="\d+" height="\d+"/);
    for (const text of ['number', 'twice', 'never', 'fake.double', 'Number', '▶ run', '? maybe', '– skipped']) expect(svg).toContain(`>${text}</text>`);
    expect(svg).not.toMatch(/NaN|undefined|<script|href/);
  });

  test('too many instances for a picture are put together, and it says so; a file that stays too large is refused', async () => {
    using project = new FakeProject();
    project.write('many.yaml', `name: many\nstages:\n  number: { type: fake.number, matrix: { n: [${Array.from({ length: 1001 }, (_, i) => i).join(', ')}] }, params: { value: "\${matrix.n}" } }\n`);
    const { code, stdout, stderr } = await project.run(['graph', 'many.yaml', '--format', 'svg', '--instances']);
    expect(code).toBe(0);
    expect(stderr).toBe('! 1001 instances are too many to lay out (at most 1000); those of one stage are put together\n');
    expect(stdout).toContain('>1001 × fake.number</text>');
    project.write('long.yaml', `name: long\nstages:\n${Array.from({ length: 1001 }, (_, i) => `  s${i}: { type: fake.number }\n`).join('')}`);
    const refused = await project.run(['graph', 'long.yaml', '--format', 'svg']);
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain('"long" is too large for a picture\n  expected: at most 1000 stages and 4000 edges\n  found: 1001 stages and 0 edges\n  write --format dot');
    project.write('long.yaml', `name: long\nstages:\n  first: { type: fake.number }\n${Array.from({ length: 501 }, (_, i) => `  s${i}: { type: fake.double, inputs: { number: "\${stages.first}" } }\n`).join('')}`);
    const mermaid = await project.run(['graph', 'long.yaml']);
    expect(mermaid.stderr).toContain('GitHub draws at most 500 edges and 50000 characters');
  });

  test.each([
    [['--fold', '--instances'], '"--fold" and "--instances" exclude one another'],
    [['--json', '--format', 'dot'], '"--json" and "--format dot" exclude one another'],
    [['--out', 'missing/folder/x.mmd'], '"missing/folder/x.mmd" cannot be written'],
  ])('%j is wrong usage', async (args, message) => {
    using project = new FakeProject();
    const { code, stderr } = await project.run(['graph', 'demo.yaml', ...args]);
    expect(code).toBe(2);
    expect(stderr.replaceAll('\\"', '"')).toContain(message);
  });
});
