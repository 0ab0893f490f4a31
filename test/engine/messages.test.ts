/** The exact words of every error that a pipeline file can cause. A change here is a change of what users read: look at it. */
import { expect, test } from 'vitest';
import { load, pipeline } from '../rigs/plan-rig.js';

const SIMULATE = '  sim: { type: fake.simulate }\n';

test('a stage type that nobody knows', () => {
  expect(load(pipeline('  readout:\n    type: fake.rigde\n')).printed).toMatchInlineSnapshot(`
    "p.yaml:4:11  E_UNKNOWN_STAGE_TYPE  "fake.rigde" is not a known stage type
      3 |   readout:
      4 |     type: fake.rigde
        |           ^^^^^^^^^^
      stage: readout
      did you mean "fake.ridge"?"
  `);
});

test('an input that is misspelt is one mistake, not two', () => {
  expect(load(pipeline(`${SIMULATE}  v:\n    type: fake.voxels\n    inputs:\n      nds: \${stages.sim}\n`)).printed).toMatchInlineSnapshot(`
    "p.yaml:7:7  E_UNKNOWN_INPUT  "nds" is not an input of stage type "fake.voxels"
      6 |     inputs:
      7 |       nds: \${stages.sim}
        |       ^^^
      stage: v
      did you mean "nsd"?"
  `);
});

test('an artifact of the wrong type', () => {
  const text = pipeline(`${SIMULATE}  v:\n    type: fake.voxels\n    inputs: { nsd: "\${stages.sim}" }\n  f:\n    type: fake.features\n    inputs:\n      nsd: \${stages.v}\n    params: { layers: [conv1] }\n`);
  expect(load(text).printed).toMatchInlineSnapshot(`
    "p.yaml:10:12  E_INPUT_TYPE  input "nsd" of stage "f" cannot take what "v" makes
       9 |     inputs:
      10 |       nsd: \${stages.v}
         |            ^^^^^^^^^^^
      expected: NsdTree
      found: Voxels (output "voxels" of fake.voxels)
      connect one of: \${stages.sim}"
  `);
});

test('a named output of the wrong type', () => {
  expect(load(pipeline(`${SIMULATE}  v:\n    type: fake.voxels\n    inputs:\n      nsd: \${stages.sim.truth}\n`)).printed).toMatchInlineSnapshot(`
    "p.yaml:7:12  E_INPUT_TYPE  input "nsd" of stage "v" cannot take what "sim" makes
      6 |     inputs:
      7 |       nsd: \${stages.sim.truth}
        |            ^^^^^^^^^^^^^^^^^^^
      expected: NsdTree
      found: Truth (output "truth" of fake.simulate)
      connect one of: \${stages.sim}"
  `);
});

test('an output that a stage does not have', () => {
  expect(load(pipeline(`${SIMULATE}  v:\n    type: fake.voxels\n    inputs:\n      nsd: \${stages.sim.nds}\n`)).printed).toMatchInlineSnapshot(`
    "p.yaml:7:12  E_UNKNOWN_REFERENCE  stage "sim" has no output "nds"
      6 |     inputs:
      7 |       nsd: \${stages.sim.nds}
        |            ^^^^^^^^^^^^^^^^^
      type: fake.simulate
      did you mean "nsd"?"
  `);
});

test('a stage that could mean two outputs', () => {
  const text = pipeline(`${SIMULATE}  f: { type: fake.features, inputs: { nsd: "\${stages.sim}" }, params: { layers: [x] } }\n  v: { type: fake.voxels, inputs: { nsd: "\${stages.sim}" } }\n  r:\n    type: fake.ridge\n    inputs:\n      voxels: \${stages.v}\n      features: \${stages.f}\n`);
  expect(load(text).printed).toMatchInlineSnapshot(`
    "p.yaml:10:17  E_UNKNOWN_REFERENCE  "\${stages.f}" does not say which output
       9 |       voxels: \${stages.v}
      10 |       features: \${stages.f}
         |                 ^^^^^^^^^^^
      expected: one of train, test
      found: f
      write "\${stages.f.train}""
  `);
});

