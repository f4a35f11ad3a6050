import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { claim, holderText } from './claim.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'soma-claim-'));
});

describe('claim()', () => {
  it('goes to one of many who ask at once', async () => {
    const claims = await Promise.all(Array.from({ length: 20 }, () => claim(folder, 'a-seed1')));
    expect(claims.filter(Boolean)).toHaveLength(1);
    expect(await claim(folder, 'a-seed1')).toBeNull();
    expect(await claim(folder, 'a-seed10')).not.toBeNull();
  });

  it('passes on when all who hold it are dead, to one only', async () => {
    const host = (await import('node:os')).hostname();
    const child = spawn(process.execPath, ['-e', '']);
    const { pid } = child;
    await once(child, 'exit');
    await writeFile(join(folder, 'x.1'), JSON.stringify({ host, holders: [{ pid, began: null }] }));
    const claims = await Promise.all(Array.from({ length: 20 }, () => claim(folder, 'x')));
    expect(claims.filter(Boolean)).toHaveLength(1);
  });

  it('stays with a child that outlives its parent, and with another machine', async () => {
    const host = (await import('node:os')).hostname();
    const dead = { pid: 2 ** 22 + 1, began: null };
    await writeFile(
      join(folder, 'x.1'),
      JSON.stringify({ host, holders: [dead, { pid: process.pid, began: null }] }),
    );
    expect(await claim(folder, 'x')).toBeNull();
    await writeFile(join(folder, 'y.1'), JSON.stringify({ host: `${host}-other`, holders: [dead] }));
    expect(await claim(folder, 'y')).toBeNull();
  });

  it('is not held by a dead process that nobody buried', async () => {
    const host = (await import('node:os')).hostname();
    // A child of sh that sh, having become sleep, never waits for.
    const parent = spawn('sh', ['-c', 'sleep 0 & echo $!; exec sleep 60'], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    try {
      const [line] = await once(parent.stdout, 'data');
      const pid = Number(line);
      await vi.waitFor(async () => expect(await readFile(`/proc/${pid}/stat`, 'utf8')).toContain(') Z '));
      await writeFile(join(folder, 'x.1'), JSON.stringify({ host, holders: [{ pid, began: null }] }));
      expect(await claim(folder, 'x')).not.toBeNull();
    } finally {
      parent.kill('SIGKILL');
    }
  });

  it('says who has it, and which file keeps the claim of another machine', async () => {
    await claim(folder, 'x');
    expect(await holderText(folder, 'x')).toBe(`process ${process.pid}`);
    const path = join(folder, 'y.1');
    await writeFile(path, JSON.stringify({ host: 'node7', holders: [{ pid: 12, began: null }] }));
    expect(await claim(folder, 'y')).toBeNull();
    expect(await holderText(folder, 'y')).toBe(`process 12 on node7; if that is gone, delete ${path}`);
  });

  it('leaves nothing else in the folder', async () => {
    await Promise.all(Array.from({ length: 20 }, () => claim(folder, 'x')));
    expect(await readdir(folder)).toEqual(['x.1']);
  });

  it('is not held by a process that only has the number of a dead one', async () => {
    const host = (await import('node:os')).hostname();
    await writeFile(
      join(folder, 'x.1'),
      JSON.stringify({ host, holders: [{ pid: process.pid, began: '1' }] }),
    );
    const held = await claim(folder, 'x');
    if (process.platform === 'linux') expect(held).not.toBeNull();
  });

  it.each(['', '{"host":'])('is not held for ever by a writer killed in between: %j', async (written) => {
    const path = join(folder, 'x.1');
    await writeFile(path, written);
    expect(await claim(folder, 'x')).toBeNull();
    const aMinuteAgo = Date.now() / 1000 - 60;
    await utimes(path, aMinuteAgo, aMinuteAgo);
    const claims = await Promise.all(Array.from({ length: 20 }, () => claim(folder, 'x')));
    expect(claims.filter(Boolean)).toHaveLength(1);
  });

  it('is free again once it is released', async () => {
    const held = await claim(folder, 'x');
    await held?.release();
    const claims = await Promise.all(Array.from({ length: 20 }, () => claim(folder, 'x')));
    expect(claims.filter(Boolean)).toHaveLength(1);
  });
});
