/**
 * One self-contained HTML page for a run: no network, no script, pictures as data URIs. Its policy forbids everything but its own style sheet
 * and data pictures, so that even markup that slipped through could do nothing. The same model gives the same bytes.
 */
import { createHash } from 'node:crypto';
import { blocksMarkup, tableMarkup } from './block-markup.js';
import { dagFigure, WORD_MARKS } from './dag.js';
import { formatNumber, formatSeconds, jsonLeaves } from './format.js';
import { embeddedJson, markup, Markup } from './markup.js';
import type { ReportModel, ReportStage, ReportWord } from './model.js';
import { STYLE_SHEET } from './style-sheet.js';

const STYLE_HASH = createHash('sha256').update(STYLE_SHEET).digest('base64');
const POLICY = `default-src 'none'; img-src data:; style-src 'sha256-${STYLE_HASH}'; base-uri 'none'; form-action 'none'`;
const WORDS: readonly ReportWord[] = ['ran', 'restored', 'skipped', 'failed', 'blocked'];
const KEY_PREFIX = 8;

export function renderReport(model: ReportModel): string {
  const restricted = model.stages.some(isRestricted);
  const shown = groupsOf(model.stages.map((stage, i) => ({ stage, id: `stage-${i}` })).filter(({ stage }) => hasResults(stage)));
  return markup`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>${model.pipeline} · ${model.run}</title>
<style>${new Markup(STYLE_SHEET)}</style>
</head>
<body>
${restricted ? markup`<div class="banner" role="alert">This report contains restricted data (NSD): do not share.</div>\n` : markup``}<main>
${headerMarkup(model)}
<nav><a href="#stages">Stages</a><a href="#parameters">Parameters</a>${shown.map(({ name, id }) => markup`<a href="#${id}">${name}</a>`)}<a href="#provenance">Provenance</a></nav>
<section><h2>Pipeline</h2>
${dagFigure(model.stages)}
<div class="key">${WORDS.map((word) => ({ word, count: model.stages.filter((stage) => stage.word === word).length })).filter(({ count }) => count > 0).map(({ word, count }) => markup`<span>${wordMarkup(word, WORD_MARKS[word])} ${count}</span>`)}</div>
</section>
${shown.map(groupMarkup)}
${stageTable(model.stages)}
${parametersSection(model)}
${provenanceSection(model)}
<footer>Made by pipeline. This page is one file, loads nothing and runs no script.</footer>
</main>
<script type="application/json" id="run">${embeddedJson(machineReadable(model))}</script>
</body>
</html>
`.text;
}

interface ShownStage {
  readonly stage: ReportStage;
  readonly id: string;
}

/** A stage that is shown, or the instances of one that are. */
interface ShownGroup {
  readonly name: string;
  readonly id: string;
  readonly members: readonly ShownStage[];
}

function groupsOf(shown: readonly ShownStage[]): ShownGroup[] {
  const groups = new Map<string, ShownStage[]>();
  for (const each of shown) {
    const name = each.stage.instanceOf ?? each.stage.name;
    const group = groups.get(name);
    if (group === undefined) groups.set(name, [each]);
    else group.push(each);
  }
  return [...groups].map(([name, members]) => ({ name, id: members.length === 1 ? (members[0] as ShownStage).id : `of-${(members[0] as ShownStage).id}`, members }));
}

/** Many instances are folded away: what gathers them says what they have to say. A failure is never hidden. */
function groupMarkup({ name, id, members }: ShownGroup): Markup {
  const sections = members.map(({ stage, id: own }) => stageSection(stage, own));
  if (members.length === 1) return markup`${sections}`;
  const summary = markup`<summary><b>${name}</b>: ${members.length} instances</summary>`;
  return members.some(({ stage }) => stage.error !== undefined) ? markup`<details id="${id}" open>${summary}${sections}</details>` : markup`<details id="${id}">${summary}${sections}</details>`;
}

function isRestricted(stage: ReportStage): boolean {
  return stage.outputs.some((output) => output.restricted);
}