test('a stage that is not in the pipeline', () => {
  expect(load(pipeline(`${SIMULATE}  v:\n    type: fake.voxels\n    inputs:\n      nsd: \${stages.simm.nsd}\n`)).printed).toMatchInlineSnapshot(`
    "p.yaml:7:21  E_UNKNOWN_REFERENCE  stage "simm" is not in the pipeline
      6 |     inputs:
      7 |       nsd: \${stages.simm.nsd}
        |                     ^^^^
      did you mean "sim"?"
  `);
});

test('a required input that is not connected', () => {
  expect(load(pipeline(`${SIMULATE}  v:\n    type: fake.voxels\n`)).printed).toMatchInlineSnapshot(`
    "p.yaml:4:3  E_MISSING_INPUT  input "nsd" of stage "v" is not connected
      3 |   sim: { type: fake.simulate }
      4 |   v:
        |   ^
      expected: NsdTree: NsdTree to use
      add under inputs: nsd: \${stages.sim}"
  `);
});

test('an input that is a bare name, a list, or nothing', () => {
  expect(load(pipeline(`${SIMULATE}  v:\n    type: fake.voxels\n    inputs: { nsd: sim.nsd }\n  w:\n    type: fake.voxels\n    inputs: { nsd: ["\${stages.sim}"] }\n  x:\n    type: fake.voxels\n    inputs:\n      nsd:\n`)).printed).toMatchInlineSnapshot(`
    "p.yaml:6:20  E_WRONG_TYPE  input "nsd" of stage "v" is not a reference to a stage
      5 |     type: fake.voxels
      6 |     inputs: { nsd: sim.nsd }
        |                    ^^^^^^^
      expected: \${stages.NAME} or \${stages.NAME.OUTPUT}
      found: text "sim.nsd"
      write "\${stages.sim.nsd}"

    p.yaml:9:20  E_WRONG_TYPE  input "nsd" of stage "w" is not a reference to a stage
      8 |     type: fake.voxels
      9 |     inputs: { nsd: ["\${stages.sim}"] }
        |                    ^^^^^^^^^^^^^^^^^
      expected: \${stages.NAME} or \${stages.NAME.OUTPUT}
      found: a list of 1
      this port takes one artifact: give one reference

    p.yaml:13:7  E_WRONG_TYPE  input "nsd" of stage "x" is not a reference to a stage
      12 |     inputs:
      13 |       nsd:
         |       ^^^
      expected: \${stages.NAME} or \${stages.NAME.OUTPUT}
      found: nothing (null)
      write "\${stages.NAME}""
  `);
});

test('a reference in { } without quotes', () => {
  expect(load(pipeline(`${SIMULATE}  v:\n    type: fake.voxels\n    inputs: { nsd: \${stages.sim.nsd} }\n`)).printed).toMatchInlineSnapshot(`
    "p.yaml:6:20  E_YAML_SYNTAX  a reference inside { } or [ ] needs quotes
      5 |     type: fake.voxels
      6 |     inputs: { nsd: \${stages.sim.nsd} }
        |                    ^^^^^^^^^^^^^^^^^
      write "\${stages.sim.nsd}""
  `);
});

test('a condition with a colon and without quotes', () => {
  expect(load(pipeline(`${SIMULATE}  v:\n    type: fake.simulate\n    when: \${params.a ? true : false}\n`, 'params: { a: true }\n')).printed).toMatchInlineSnapshot(`
    "p.yaml:7:11  E_YAML_SYNTAX  nested mappings are not allowed in compact mappings
      6 |     type: fake.simulate
      7 |     when: \${params.a ? true : false}
        |           ^
      put the whole text with "\${…}" in quotes: YAML reads ": ", " #", "{" and "," in it"
  `);
});

