/**
 * `command`: any program as a stage. Arguments are a list and never pass a shell; parameters reach the program as a file and as environment variables. The
 * files that it is made of enter the key (externals.ts), what it wrote is checked before it counts (collect.ts).
 */
import { Type } from '@sinclair/typebox';
import { defineStage } from '../define.js';
import { collectOutput, readMetrics } from './collect.js';
import { checkSameFiles } from './externals.js';
import { handOver, type CommandInputs } from './handover.js';
import { checkInterpreter } from './interpreter.js';
import { OutputLog } from './output-log.js';
import { declaredOutput, type CommandParameters } from './parameters.js';
import { checkEnd, runProgram } from './program.js';

const ARTIFACT = '^[A-Z][A-Za-z0-9]{0,63}$';
const MOST_NAMED = 5;

const PARAMS = Type.Object(
  {
    argv: Type.Array(Type.String(), { minItems: 1, description: 'program and arguments, each by itself: no shell sees them. A bare program name is looked up on PATH. `{inputs.NAME}` and `{outputs.NAME}` stand for folders, `{job}` for the JSON file that describes them, `{cpus}` for the cores granted, `{tmp}` for a private folder' }),
    outputs: Type.Unsafe<CommandParameters['outputs']>({
      type: 'object', minProperties: 1, description: 'what it makes: name → artifact type, or { type, files, publish, description }; `files` names what has to be there (`*` within a path segment), `publish` what is copied to results/',
      additionalProperties: {
        anyOf: [
          { type: 'string', pattern: ARTIFACT },
          {
            type: 'object', additionalProperties: false, required: ['type'],
            properties: { type: { type: 'string', pattern: ARTIFACT }, description: { type: 'string' }, files: { type: 'array', minItems: 1, items: { type: 'string', minLength: 1 } }, publish: { type: 'array', items: { type: 'string', minLength: 1 } } },
          },
        ],
      },
    }),
    values: Type.Unsafe<CommandParameters['values']>({ type: 'object', default: {}, description: 'parameters of the program, any JSON: in the JSON file under `values`, and as PIPELINE_VALUE_NAME' }),
    env: Type.Unsafe<CommandParameters['env']>({ type: 'object', default: {}, additionalProperties: { type: ['string', 'number', 'boolean', 'null'] }, description: 'environment variables and their values, which enter the key; null: unset. `"${env.NAME}"` passes one of yours on' }),
    secrets: Type.Array(Type.String({ minLength: 1 }), { default: [], description: 'environment variables that are passed on and never enter the key or a log' }),
    code: Type.Array(Type.String({ minLength: 1 }), { default: [], description: 'globs of the files that the program is made of, relative to `folder`; `!glob` leaves files out. Files that argv names count without it' }),
    interpreter: Type.Optional(
      Type.Object(
        {
          command: Type.String({ minLength: 1, description: 'what is asked for its version' }),
          version: Type.String({ pattern: '^[0-9A-Za-z][0-9A-Za-z.+-]*$', description: 'what its answer has to begin with, by whole parts: 3.11 takes 3.11.4' }),
          args: Type.Array(Type.String(), { default: ['--version'], description: 'how it is asked' }),
        },
        { additionalProperties: false, description: 'a program whose version matters: checked before the run; the version that stands here enters the key' },
      ),
    ),
    folder: Type.String({ 'x-external': 'directory', default: '.', description: 'working folder, and where relative paths in argv and code start; not in the key' }),
  },
  { additionalProperties: false },
);

export default defineStage({
  type: 'command',
  version: 1,
  summary: 'Runs a program of your own: any inputs, declared outputs, no shell.',
  description: `Inputs may have any names and take artifacts of any type; each is a folder of read-only links. A program finds everything in the JSON file that
\`PIPELINE_JOB\` names (inputs, outputs, values, cores), or in \`PIPELINE_INPUT_NAME\`, \`PIPELINE_OUTPUT_NAME\` and \`PIPELINE_VALUE_NAME\`. An input that is written as a list or map
gathers: its folder has a subfolder for each artifact, in the order of the JSON file, which holds their labels.

The key holds argv, values, env, the declared outputs, the content of the inputs, and the files that argv and \`code\` name with their executable bits; not where the program
lies, nor PATH. The environment holds PATH, HOME and a few like them, \`OMP_NUM_THREADS\` and its kin set to the cores granted, a fixed locale and time zone, and what
\`env\` and \`secrets\` name; nothing else.

A program that ends with 0 must have filled every output. Numbers that it writes as a JSON object to \`PIPELINE_METRICS\` appear in the table of runs. What it
prints is the stage's log. See own-code.md.`,
  params: PARAMS,
  inputs: {},
  outputs: {},
  ownPorts: true,
  needs: [],
  random: false,
  runs: 'program',
  resources: { cpus: 1, memoryMb: 512 },
  async run({ params, inputs, outputs, externals, scratch, signal, resources, log, warn, metric }) {
    const command = params as CommandParameters;
    const job = handOver(command, inputs as CommandInputs, scratch, resources.cpus, process.env);
    if (command.interpreter !== undefined) log(`${command.interpreter.command} ${await checkInterpreter(command.interpreter, command.folder, job.env)}`);
    const output = new OutputLog(command.secrets.map((name) => process.env[name] ?? ''), log);
    const ended = await runProgram({ argv: job.argv, cwd: command.folder, env: job.env, signal, output });
    checkEnd(job, ended, output);
    await checkSameFiles(command, externals);
    for (const [port, folder] of job.outputs) {
      const writer = (outputs as Readonly<Record<string, (typeof outputs)[keyof typeof outputs]>>)[port];
      if (writer === undefined) continue;
      const left = collectOutput(port, folder, declaredOutput(command.outputs[port] as string), writer, job.handed);
      if (left.length > 0) warn(`output "${port}": ${left.length} ${left.length === 1 ? 'file is' : 'files are'} not declared and not kept: ${left.slice(0, MOST_NAMED).join(', ')}`);
    }
    for (const [name, value] of Object.entries(readMetrics(job.metrics))) metric(name, value);
  },
});
