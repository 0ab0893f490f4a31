/**
 * The tokenizer with CLIP's own vocabulary against transformers' CLIPTokenizer and open_clip's SimpleTokenizer, on some thousand texts.
 * Run: python tools/oracles/tokenizer.py --full DIR, npm run build, node tools/slow/tokenizer.mjs DIR
 * The two differ from each other (HTML entities, repaired encodings; the sigma at the end of a word, where CLIPTokenizer alone keeps σ): CLIPTokenizer is what must be met, but for the sigma.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readTokenizer } from '../../dist/formats/tokenizer.js';

const folder = process.argv[2] ?? '.';
const rows = JSON.parse(readFileSync(join(folder, 'texts.json'), 'utf8'));
let failed = 0;
for (const name of ['tokenizer.json', 'bpe.txt.gz']) {
  const tokenizer = await readTokenizer(join(folder, name));
  const start = performance.now();
  const wrong = rows.filter(([text, hub, own]) => !text.includes('\u03a3') && tokenizer.tokens(text).join() !== hub.join());
  const seconds = (performance.now() - start) / 1000;
  const simple = rows.filter(([text, , own]) => tokenizer.tokens(text).join() === own.join()).length;
  console.log(`${name}: ${rows.length - wrong.length} of ${rows.length} texts as CLIPTokenizer (or with a capital sigma), ${simple} as SimpleTokenizer, ${(rows.length / seconds).toFixed(0)} texts a second`);
  for (const [text, hub] of wrong.slice(0, 5)) console.log(JSON.stringify(text), tokenizer.tokens(text).join(' '), '| expected', hub.join(' '));
  failed += wrong.length;
}
process.exitCode = failed === 0 ? 0 : 1;