test('a parameter out of range, directly and through a reference', () => {
  expect(load(pipeline('  a:\n    type: fake.simulate\n    params: { subject: 9 }\n  b:\n    type: fake.simulate\n    params:\n      sessions: ${params.sessions}\n', 'params:\n  sessions: 41\n')).printed).toMatchInlineSnapshot(`
    "p.yaml:7:24  E_OUT_OF_RANGE  parameter "subject" of stage "a" is out of range
      6 |     type: fake.simulate
      7 |     params: { subject: 9 }
        |                        ^
      expected: an integer from 1 to 8
      found: 9
      give an integer from 1 to 8

    p.yaml:11:17  E_OUT_OF_RANGE  parameter "sessions" of stage "b" is out of range
      10 |     params:
      11 |       sessions: \${params.sessions}
         |                 ^^^^^^^^^^^^^^^^^^
      expected: an integer from 1 to 40
      found: 41
      from: \${params.sessions}
      give an integer from 1 to 40"
  `);
});

test('a parameter of the wrong type', () => {
  expect(load(pipeline('  a:\n    type: fake.simulate\n    params: { subject: one, sessions: 1.5 }\n')).printed).toMatchInlineSnapshot(`
    "p.yaml:5:24  E_WRONG_TYPE  parameter "subject" of stage "a" has the wrong type
      4 |     type: fake.simulate
      5 |     params: { subject: one, sessions: 1.5 }
        |                        ^^^
      expected: an integer from 1 to 8
      found: text "one"
      give an integer from 1 to 8

    p.yaml:5:39  E_WRONG_TYPE  parameter "sessions" of stage "a" has the wrong type
      4 |     type: fake.simulate
      5 |     params: { subject: one, sessions: 1.5 }
        |                                       ^^^
      expected: an integer from 1 to 40
      found: 1.5
      give an integer from 1 to 40"
  `);
});

test('a value that is none of the known ones, written as enum or as union', () => {
  const text = pipeline(`${SIMULATE}  v: { type: fake.voxels, inputs: { nsd: "\${stages.sim}" }, params: { zscore: sesion } }\n  f: { type: fake.features, inputs: { nsd: "\${stages.sim}" }, params: { layers: [x] } }\n  r:\n    type: fake.ridge\n    inputs:\n      voxels: \${stages.v}\n      features: \${stages.f.train}\n    params: { solver: 5 }\n`);
  expect(load(text).printed).toMatchInlineSnapshot(`
    "p.yaml:4:79  E_OUT_OF_RANGE  parameter "zscore" of stage "v" is not one of the known values
      4 | …d: "\${stages.sim}" }, params: { zscore: sesion } }
        |                                          ^^^^^^
      expected: one of "session", "run", "none"
      found: text "sesion"
      did you mean "session"?

    p.yaml:11:23  E_WRONG_TYPE  parameter "solver" of stage "r" has the wrong type
      10 |       features: \${stages.f.train}
      11 |     params: { solver: 5 }
         |                       ^
      expected: one of "auto", "primal", "dual"
      found: 5
      use one of: auto, primal, dual"
  `);
});

test('parameters that do not exist, are missing, or are wrong deep inside', () => {
  const text = pipeline(`${SIMULATE}  f:\n    type: fake.features\n    inputs: { nsd: "\${stages.sim}" }\n    params: { percnt: 5 }\n  r:\n    type: fake.ridge\n    inputs: { voxels: "\${stages.v}", features: "\${stages.f.test}" }\n    params:\n      alphas: []\n      stop: { kind: gap, gap: -1, more: 2 }\n      limit: many\n  v: { type: fake.voxels, inputs: { nsd: "\${stages.sim}" } }\n`);
  expect(load(text).printed).toMatchInlineSnapshot(`
    "p.yaml:4:3  E_MISSING_FIELD  parameter "layers" of stage "f" is not given
      3 |   sim: { type: fake.simulate }
      4 |   f:
        |   ^
      expected: a non-empty list of non-empty text: names of layers
      add layers: under params:

    p.yaml:7:15  E_UNKNOWN_PARAMETER  "percnt" is not a parameter of stage type "fake.features"
      6 |     inputs: { nsd: "\${stages.sim}" }
      7 |     params: { percnt: 5 }
        |               ^^^^^^
      stage: f
      did you mean "percent"?

    p.yaml:12:15  E_OUT_OF_RANGE  parameter "alphas" of stage "r" is out of range
      11 |     params:
      12 |       alphas: []
         |               ^^
      expected: a non-empty list of number above 0
      found: list []
      give a non-empty list of number above 0

    p.yaml:13:31  E_OUT_OF_RANGE  parameter "stop.gap" of stage "r" is out of range
      12 |       alphas: []
      13 |       stop: { kind: gap, gap: -1, more: 2 }
         |                               ^^
      expected: a number at least 0
      found: -1
      give a number at least 0

    p.yaml:13:35  E_UNKNOWN_PARAMETER  "more" is not a part of parameter "stop"
      12 |       alphas: []
      13 |       stop: { kind: gap, gap: -1, more: 2 }
         |                                   ^^^^
      stage: r
      use one of: kind, gap

    p.yaml:14:14  E_WRONG_TYPE  parameter "limit" of stage "r" has the wrong type
      13 |       stop: { kind: gap, gap: -1, more: 2 }
      14 |       limit: many
         |              ^^^^
      expected: an integer at least 1 or null
      found: text "many"
      give an integer at least 1 or null"
  `);
});

