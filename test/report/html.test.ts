import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { renderReport, type ReportModel } from '../../src/report/index.js';
import { sampleModel } from './sample-model.js';

const TAG = /<(!doctype html|\/?[a-zA-Z][a-zA-Z0-9]*)((?:\s+[a-zA-Z][a-zA-Z0-9:-]*(?:="[^"<>]*")?)*)\s*\/?>/g;

/** Tags with the names of their attributes, in order, and what is left over if all of them are taken away. */
function skeleton(html: string): { readonly tags: readonly string[]; readonly rest: string } {
  const withoutRaw = html.replace(/(<style>)[^]*?(<\/style>)/, '$1$2').replace(/(<script [^>]*>)[^]*?(<\/script>)/, '$1$2');
  const tags = [...withoutRaw.matchAll(TAG)].map(([, name, attributes]) => `${name as string} ${[...(attributes as string).matchAll(/([a-zA-Z:-]+)=?/g)].map(([, one]) => one).length > 0 ? (attributes as string).replace(/="[^"]*"/g, '') : ''}`.trim());
  return { tags, rest: withoutRaw.replace(TAG, '') };
}

const hostile = fc.oneof(
  fc.constantFrom('<script>alert(1)</script>', '" onmouseover="alert(1)', "' onload='x", '</script><script>', '</style>', '<!--', '-->', ']]>', '<img src=x onerror=alert(1)>', 'javascript:alert(1)', '&lt;', '&#x3c;', '\u0000\u001b[31m', '\ud800', '\u2028', '{{x}}', '${x}', '<svg/onload=x>'),
  fc.string({ unit: 'binary' }),
  fc.string({ unit: fc.constantFrom('<', '>', '"', "'", '&', '/', '=', ' ', 'a', '\\', '`') }),
);

describe('what a text can do to the page', () => {
  test('nothing: any text in any field leaves the tags and attributes of the page as they are', () => {
    const plain = skeleton(renderReport(sampleModel()));
    fc.assert(
      fc.property(fc.array(hostile, { minLength: 1, maxLength: 8 }), (texts) => {
        let i = 0;
        // the same word always becomes the same text: names of stages and files refer to one another
        const made = new Map<string, string>();
        const html = renderReport(sampleModel((what) => {
          if (!made.has(what)) made.set(what, `${what}${texts[i++ % texts.length] as string}`);
          return made.get(what) as string;
        }));
        const found = skeleton(html);
        expect(found.tags).toEqual(plain.tags);
        expect(found.rest).not.toMatch(/[<>]/);
        expect(html).not.toMatch(/[\u0000-\u0008\u000b\u000c\u000e-\u001f]/);
      }),
      { numRuns: 150, seed: 20261123 },
    );
  });

  test('the embedded JSON can be parsed back, whatever it holds', () => {
    const html = renderReport(sampleModel((what) => `${what}</script><b>\u2028`));
    const json = /<script type="application\/json" id="run">([^]*?)<\/script>/.exec(html)?.[1] as string;
    expect(json).not.toContain('<');
    expect((JSON.parse(json) as { pipeline: string }).pipeline).toBe('face-rois</script><b>\u2028');
  });

  test('a file that is no picture is not embedded', () => {
    const model = sampleModel();
    const [, fit] = model.stages;
    const output = fit?.outputs[0];
    if (fit === undefined || output === undefined) expect.unreachable();
    const files = new Map([['a.png', { mime: 'text/html' as 'image/png', base64: 'PGI+' }], ['plot.svg', { mime: 'image/svg+xml' as const, base64: '"><script>' }]]);
    const html = renderReport({ ...model, stages: [{ ...fit, outputs: [{ ...output, files }] }] });
    expect(html).not.toContain('text/html');
    expect(html).not.toContain('<script>');
    expect(html).toContain('a.png is not a picture.');
    expect(html).toContain('plot.svg is not a picture.');
  });
});

describe('the page', () => {
  const html = renderReport(sampleModel());

  test('loads nothing and runs nothing: its policy allows its own style sheet and data pictures only', () => {
    expect(html).toMatch(/content="default-src &#39;none&#39;; img-src data:; style-src &#39;sha256-[A-Za-z0-9+/=]{44}&#39;; base-uri &#39;none&#39;; form-action &#39;none&#39;"/);
    expect([...html.matchAll(/\b(?:src|href)="([^"]*)"/g)].map(([, url]) => url as string).filter((url) => !url.startsWith('data:image/') && !url.startsWith('#'))).toEqual([]);
    expect(html).not.toMatch(/\bstyle="|@import|url\(|https?:\/\/(?!www\.w3\.org)/);
    expect([...html.matchAll(/<script/g)]).toHaveLength(1);
  });

  test('shows every stage with its word, its key and its seconds', () => {
    for (const word of ['ran', 'restored', 'skipped', 'failed', 'blocked']) expect(html).toContain(`<span class="word ${word}">${word}</span>`);
    expect(html).toContain('<td class="mono">3fa9c1d2</td><td class="number">0.2</td>');
  });

  test('says what is missing instead of leaving it out', () => {
    expect(html).toContain('missing.png is not shown: it is not among the files of this output, or too large to embed.');
    expect(html).toContain('<p class="error">problem</p>');
  });

  test('the same model gives the same bytes', () => {
    expect(renderReport(sampleModel())).toBe(html);
  });

  test('warns of restricted data if any artifact is restricted, and only then', () => {
    const banner = 'This report contains restricted data (NSD): do not share.';
    expect(html).not.toContain(banner);
    const model = sampleModel();
    const restricted: ReportModel = { ...model, stages: model.stages.map((stage) => ({ ...stage, outputs: stage.outputs.map((output) => ({ ...output, restricted: true })) })) };
    expect(renderReport(restricted)).toContain(`<div class="banner" role="alert">${banner}</div>`);
  });

  test('a pipeline without stages and results is a page too', () => {
    const { tags } = skeleton(renderReport({ ...sampleModel(), stages: [], params: {} }));
    expect(tags.at(-1)).toBe('/html');
  });
});

test('instances of a matrix share a box of the drawing, which shows the word that matters most; the table lists each', () => {
  const model = sampleModel();
  const stage = (name: string, more: Partial<ReportModel['stages'][number]>): ReportModel['stages'][number] => ({ name, type: 'fake', word: 'ran', params: {}, metrics: {}, after: [], outputs: [], ...more });
  const html = renderReport({
    ...model,
    stages: [stage('v[n=1]', { instanceOf: 'v' }), stage('v[n=2]', { instanceOf: 'v', word: 'failed' }), stage('w[n=1]', { instanceOf: 'w', after: ['v[n=1]'] }), stage('all', { after: ['v[n=1]', 'v[n=2]', 'w[n=1]'], word: 'blocked' })],
  });
  expect(html.match(/<g class="node [^>]*>/g)?.map((tag) => /node (\w+)/.exec(tag)?.[1])).toEqual(['failed', 'ran', 'blocked']);
  expect(html).toContain('<title>v (fake): 1 failed, 1 ran</title>');
  expect(html).toContain('2 × fake');
  expect(html.match(/<path class="edge"[^>]*><title>[^<]*/g)?.map((path) => path.split('<title>')[1])).toEqual(['v → w', 'v → all', 'w → all']);
  expect(html).toContain('<td>v[n=2]</td>');
});