function hasResults(stage: ReportStage): boolean {
  return stage.error !== undefined || stage.outputs.some(({ blocks, problems }) => blocks.length > 0 || problems.length > 0);
}

function wordMarkup(word: string, mark = ''): Markup {
  return markup`<span class="word ${word}">${mark === '' ? '' : `${mark} `}${word}</span>`;
}

function headerMarkup(model: ReportModel): Markup {
  return markup`<header>
<h1>${model.pipeline}</h1>
${model.description === undefined ? markup`` : markup`<p class="lead">${model.description}</p>`}
<ul class="facts"><li>${wordMarkup(model.outcome)}</li><li>run <b class="mono">${model.run}</b></li><li>file <b>${model.file}</b></li><li>started <b>${model.startedAt}</b></li><li>took <b>${formatSeconds(model.durationMs)}</b></li></ul>
</header>`;
}

function stageSection(stage: ReportStage, id: string): Markup {
  return markup`<section id="${id}"><h2>${stage.name}${wordMarkup(stage.word)}</h2>
<p class="muted"><code>${stage.type}</code>${stage.durationMs === undefined ? '' : ` · ${formatSeconds(stage.durationMs)}`}</p>
${stage.error === undefined ? markup`` : errorMarkup(stage.error)}
${stage.outputs.map((output) => [...blocksMarkup(output), ...output.problems.map((problem) => markup`<p class="error">${problem}</p>`)])}
</section>
`;
}

function errorMarkup(error: NonNullable<ReportStage['error']>): Markup {
  return markup`<div class="error"><b>${error.code}</b> ${error.message}<ul>${Object.entries(error.facts).map(([name, value]) => markup`<li>${name}: ${String(value)}</li>`)}</ul>${error.hint === undefined ? '' : error.hint}</div>`;
}

function stageTable(stages: readonly ReportStage[]): Markup {
  const rows = stages.map((stage) => {
    const metrics = Object.entries(stage.metrics).map(([name, value]) => `${name} ${formatNumber(value)}`).join(', ');
    return markup`<tr><td>${stage.name}</td><td><code>${stage.type}</code></td><td>${wordMarkup(stage.word)}</td><td class="mono">${(stage.key ?? '').slice(0, KEY_PREFIX)}</td><td class="number">${stage.durationMs === undefined ? '' : (stage.durationMs / 1000).toFixed(1)}</td><td>${[metrics, stage.note ?? ''].filter((text) => text !== '').join('; ')}</td></tr>\n`;
  });
  return markup`<section id="stages"><h2>Stages</h2><div class="scroll"><table><thead><tr><th>stage</th><th>type</th><th>word</th><th>key</th><th class="number">seconds</th><th>metrics and notes</th></tr></thead><tbody>${rows}</tbody></table></div></section>
`;
}

function parametersSection(model: ReportModel): Markup {
  const own = jsonLeaves(model.params);
  const stages = model.stages.filter(({ params }) => Object.keys(params).length > 0);
  return markup`<section id="parameters"><h2>Parameters</h2>
${own.length === 0 ? markup`<p class="muted">The pipeline has none of its own.</p>` : tableMarkup(['pipeline parameter', 'value'], own)}
${stages.map((stage) => markup`<details><summary>${stage.name} (${stage.type})</summary>${tableMarkup(['parameter', 'value'], jsonLeaves(stage.params))}</details>\n`)}</section>
`;
}

function provenanceSection(model: ReportModel): Markup {
  return markup`<section id="provenance"><h2>Provenance</h2>
${tableMarkup(['machine', ''], Object.entries(model.machine))}
<h3>Software</h3>
${tableMarkup(['name', 'version'], Object.entries(model.software))}</section>`;
}

/** What a script may want to read out of the page, without the pictures. */
function machineReadable(model: ReportModel): unknown {
  const stages = model.stages.map(({ name, type, word, key, durationMs, params, metrics, after }) => ({ name, type, word, key, durationMs, params, metrics, after }));
  const { pipeline, run, file, startedAt, durationMs, outcome, params, machine, software } = model;
  return { schema: 'pipeline.report.v1', pipeline, run, file, startedAt, durationMs, outcome, params, machine, software, stages };
}