test('unknown, missing and misshapen fields', () => {
  expect(load('naem: x\nseed: 1.5\nenv: HOME\nparams: [1]\nstages:\n  a:\n    typ: fake.simulate\n  b: fake.simulate\n  c:\n    type: 5\n    when: "yes"\n').printed).toMatchInlineSnapshot(`
    "p.yaml:1:1  E_UNKNOWN_FIELD  "naem" is not a field of the pipeline file
      1 | naem: x
        | ^^^^
      did you mean "name"?

    p.yaml:2:7  E_WRONG_TYPE  seed of the pipeline has the wrong type
      1 | naem: x
      2 | seed: 1.5
        |       ^^^
      expected: an integer
      found: number 1.5
      write e.g. seed: 1

    p.yaml:3:6  E_WRONG_TYPE  env has the wrong type
      2 | seed: 1.5
      3 | env: HOME
        |      ^^^^
      expected: a list of names of environment variables
      found: text "HOME"
      write env: [NAME]

    p.yaml:4:9  E_WRONG_TYPE  params has the wrong type
      3 | env: HOME
      4 | params: [1]
        |         ^^^
      expected: a map
      found: a list of 1
      write one "name: value" a line

    p.yaml:7:5  E_UNKNOWN_FIELD  "typ" is not a field of stage "a"
      6 |   a:
      7 |     typ: fake.simulate
        |     ^^^
      did you mean "type"?

    p.yaml:8:6  E_WRONG_TYPE  stage "b" has the wrong type
      7 |     typ: fake.simulate
      8 |   b: fake.simulate
        |      ^^^^^^^^^^^^^
      expected: a map with type:
      found: text "fake.simulate"
      write type: and the other fields below the name

    p.yaml:10:11  E_WRONG_TYPE  type of stage "c" has the wrong type
       9 |   c:
      10 |     type: 5
         |           ^
      expected: text
      found: number 5
      put it in quotes"
  `);
});

test('names that cannot be names', () => {
  expect(load('name: my pipeline\nenv: [A-B]\nparams: { a-b: 1 }\nstages:\n  1st: { type: fake.simulate }\n').printed).toMatchInlineSnapshot(`
    "p.yaml:1:7  E_BAD_NAME  "my pipeline" cannot be the name of the pipeline
      1 | name: my pipeline
        |       ^^^^^^^^^^^
      expected: a letter, then up to 63 letters, digits, _ and -
      choose another name

    p.yaml:2:7  E_BAD_NAME  "A-B" cannot be the name of an environment variable
      1 | name: my pipeline
      2 | env: [A-B]
        |       ^^^
      expected: a letter, then letters, digits and _
      choose another name

    p.yaml:3:11  E_BAD_NAME  "a-b" cannot be the name of a parameter of the pipeline
      2 | env: [A-B]
      3 | params: { a-b: 1 }
        |           ^^^
      expected: a letter, then up to 63 letters, digits and _
      choose another name

    p.yaml:5:3  E_BAD_NAME  "1st" cannot be the name of a stage
      4 | stages:
      5 |   1st: { type: fake.simulate }
        |   ^^^
      expected: a letter, then up to 63 letters, digits, _ and -
      choose another name"
  `);
});

