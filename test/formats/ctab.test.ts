import { expect, test } from 'vitest';
import { readColourTable } from '../../src/formats/ctab.js';
import { expectFailure, fixture, survivesDamage, temporary } from './support.js';

test('NSD\'s layout: label and name', () => {
  expect([...readColourTable(fixture('ctab/nsd.ctab'))]).toEqual([[0, 'Unknown'], [1, 'OFA'], [2, 'FFA-1'], [3, 'FFA-2'], [4, 'mTL-faces'], [5, 'aTL-faces']]);
});

test('FreeSurfer\'s layout: label, name and colour, with comments and blank lines', () => {
  expect([...readColourTable(fixture('ctab/freesurfer.ctab'))]).toEqual([[0, 'Unknown'], [1, 'V1v'], [10, 'V1d']]);
});

test.each([
  ['a name without a label', 'FFA-1\n', /line 1/],
  ['half a colour', '1 FFA-1 10 20\n', /line 1/],
  ['a label twice', '1 a\n1 b\n', /twice/],
  ['a fraction', '0 a\n1.5 b\n', /line 2/],
])('%s is refused', (_, text, words) => expectFailure(() => readColourTable(temporary('a.ctab', text)), words));

test('damage ends in a result or E_FORMAT', () => survivesDamage(fixture('ctab/freesurfer.ctab'), 200, readColourTable));
