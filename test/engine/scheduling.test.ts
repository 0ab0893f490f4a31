import { expect, test } from 'vitest';
import { PipelineRig } from '../rigs/pipeline-rig.js';

test('of a matrix the instance that is furthest along is finished first, and the results are those of any other order', async () => {
  const stages = `  a: { type: fake.work, matrix: { n: [1, 2, 3, 4, 5, 6, 7, 8] }, params: { label: a, text: "n\${matrix.n}" } }
  b: { type: fake.work, matrix: { n: [1, 2, 3, 4, 5, 6, 7, 8] }, inputs: { a: "\${stages.a}" }, params: { label: b } }
  c: { type: fake.work, matrix: { n: [1, 2, 3, 4, 5, 6, 7, 8] }, inputs: { a: "\${stages.b}" }, params: { label: c } }
`;
  await using rig = PipelineRig.create();
  rig.pipeline(stages);
  const order = (await rig.run({ jobs: 1 })).events.flatMap((event) => (event.kind === 'stage.ran' ? [event.stage] : []));
  expect(order).toHaveLength(24);
  // a stage of the next instance may begin while the key of the next stage is looked up
  expect(order.indexOf('c[n=1]')).toBeLessThan(order.indexOf('a[n=8]'));
  expect(order.indexOf('c[n=4]')).toBeLessThan(order.indexOf('b[n=8]'));
  await using other = PipelineRig.create();
  other.pipeline(stages);
  const [wide, narrow] = [(await other.run({ jobs: 3, cpus: 3 })).summary, (await rig.run()).summary];
  expect(other.digests(wide)).toEqual(rig.digests(narrow));
});