test('a cycle is a path with the places of its inputs', () => {
  const relay = (name: string, from: string): string => `  ${name}:\n    type: fake.relay\n    inputs:\n      nsd: \${stages.${from}}\n`;
  expect(load(pipeline(relay('a', 'c') + relay('b', 'a') + relay('c', 'b'))).printed).toMatchInlineSnapshot(`
    "p.yaml:10:12  E_CYCLE  stages depend on one another: a -> b -> c -> a
       9 |     inputs:
      10 |       nsd: \${stages.a}
         |            ^^^^^^^^^^^
      "b" needs "a": line 10, column 12
      "c" needs "b": line 14, column 12
      "a" needs "c": line 6, column 12
      remove one of these inputs"
  `);
});

test('params that use one another', () => {
  expect(load(pipeline(SIMULATE, 'params:\n  a: ${params.b}\n  b: ${params.a}\n  c: ${params.a}\n')).printed).toMatchInlineSnapshot(`
    "p.yaml:3:3  E_CYCLE  params depend on one another: a -> b -> a
      2 | params:
      3 |   a: \${params.b}
        |   ^
      a: line 3, column 3
      b: line 4, column 3
      give one of them a value of its own"
  `);
});

test('expressions with unknown names, wrong operands and bad grammar', () => {
  expect(load(pipeline(SIMULATE, 'env: [NSD_ROOT]\nparams:\n  steps: 64\n  a: ${params.step}\n  b: ${env.NSD_ROT}\n  c: ${env.HOME}\n  d: ${params.steps + \'x\'}\n  e: ${params.steps +}\n  f: ${params.steps.more}\n  g: root ${env.NSD_ROOT}\n  h: ${stages.sim.nsd}\n  i: "${params.steps > 1 ? 2 : params.nothing}"\n')).printed).toMatchInlineSnapshot(`
    "p.yaml:5:8  E_UNKNOWN_REFERENCE  "params.step" is not among the params of the pipeline
      4 |   steps: 64
      5 |   a: \${params.step}
        |        ^^^^^^^^^^^
      did you mean "params.steps"?

    p.yaml:6:8  E_UNKNOWN_REFERENCE  environment variable "NSD_ROT" is not listed under env:
      5 |   a: \${params.step}
      6 |   b: \${env.NSD_ROT}
        |        ^^^^^^^^^^^
      did you mean "NSD_ROOT"?

    p.yaml:7:8  E_UNKNOWN_REFERENCE  environment variable "HOME" is not listed under env:
      6 |   b: \${env.NSD_ROT}
      7 |   c: \${env.HOME}
        |        ^^^^^^^^
      add HOME to env: [NSD_ROOT]

    p.yaml:8:23  E_EXPRESSION  "+" cannot take this value
      7 |   c: \${env.HOME}
      8 |   d: \${params.steps + 'x'}
        |                       ^^^
      expected: a number
      found: text "x"
      compare or convert it first: nothing is converted on its own

    p.yaml:9:22  E_EXPRESSION  "}" is not expected here
      8 |   d: \${params.steps + 'x'}
      9 |   e: \${params.steps +}
        |                      ^
      expected: a value
      found: }
      check the expression

    p.yaml:10:8  E_UNKNOWN_REFERENCE  "params.steps" has no part "more"
       9 |   e: \${params.steps +}
      10 |   f: \${params.steps.more}
         |        ^^^^^^^^^^^^^^^^^
      found: number 64
      use params.steps itself

    p.yaml:11:13  E_EXPRESSION  null cannot be put into a text
      10 |   f: \${params.steps.more}
      11 |   g: root \${env.NSD_ROOT}
         |             ^^^^^^^^^^^^
      expected: text, a number, true or false
      found: null
      give a default with ??, e.g. \${env.NAME ?? ''}

    p.yaml:12:8  E_EXPRESSION  outputs of stages cannot be used inside a value
      11 |   g: root \${env.NSD_ROOT}
      12 |   h: \${stages.sim.nsd}
         |        ^^^^^^
      expected: params.NAME, env.NAME or matrix.AXIS
      found: stages
      connect the stage under inputs:, as port: \${stages.NAME}

    p.yaml:13:32  E_UNKNOWN_REFERENCE  "params.nothing" is not among the params of the pipeline
      12 |   h: \${stages.sim.nsd}
      13 |   i: "\${params.steps > 1 ? 2 : params.nothing}"
         |                                ^^^^^^^^^^^^^^
      add nothing under params:"
  `);
});

