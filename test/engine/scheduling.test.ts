import { expect, test } from 'vitest';
import { PipelineRig } from '../rigs/pipeline-rig.js';

test('of a matrix the instance that is furthest along is finished first, and the results are those of any other order', async () => {
  const stages = `  a: { type: fake.work, matrix: { n: [1, 2, 3] }, params: { label: a, text: "n\${matrix.n}" } }
  b: { type: fake.work, matrix: { n: [1, 2, 3] }, inputs: { a: "\${stages.a}" }, params: { label: b } }
  c: { type: fake.work, matrix: { n: [1, 2, 3] }, inputs: { a: "\${stages.b}" }, params: { label: c } }
`;
  await using rig = PipelineRig.create();
  rig.pipeline(stages);
  const order = (await rig.run({ jobs: 1 })).events.flatMap((event) => (event.kind === 'stage.ran' ? [event.stage] : []));
  expect(order.map((name) => name.replace(/\[n=(\d)\]/, '$1'))).toEqual(['a1', 'b1', 'c1', 'a2', 'b2', 'c2', 'a3', 'b3', 'c3']);
  await using other = PipelineRig.create();
  other.pipeline(stages);
  const [wide, narrow] = [(await other.run({ jobs: 3, cpus: 3 })).summary, (await rig.run()).summary];
  expect(other.digests(wide)).toEqual(rig.digests(narrow));
});
