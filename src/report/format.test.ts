import { expect, test } from 'vitest';
import {
  bytes,
  decimal,
  duration,
  imageShape,
  interval,
  joules,
  median,
  megabytes,
  percent,
  percentInterval,
  probability,
  whole,
} from './format.ts';
import { html, trusted } from './html.ts';
import { flatten } from './setup-sections.ts';
import { legendColumns, shorten, shortNames, textWidth } from './text-width.ts';

/** Units do not part from their numbers: the spaces are non-breaking. */
const plain = (text: string) => text.replaceAll('\u00a0', ' ');

test('numbers read as in a paper', () => {
  expect(decimal(-0.1234, 2)).toBe('−0.12');
  expect(plain(percent(0.95235))).toBe('95.23 %'); // 95.235 has no exact binary form
  expect([0.5, 0.9994, 0.99951, 1].map((p) => plain(probability(p)))).toEqual([
    '50.0 %',
    '99.9 %',
    '> 99.9 %',
    '> 99.9 %',
  ]);
  expect(percentInterval({ value: 0.9, low: 0.875, high: 0.925 })).toBe('90.00 (87.50–92.50)');
  expect(interval(null)).toBe('–');
  expect(whole(430696)).toBe('430,696');
  expect(['0 B', '1023 B', '1.64 MiB', '1000 KiB', '1023 MiB', '1.00 GiB']).toEqual(
    [0, 1023, 430_696 * 4, 999.7 * 1024, 1023 * 2 ** 20, 2 ** 30].map((count) => plain(bytes(count))),
  );
  const side = { height: 28, width: 36 };
  expect([1, 3].map((channels) => plain(imageShape({ ...side, channels })))).toEqual([
    '28×36 px, grey',
    '28×36 px, RGB',
  ]);
  expect(plain(megabytes(337_806 * 4))).toBe('1.351 MB (1.289 MiB)');
  expect(['0.42 s', '39.1 s', '1 min 40 s', '2 h 3 min'].map(String)).toEqual(
    [0.42, 39.06, 100.2, 7380].map((seconds) => plain(duration(seconds))),
  );
  expect([0, 1.6e-12, 9.8041e-5, 5.37e-4, 3.8912, 147.95].map((energy) => plain(joules(energy)))).toEqual([
    ...['0 pJ', '1.60 pJ', '98.0 µJ', '0.537 mJ', '3.89 J', '148 J'],
  ]);
  expect([median([3, 1, 2]), median([4, 1, 2, 3]), median([])]).toEqual([2, 2.5, Number.NaN]);
});

test('values are escaped, finished HTML is not, nothing stands for nothing', () => {
  expect(
    html`<p title="${'"a" & \'b\''}">${['<', html`<b>${'>'}</b>`]}${null}${false}${0}</p>`.toString(),
  ).toBe('<p title="&quot;a&quot; &amp; &#39;b&#39;">&lt;<b>&gt;</b>0</p>');
  expect(html`${trusted('<i>')}`.toString()).toBe('<i>');
});

test('nested settings become dotted keys', () => {
  const config = { a: 1, b: { c: [1, { d: 2 }], e: null, f: undefined, g: {} }, h: false };
  expect(flatten(config)).toEqual([
    ['a', '1'],
    ['b.c', '[1, {"d":2}]'],
    ['b.e', 'none'],
    ['b.g', '{}'],
    ['h', 'false'],
  ]);
});

test('names are shortened to fit, and stay different', () => {
  expect(shorten('erythroblast', 20)).toBe('erythroblast');
  expect(shorten('immature granulocyte', 9)).toBe('immature…');
  const names = shortNames(['a very long name of a class, one', 'a very long name of a class, two', 'c'], 16);
  expect(new Set(names).size).toBe(3);
  for (const name of names) expect([...name].length).toBeLessThanOrEqual(16);
});

test('width grows with letters and size, and takes m for wider than i', () => {
  expect(textWidth('', 12)).toBe(0);
  expect(textWidth('mm', 10)).toBeGreaterThan(2.5 * textWidth('ii', 10));
  expect(textWidth('血球', 10)).toBe(20);
  // Helvetica's own width of this label is 9.55 em; the estimate must not be narrower, nor much wider.
  const ems = textWidth('immature granulocyte', 1);
  expect(ems).toBeGreaterThan(9.5);
  expect(ems).toBeLessThan(13);
});

test('a legend has as few rows as fit, about equally long', () => {
  const four = ['CNN, stride-2 pools', 'SE-CNN', 'SA-CNN', 'CBAM-CNN'];
  expect(legendColumns(four, 720)).toBe(4);
  expect(legendColumns(four, 500)).toBe(2);
  expect(legendColumns(four, 50)).toBe(1);
  expect(legendColumns(['one'], 720)).toBe(1);
});
