// The reference page of all stage types (docs/stages.md), made from their manifests and never written by hand. Pure: the build calls
// `stageReference(manifests)`; the same manifests give the same text.

export function stageReference(manifests) {
  const sorted = [...manifests].sort((a, b) => (a.type < b.type ? -1 : 1));
  const parts = [
    '# Stage types',
    'This page is generated from the stage definitions by the build. Do not edit it.',
    'A stage is an entry under `stages:` of a pipeline file; its `type` is one of these. Inputs are references such as `${stages.voxels}`; an edge joins an output and an input of the same artifact type. An input marked *many* (`Scores…`) takes any number of artifacts: one reference, a list, or a map of names to references ([pipeline-file.md](pipeline-file.md#many-at-once)).',
    table(['type', 'what it does', 'inputs', 'outputs'], sorted.map((one) => [`[\`${one.type}\`](#${anchor(one.type)})`, one.summary, types(one.inputs), types(one.outputs)])),
    ...sorted.map(section),
  ];
  return `${parts.join('\n\n')}\n`;
}

function section(manifest) {
  const { type, version, summary, description, params, inputs, outputs, needs, random, runs, resources } = manifest;
  const parts = [`## ${type}`, summary];
  if (description !== undefined) parts.push(description.trim());
  parts.push('### Inputs', ports(inputs, 'It has no inputs.'));
  parts.push('### Outputs', outputTable(outputs));
  parts.push('### Parameters', parameters(params));
  const facts = [
    `version ${version}`,
    random ? 'draws random numbers: its key holds the seed' : 'draws no random numbers',
    needs.length > 0 ? `needs the service${needs.length > 1 ? 's' : ''} ${needs.map(code).join(', ')}` : 'needs no service',
    runs === 'worker' ? 'runs in a worker process' : 'runs inside the engine',
    `asks for ${resources.cpus} ${resources.cpus === 1 ? 'core' : 'cores'} and ${resources.memoryMb} MB by default`,
  ];
  parts.push('### Running', `${facts.join('; ')}.`);
  return parts.join('\n\n');
}

function ports(inputs, none) {
  const entries = Object.entries(inputs);
  if (entries.length === 0) return none;
  return table(['input', 'artifact', '', 'meaning'], entries.map(([name, port]) => [code(name), code(port.type), `${port.optional ? 'optional' : 'required'}${port.many ? ', many' : ''}`, port.description]));
}

function outputTable(outputs) {
  return table(['output', 'artifact', 'meaning', 'published files'], Object.entries(outputs).map(([name, port]) => [code(name), code(port.type), port.description, (port.publish ?? []).map(code).join(', ') || 'none']));
}

function parameters(schema) {
  const rows = [];
  collect(schema, '', rows);
  if (rows.length === 0) return 'It has no parameters.';
  return table(['parameter', 'type', 'range', 'default', 'meaning'], rows);
}

function collect(schema, prefix, rows) {
  const required = new Set(schema.required ?? []);
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    const path = prefix === '' ? name : `${prefix}.${name}`;
    const fallback = property.default !== undefined ? code(JSON.stringify(property.default)) : required.has(name) ? 'required' : 'none';
    rows.push([code(path), typeText(property), rangeText(property), fallback, property.description ?? '']);
    if (property.type === 'object' && property.properties !== undefined) collect(property, path, rows);
  }
}

function typeText(property) {
  if (property['x-external'] !== undefined) return `path of a ${property['x-external']}`;
  if (property.const !== undefined) return code(JSON.stringify(property.const));
  if (property.enum !== undefined) return property.enum.map((value) => code(JSON.stringify(value))).join(', ');
  const choices = property.anyOf ?? property.oneOf;
  if (choices !== undefined) return choices.map(typeText).join(' or ');
  if (property.type === 'array') return `list of ${property.items === undefined ? 'anything' : typeText(property.items)}`;
  return String(property.type ?? 'any');
}

function rangeText(property) {
  const parts = [];
  if (property.minimum !== undefined) parts.push(`≥ ${property.minimum}`);
  if (property.exclusiveMinimum !== undefined) parts.push(`> ${property.exclusiveMinimum}`);
  if (property.maximum !== undefined) parts.push(`≤ ${property.maximum}`);
  if (property.exclusiveMaximum !== undefined) parts.push(`< ${property.exclusiveMaximum}`);
  if (property.multipleOf !== undefined) parts.push(`multiple of ${property.multipleOf}`);
  if (property.minItems !== undefined) parts.push(`at least ${property.minItems} items`);
  if (property.maxItems !== undefined) parts.push(`at most ${property.maxItems} items`);
  if (property.minLength !== undefined) parts.push(`at least ${property.minLength} characters`);
  if (property.pattern !== undefined) parts.push(`matches ${code(property.pattern)}`);
  return parts.join(', ');
}

function types(named) {
  return Object.values(named).map(({ type, optional, many }) => `${type}${many ? '…' : ''}${optional ? '?' : ''}`).join(', ') || 'none';
}

function anchor(type) {
  return type.toLowerCase().replace(/[^a-z0-9 _-]/g, '').replace(/ /g, '-');
}

function code(text) {
  return `\`${text}\``;
}

function table(headings, rows) {
  const line = (cells) => `| ${cells.map((cell) => String(cell).replace(/\|/g, '\\|').replace(/\n+/g, ' ')).join(' | ')} |`;
  return [line(headings), line(headings.map(() => '---')), ...rows.map(line)].join('\n');
}