test('a duplicate key names the first', () => {
  expect(load(pipeline(`${SIMULATE}  sim: { type: fake.simulate }\n`)).printed).toMatchInlineSnapshot(`
    "p.yaml:4:3  E_DUPLICATE_KEY  key "sim" stands twice in one map
      3 |   sim: { type: fake.simulate }
      4 |   sim: { type: fake.simulate }
        |   ^^^
      first: line 3, column 3
      remove or rename one of them"
  `);
});

test('what YAML itself refuses', () => {
  expect(load('name: "x\nstages: 1\n').printed).toMatchInlineSnapshot(`
    "p.yaml:3:1  E_YAML_SYNTAX  missing closing double quote
      2 | stages: 1
      3 | 
        | ^
      close the quote or bracket"
  `);
  expect(load('name: x\nstages:\n\ta: 1\n').printed).toMatchInlineSnapshot(`
    "p.yaml:3:1  E_YAML_SYNTAX  tabs are not allowed as indentation
      2 | stages:
      3 |     a: 1
        | ^^^^
      indent with spaces"
  `);
  expect(load('name: a: b\n').printed).toMatchInlineSnapshot(`
    "p.yaml:1:7  E_YAML_SYNTAX  nested mappings are not allowed in compact mappings
      1 | name: a: b
        |       ^
      put text that contains ": " in quotes"
  `);
});

test('what the guards refuse', () => {
  expect(load('%YAML 1.1\n---\nname: x\n').printed).toMatchInlineSnapshot(`
    "p.yaml:1:1  E_YAML_FORBIDDEN  directive "%YAML 1.1" is not allowed
      1 | %YAML 1.1
        | ^^^^^^^^^
      remove the line: pipeline files are YAML 1.2"
  `);
  expect(load('name: x\n---\nname: y\n').printed).toMatchInlineSnapshot(`
    "p.yaml:2:1  E_YAML_FORBIDDEN  a pipeline file holds one document
      1 | name: x
      2 | ---
        | ^^^
      remove this "---" and what follows, or put it into a file of its own"
  `);
  expect(load('name: !!python/object x\n').printed).toMatchInlineSnapshot(`
    "p.yaml:1:7  E_YAML_FORBIDDEN  tag "!!python/object" is not allowed
      1 | name: !!python/object x
        |       ^^^^^^^^^^^^^^^
      remove the tag: pipeline files hold plain values"
  `);
  expect(load(pipeline(SIMULATE, 'params:\n  <<: { a: 1 }\n')).printed).toMatchInlineSnapshot(`
    "p.yaml:3:3  E_YAML_FORBIDDEN  merge key "<<" is not part of YAML 1.2
      2 | params:
      3 |   <<: { a: 1 }
        |   ^^
      write the keys out, or use pipeline params"
  `);
  expect(load(pipeline(SIMULATE, 'params: { a: 12345678901234567890, b: .inf }\n')).printed).toMatchInlineSnapshot(`
    "p.yaml:2:14  E_OUT_OF_RANGE  number "12345678901234567890" cannot be held exactly
      1 | name: test
      2 | params: { a: 12345678901234567890, b: .inf }
        |              ^^^^^^^^^^^^^^^^^^^^
      expected: an integer within ±(2^53 - 1)
      found: 12345678901234567890
      put it in quotes if it is a name

    p.yaml:2:39  E_OUT_OF_RANGE  number ".inf" cannot be held exactly
      1 | name: test
      2 | params: { a: 12345678901234567890, b: .inf }
        |                                       ^^^^
      expected: a finite number
      found: .inf
      put it in quotes if it is a name"
  `);
  expect(load(`a: ${'['.repeat(65)}`).printed).toMatchInlineSnapshot(`
    "p.yaml:1:66  E_YAML_TOO_DEEP  the file is nested too deeply
      1 | a: [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[
        |                                                                  ^
      expected: at most 64 levels
      flatten the nesting"
  `);
});

