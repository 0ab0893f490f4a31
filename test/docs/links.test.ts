import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, it } from 'vitest';

const pages = ['README.md', 'CONTRIBUTING.md', ...readdirSync('docs', { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.md')).map((name) => join('docs', name))];

it('every relative link and picture of the README and the documents is there', () => {
  const broken = pages.flatMap((page) => {
    const links = [...readFileSync(page, 'utf8').matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g)].map((match) => match[1] as string);
    return links.filter((link) => !/^[a-z]+:/.test(link) && !existsSync(join(dirname(page), link))).map((link) => `${page}: ${link}`);
  });
  expect(broken).toEqual([]);
});

it('the documents name no path of one machine', () => {
  const found = pages.filter((page) => /\/(?:home|root|work|Users)\//.test(readFileSync(page, 'utf8')));
  expect(found).toEqual([]);
});
