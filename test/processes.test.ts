/** Work that outlives the process that began it, is stopped by somebody else, or is begun twice. */
import { cpSync, existsSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { soma, start, until } from './cli.ts';
import { temporaryFolder } from './data-fixtures.ts';

const folder = await temporaryFolder();
const data = join(folder, 'smear');

beforeAll(async () => {
  const sizes = ['--train', '160', '--val', '32', '--test', '32', '--no-masks'];
  const { code, stderr } = await soma('data', 'synth', data, '--size', '16', ...sizes);
  expect(code, stderr).toBe(0);
}, 60_000);

const epochs = (run: string) => {
  const path = join(run, 'metrics.jsonl');
  return existsSync(path) ? readFileSync(path, 'utf8').trim().split('\n').length : 0;
};

/** A study of one training, with so many epochs. */
function study(name: string, settings: Record<string, unknown>): string[] {
  const file = join(folder, `${name}.json`);
  const arms = [{ name: 'cnn', system: 'cnn-stride2', data: 'cells', size: 16, set: settings }];
  const about = { name, title: name, question: '?', data: { cells: 'any' }, seeds: [0], arms, pairs: [] };
  writeFileSync(file, JSON.stringify(about));
  return ['study', file, '--data', data, '--out', join(folder, name), '--threads', '1'];
}

const runOf = (name: string) => join(folder, name, 'runs', 'cnn-seed0');

/** The process that trains, by the claim that it shares with the study. */
function trainerOf(name: string): number {
  const claims = join(folder, name, 'claims');
  const [file] = readdirSync(claims).filter((each) => each.startsWith('cnn-seed0.'));
  return JSON.parse(readFileSync(join(claims, file), 'utf8')).holders[1].pid;
}

describe('a study', () => {
  it('may be killed: its training goes on to its end, and is taken over', async () => {
    const command = study('killed', { epochs: 40 });
    const first = start(command);
    await until(() => epochs(runOf('killed')) >= 1);
    first.child.kill('SIGKILL');
    await first.finished;
    const before = epochs(runOf('killed'));
    expect(before).toBeLessThan(40);
    await until(() => existsSync(join(runOf('killed'), 'evaluation.json')));
    expect(epochs(runOf('killed'))).toBe(40);
    expect(readFileSync(join(folder, 'killed', 'logs', 'cnn-seed0.log'), 'utf8')).toMatch(/epoch 40\/40/);
    // Its figures are written a moment before it lets go of the run.
    await vi.waitFor(
      async () => {
        const { code, stdout, stderr } = await soma(...command, '--json');
        expect(code, stderr).toBe(0);
        expect(JSON.parse(stdout).finished).toBe(1);
      },
      { timeout: 30_000 },
    );
    expect(epochs(runOf('killed'))).toBe(40);
  }, 120_000);

  it('says so where only its training was stopped, and goes on with the settings it had, or not at all', async () => {
    const command = study('stopped', { epochs: 200, lr: 0.01 });
    const first = start(command);
    await until(() => epochs(runOf('stopped')) >= 1);
    process.kill(trainerOf('stopped'), 'SIGTERM');
    const { code, stderr } = await first.finished;
    expect(stderr).toMatch(/cnn-seed0 interrupted, with a checkpoint/);
    expect(code).toBe(130);
    expect(readdirSync(join(folder, 'stopped', 'claims'))).toEqual([]);

    const changed = await soma(...study('stopped', { epochs: 2, lr: 0.001 }));
    expect(changed.code).toBe(1);
    expect(changed.stderr).toMatch(/got cnn-seed0 begun with other settings; choose another --out/);
    expect(JSON.parse(readFileSync(join(runOf('stopped'), 'config.json'), 'utf8')).settings.lr).toBe(0.01);
  }, 120_000);
});

describe('a run', () => {
  const train = (name: string, ...more: string[]) => [
    ...['train', 'cnn-stride2', '--data', data, '--size', '16', '--runs-dir', folder, '--threads', '1'],
    ...(name === '' ? [] : ['--name', name]),
    ...more,
  ];

  it('is trained by one process at a time', async () => {
    const first = start(train('held', '--epochs', '200'));
    await until(() => epochs(join(folder, 'held')) >= 1);
    const [again, another] = await Promise.all([
      soma('train', '--resume', join(folder, 'held')),
      soma(...train('held')),
    ]);
    expect(again.code).toBe(2);
    expect(again.stderr).toContain(
      `got one in the hands of process ${first.child.pid}; wait for it, or stop it`,
    );
    expect(another.code).toBe(2);
    first.child.kill('SIGINT');
    expect((await first.finished).code).toBe(130);
    const resumed = await soma('train', '--resume', join(folder, 'held'), '--epochs', '1', '--no-test');
    expect(resumed.code, resumed.stderr).toBe(0);
    expect(readdirSync(join(folder, 'held')).filter((name) => /^\.training|\.part$/.test(name))).toEqual([]);
  }, 120_000);

  it('gets a name of its own where several begin in one second', async () => {
    const runs = await Promise.all(
      [1, 2, 3].map(() => soma(...train('', '--epochs', '1', '--no-test', '--json'))),
    );
    for (const { code, stderr } of runs) expect(code, stderr).toBe(0);
    expect(new Set(runs.map(({ stdout }) => JSON.parse(stdout).run)).size).toBe(3);
  }, 120_000);

  it('goes on with data that was moved, if it is the same', async () => {
    const [before, after] = [join(folder, 'before'), join(folder, 'after')];
    cpSync(data, before, { recursive: true });
    const more = ['--data', before, '--epochs', '2', '--pause-after', '1', '--no-test'];
    const first = await soma(...train('moved', ...more));
    expect(first.code, first.stderr).toBe(0);
    renameSync(before, after);
    const run = join(folder, 'moved');
    const lost = await soma('train', '--resume', run);
    expect(lost.code).not.toBe(0);
    expect(lost.stderr).toMatch(/before: expected/);
    const other = await soma('train', '--resume', run, '--data', 'smear');
    expect(other.code).not.toBe(0);
    const found = await soma('train', '--resume', run, '--data', after);
    expect(found.code, found.stderr).toBe(0);
    expect(epochs(run)).toBe(2);
    expect(JSON.parse(readFileSync(join(run, 'config.json'), 'utf8')).data.source).toBe(after);
  }, 120_000);

  it('has no test figures of weights that it no longer has', async () => {
    const at = (name: string) => join(folder, 'longer', name);
    const first = await soma(...train('longer', '--epochs', '1'));
    expect(first.code, first.stderr).toBe(0);
    // Nothing is left to train: the figures still hold.
    const same = await soma('train', '--resume', join(folder, 'longer'), '--no-test');
    expect(same.code, same.stderr).toBe(0);
    expect(existsSync(at('predictions-test.csv'))).toBe(true);
    const more = await soma('train', '--resume', join(folder, 'longer'), '--epochs', '2', '--no-test');
    expect(more.code, more.stderr).toBe(0);
    for (const name of ['predictions-test.csv', 'evaluation.json']) expect(existsSync(at(name))).toBe(false);
    expect(JSON.parse(readFileSync(at('summary.json'), 'utf8')).stopped).toBe('epochs');
  }, 120_000);

  it('is not touched by an evaluation that would leave its figures there', async () => {
    const trained = await soma(...train('kept', '--epochs', '1', '--no-test'));
    expect(trained.code, trained.stderr).toBe(0);
    writeFileSync(join(folder, 'kept', 'left-out.jsonl'), 'of an earlier evaluation\n');
    const run = join(folder, 'kept');
    const { code, stderr } = await soma('evaluate', run, '--data', 'smear', '--drop-overlap', '--out', run);
    expect(code).toBe(2);
    expect(stderr).toContain('expected a new run folder, got one that holds a run');
    expect(readFileSync(join(run, 'left-out.jsonl'), 'utf8')).toBe('of an earlier evaluation\n');
  }, 120_000);
});