test('resources without units, out of range or unknown', () => {
  expect(load(pipeline('  a:\n    type: fake.simulate\n    resources: { cpus: 0, memory: 4, time: 30 minutes, gpu: x, ram: 1 GB }\n')).printed).toMatchInlineSnapshot(`
    "p.yaml:5:24  E_OUT_OF_RANGE  resource "cpus" of stage "a" is out of range
      4 |     type: fake.simulate
      5 |     resources: { cpus: 0, memory: 4, time: 30 minutes, gpu: x, ram: 1 GB }
        |                        ^
      expected: an integer from 1 to 4096
      found: 0
      write e.g. cpus: 1

    p.yaml:5:35  E_WRONG_TYPE  resource "memory" of stage "a" cannot be read
      4 |     type: fake.simulate
      5 |     resources: { cpus: 0, memory: 4, time: 30 minutes, gpu: x, ram: 1 GB }
        |                                   ^
      expected: a size with its unit, e.g. 4 GB
      found: number 4
      use one of the units MB, GB, TB

    p.yaml:5:44  E_OUT_OF_RANGE  resource "time" of stage "a" cannot be read
      4 |     type: fake.simulate
      5 |     resources: { cpus: 0, memory: 4, time: 30 minutes, gpu: x, ram: 1 GB }
        |                                            ^^^^^^^^^^
      expected: a time with its unit, e.g. 30 min, at most 24 d
      found: text "30 minutes"
      use one of the units s, min, h, d

    p.yaml:5:61  E_WRONG_TYPE  resource "gpu" of stage "a" has the wrong type
      4 |     type: fake.simulate
      5 |     resources: { cpus: 0, memory: 4, time: 30 minutes, gpu: x, ram: 1 GB }
        |                                                             ^
      expected: an integer from 0 to 4096
      found: text "x"
      write e.g. gpu: 1

    p.yaml:5:64  E_UNKNOWN_FIELD  "ram" is not a resource of stage "a"
      4 |     type: fake.simulate
      5 |     resources: { cpus: 0, memory: 4, time: 30 minutes, gpu: x, ram: 1 GB }
        |                                                                ^^^
      use one of: cpus, memory, time, gpu"
  `);
});

test('an outside file that is missing', () => {
  expect(load(pipeline('  a:\n    type: fake.source\n    params: { table: data.csv }\n')).printed).toMatchInlineSnapshot(`
    "p.yaml:5:22  E_EXTERNAL_MISSING  "data.csv", which stage "a" reads, does not exist
      4 |     type: fake.source
      5 |     params: { table: data.csv }
        |                      ^^^^^^^^
      expected: a file
      found: nothing at this path
      parameter: table
      correct the path; relative paths start at the folder of the pipeline file"
  `);
});

test('--set that leads nowhere, or to a value of another type', () => {
  expect(load(pipeline(SIMULATE, 'params: { steps: 64 }\n'), { set: ['params.stesp=1', 'params.steps=many', 'stages.sin.seed=1'] }).printed).toMatchInlineSnapshot(`
    "--set params.stesp=1  E_USAGE  "stesp" is not in params of the pipeline
      found: --set params.stesp=1
      did you mean "steps"?

    --set stages.sin.seed=1  E_UNKNOWN_STAGE_NAME  stage "sin" is not in the pipeline
      found: --set stages.sin.seed=1
      did you mean "sim"?

    --set params.steps=many  E_WRONG_TYPE  param "steps" has the wrong type
      expected: number, as its default 64
      found: text "many"
      give a value of that type"
  `);
});
