import { mkdtemp, readdir, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { appendJsonLine, nameAside, readJsonLines, removeLeftovers, writeAside } from './files.ts';

const folder = await mkdtemp(join(tmpdir(), 'soma-files-'));

describe('writeAside()', () => {
  it('writes one of many at once, whole, and leaves nothing else', async () => {
    const path = join(folder, 'a.json');
    await Promise.all(Array.from({ length: 20 }, (_, i) => writeAside(path, `${i}`.repeat(1000))));
    expect(new Set((await readFile(path, 'utf8')).match(/../g)).size).toBe(1);
    expect(await readdir(folder)).toEqual(['a.json']);
    await expect(writeAside(join(folder, 'no', 'b'), '')).rejects.toThrow(
      /expected a place that can be written/,
    );
  });
});

describe('removeLeftovers()', () => {
  it('removes what was not finished of one file, and nothing else', async () => {
    const here = await mkdtemp(join(tmpdir(), 'soma-leftovers-'));
    const path = join(here, 'last.safetensors');
    const other = nameAside(join(here, 'best.safetensors'));
    for (const file of [path, nameAside(path), nameAside(path), other]) await writeFile(file, 'x');
    await removeLeftovers(here, ['last.safetensors']);
    expect((await readdir(here)).sort()).toEqual([basename(other), 'last.safetensors']);
  });
});

describe('lines of JSON', () => {
  it('are those that were written whole; no file has none, and one that cannot be read is an error', async () => {
    const path = join(folder, 'journal.jsonl');
    expect(await readJsonLines(path)).toEqual([]);
    await appendJsonLine(path, { a: 1 });
    await writeFile(path, '{"a":2,"b', { flag: 'a' });
    await appendJsonLine(path, { a: 3 });
    expect(await readFile(path, 'utf8')).toBe('{"a":1}\n{"a":2,"b\n{"a":3}\n');
    expect(await readJsonLines(path)).toEqual([{ a: 1 }, { a: 3 }]);
    await expect(readJsonLines(folder)).rejects.toThrow(/expected a file that can be read, got EISDIR/);
  });
});
