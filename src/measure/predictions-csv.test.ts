import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { SomaError } from '../errors.ts';
import type { Predictions } from './predictions.ts';
import { formatPredictions, parsePredictions, readPredictions, writePredictions } from './predictions-csv.ts';

const awkward: Predictions = {
  classes: ['ig, immature', 'say "cell"', 'línea\nnueva'],
  labels: Int32Array.of(0, 2, 1),
  scores: Float32Array.of(0.1, 0.7, 0.2, 1 / 3, 1 / 3, 1 / 3, 1e-30, 1, 0),
  names: ['a/b,c.png', 'd "e".png', 'ünï.png'],
};

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'soma-predictions-'));
});
afterEach(() => rm(folder, { recursive: true }));

test('a table comes back as it was written, quotes, commas and line breaks included', () => {
  const back = parsePredictions(formatPredictions(awkward));
  expect(back.classes).toEqual(awkward.classes);
  expect(back.names).toEqual(awkward.names);
  expect(back.labels).toEqual(awkward.labels);
  expect([...back.scores]).toEqual([...awkward.scores]);
});

test('the text is RFC 4180', () => {
  const text = formatPredictions({
    classes: ['x', 'y,z'],
    labels: Int32Array.of(1),
    scores: Float64Array.of(0.75, 0.25),
    names: ['a "b"'],
  });
  expect(text).toBe('name,label,predicted,p_x,"p_y,z"\r\n"a ""b""","y,z",x,0.75,0.25\r\n');
});

test('a file is written whole, without leftovers, and read back', async () => {
  const path = join(folder, 'predictions.csv');
  await writePredictions(path, awkward);
  expect(await readdir(folder)).toEqual(['predictions.csv']);
  expect((await readPredictions(path)).names).toEqual(awkward.names);
  const unix = join(folder, 'unix.csv');
  await writeFile(unix, `\ufeffname,label,predicted,p_x,p_y\ni,x,y,0.25,0.75`);
  expect((await readPredictions(unix)).scores).toEqual(Float64Array.of(0.25, 0.75));
  expect(await readFile(path, 'utf8')).toContain('"d ""e"".png"');
});

test('unreadable and unwritable paths are named', async () => {
  await expect(readPredictions(join(folder, 'none.csv'))).rejects.toThrow(
    /none\.csv: expected .*soma evaluate/,
  );
  await expect(writePredictions(join(folder, 'no', 'p.csv'), awkward)).rejects.toThrow(SomaError);
});

const header = 'name,label,predicted,p_x,p_y\r\n';
test.each([
  ['', /expected a header/],
  ['a,b\r\n', /expected a header/],
  ['name,label,predicted,p_x,y\r\n', /column y/],
  [header, /one or more images/],
  [`${header}i,x,x,0.9\r\n`, /t\.csv, row 2: expected 5 cells, got 4/],
  [`${header}i,x,x,0.9,0.1\r\nj,z,x,0.9,0.1\r\n`, /row 3: expected one of the classes x, y in label, got z/],
  [`${header}i,x,x,0.9,oops\r\n`, /row 2: expected a number in p_y, got oops/],
  [`${header}i,x,x,0.9,\r\n`, /row 2: expected a number in p_y/],
  [`${header}i,x,x,1.9,0.1\r\n`, /image i \(row 1\): expected a probability of x/],
  [`${header}i,x,y,0.9,0.1\r\n`, /row 2: expected predicted x, .* got y/],
  [`${header}i,x,x,0.9,0.1\r\ni,x,x,0.9,0.1\r\n`, /i twice/],
  [`${header}"i,x,x,0.9,0.1\r\n`, /row 2: expected a closing quote/],
  [`${header}"i"j,x,x,0.9,0.1\r\n`, /row 2: expected a comma after a quoted cell, got j/],
])('a broken table is refused with its row: %j', (text, message) => {
  expect(() => parsePredictions(text, 't.csv')).toThrow(SomaError);
  expect(() => parsePredictions(text, 't.csv')).toThrow(message);
});
