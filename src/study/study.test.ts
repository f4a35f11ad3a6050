import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { SYSTEMS } from '../models/registry.ts';
import { runArguments } from './execute.ts';
import { appendJournal, isFinished, readJournal } from './journal.ts';
import { findStudy, STUDIES } from './registry.ts';
import { expand } from './runs.ts';
import { defineStudy, readStudy } from './study.ts';

const study = defineStudy({
  name: 'mine',
  title: 'Mine',
  question: 'Which?',
  data: { cells: 'cells' },
  seeds: [3, 4],
  arms: [
    { name: 'a', system: 'scnn', data: 'cells', size: 28, set: { T: 5, 'optimizer.kind': 'sgd' } },
    { name: 'b', system: 'ae-cnn', data: 'cells', oneEpoch: true, seeds: [0] },
  ],
  pairs: [['a', 'b']],
});

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'soma-study-'));
});

describe('built-in studies', () => {
  it.each(STUDIES.map((each) => [each.name, each] as const))('%s names systems that exist', (name, each) => {
    expect(findStudy(name)).toBe(each);
    for (const { system } of each.arms) expect(Object.keys(SYSTEMS)).toContain(system);
    expect(new Set(expand(each).map(({ id }) => id)).size).toBe(expand(each).length);
  });

  it('answers a wrong name with the nearest one', () => {
    expect(() => findStudy('resolutoin')).toThrow(
      /or a \.json file, got resolutoin; did you mean resolution\?/,
    );
  });
});

describe('expand()', () => {
  it('gives every arm its first seed before any gets its second', () => {
    expect(expand(study).map(({ id }) => id)).toEqual(['a-seed3', 'b-seed0', 'a-seed4']);
  });

  it('takes other seeds, but not for arms that have their own', () => {
    expect(expand(study, { seeds: [7] }).map(({ id }) => id)).toEqual(['a-seed7', 'b-seed0']);
  });

  it('takes the arms that are named, with what they evaluate', () => {
    const off = { name: 'off', evaluates: 'a', set: { T: 2 } };
    const { arms } = study;
    const ids = (names: string[]) =>
      expand({ ...study, arms: [...arms, { ...arms[0], ...off }] }, { arms: names }).map(({ id }) => id);
    expect(ids(['b'])).toEqual(['b-seed0']);
    expect(ids(['off'])).toEqual(['a-seed3', 'off-seed3', 'a-seed4', 'off-seed4']);
    expect(() => ids(['b', 'c'])).toThrow(/study .*: expected arms among a, b, off, got c/);
  });

  it('cuts down to one epoch and one seed', () => {
    const runs = expand(study, { quick: true });
    expect(runs.map(({ id }) => id)).toEqual(['a-seed3', 'b-seed0']);
    expect(runs.every(({ set }) => set.epochs === 1)).toBe(true);
    expect(runs.some(({ set }) => 'pretraining.epochs' in set)).toBe(false);
  });

  it('keeps the seeds that a quick study is asked for', () => {
    const ids = expand(study, { quick: true, seeds: [5, 6] }).map(({ id }) => id);
    expect(ids).toEqual(['a-seed5', 'b-seed0', 'a-seed6']);
  });

  it('cuts a pre-training down too, where there is one', () => {
    const arm = { system: 'autoclassifier', data: 'cells' };
    const arms = [
      { ...arm, name: 'both' },
      { ...arm, name: 'alone', set: { pretraining: null } },
    ];
    const [both, alone] = expand(defineStudy({ ...study, arms, pairs: [] }), { quick: true });
    expect(both.set).toEqual({ epochs: 1, 'pretraining.epochs': 1 });
    expect(alone.set).toEqual({ epochs: 1, pretraining: null });
  });

  it('has another key wherever what is trained differs', () => {
    const keys = (set: object) =>
      expand(defineStudy({ ...study, arms: [{ ...study.arms[0], set: { ...set } }], pairs: [] })).map(
        ({ key }) => key,
      );
    expect(new Set([...keys({ T: 5 }), ...keys({ T: 6 })]).size).toBe(4);
    expect(keys({ T: 5 })).toEqual(keys({ T: 5 }));
  });

  it('becomes the command that a user would write', () => {
    const [run] = expand(study);
    expect(runArguments(run, { cells: '/data/cells' }, 'runs').join(' ')).toBe(
      'train scnn --data /data/cells --seed 3 --size 28 --set T=5 --set optimizer.kind=sgd --runs-dir runs --name a-seed3',
    );
  });
});

describe('an arm that evaluates another', () => {
  const given = {
    ...{ name: 'ablation', title: 'Ablation', question: '?', seeds: [1, 2] },
    data: {
      cells: {
        what: 'cells',
        channels: 1,
        split: { ratios: { train: 8, val: 1, test: 1 }, keepTogether: 'near-duplicates' },
      },
    },
    arms: [
      { name: 'off', evaluates: 'on', set: { attention: 'none' } },
      { name: 'on', system: 'se-cnn', data: 'cells', size: 32 },
      { name: 'measured', system: 'vgg', data: 'cells', steps: 50, seeds: [1] },
    ],
  } as const satisfies Parameters<typeof defineStudy>[0];
  const ablation = defineStudy({ ...given, arms: [...given.arms] });

  it('has its system, data and size, and comes after it', () => {
    expect(ablation.arms[0]).toMatchObject({ system: 'se-cnn', data: 'cells', size: 32 });
    const runs = expand(ablation);
    expect(runs.map(({ id }) => id)).toEqual([
      'on-seed1',
      'measured-seed1',
      'off-seed1',
      'on-seed2',
      'off-seed2',
    ]);
    expect(runs.map(({ evaluates }) => evaluates)).toEqual([null, null, 'on-seed1', null, 'on-seed2']);
  });

  it('becomes an evaluation, and the others trainings on the same splits', () => {
    const commands = expand(ablation).map((run) => runArguments(run, { cells: 'c' }, 'runs').join(' '));
    const cells = '--channels 1 --split-seed 0 --ratios 8/1/1 --keep-together near-duplicates';
    expect(commands[0]).toBe(
      `train se-cnn --data c --seed 1 --size 32 ${cells} --runs-dir runs --name on-seed1`,
    );
    expect(commands[1]).toContain('--set maxSteps=50');
    expect(commands[2]).toBe('evaluate runs/on-seed1 --set attention=none --out runs/off-seed1');
  });

  it('has another key where the trained one differs', () => {
    const keyOf = (reduction: number) => {
      const [off, on] = given.arms;
      const study = defineStudy({ ...given, arms: [off, { ...on, set: { reduction } }] });
      return expand(study).find(({ id }) => id === 'off-seed1')?.key;
    };
    expect(keyOf(4)).not.toBe(keyOf(8));
    expect(keyOf(4)).toBe(keyOf(4));
  });

  it('measures few steps in a quick study', () => {
    const set = expand(ablation, { quick: true }).find(({ id }) => id === 'measured-seed1')?.set;
    expect(set).toEqual({ epochs: 1, maxSteps: 3 });
  });

  it('is read back as it was written', () =>
    expect(defineStudy(JSON.parse(JSON.stringify(ablation)))).toEqual(ablation));

  it.each([
    [{ name: 'x', evaluates: 'nobody' }, /an arm that is trained to its end, got nobody/],
    [{ name: 'x', evaluates: 'measured' }, /trained to its end, got measured/],
    [{ name: 'x', evaluates: 'off' }, /trained to its end, got off/],
    [{ name: 'x', evaluates: 'on', system: 'vgg' }, /expected that of on, or none, got vgg/],
    [{ name: 'x', evaluates: 'on', steps: 3 }, /no oneEpoch and no steps/],
    [{ name: 'x', data: 'cells' }, /name of a system, got none/],
    [{ name: 'x', system: 'vgg', data: 'cells', steps: 3, oneEpoch: true }, /oneEpoch or steps, got both/],
  ])('refuses %j', (arm, message) => {
    expect(() => defineStudy({ ...given, arms: [...given.arms, arm] })).toThrow(message);
  });
});

describe('readStudy()', () => {
  const read = async (text: string) => {
    const path = join(folder, 'study.json');
    await writeFile(path, text);
    return readStudy(path);
  };

  it('reads what it is given', async () => expect(await read(JSON.stringify(study))).toEqual(study));

  it.each([
    ['{', /expected JSON/],
    [JSON.stringify({ ...study, arms: [] }), /arms/],
    [JSON.stringify({ ...study, pairs: [['a', 'a']] }), /pairs\.0: expected two arms, got a twice/],
    [JSON.stringify({ ...study, pairs: [['a', 'c']] }), /pairs\.0: expected names of arms, got c/],
    [
      JSON.stringify({ ...study, arms: [study.arms[0], study.arms[0]] }),
      /expected a name of its own, got a twice/,
    ],
    [
      JSON.stringify({ ...study, ensembles: [{ name: 'a', title: 'A', of: ['a'], over: 'seeds' }] }),
      /ensembles\.0\.name: expected a name of its own, got a twice/,
    ],
    [
      JSON.stringify({ ...study, ensembles: [{ name: 'e', title: 'E', of: ['a', 'b'] }] }),
      /ensembles\.0\.of: expected names of arms that are trained to their end, got b/,
    ],
    [
      JSON.stringify({ ...study, ensembles: [{ name: 'e', title: 'E', of: ['a'] }] }),
      /expected two or more arms, got a; set over to seeds/,
    ],
    [JSON.stringify({ ...study, data: { other: '' } }), /expected other, got cells/],
    [JSON.stringify({ ...study, sedes: [1] }), /sedes/],
  ])('refuses %s', async (text, message) => expect(read(text)).rejects.toThrow(message));

  it('names a file that is not there', () =>
    expect(readStudy('/nowhere.json')).rejects.toThrow('/nowhere.json'));
});

describe('journal', () => {
  beforeEach(async () => {
    for (const { id } of expand(study)) {
      await mkdir(join(folder, 'runs', id), { recursive: true });
      await writeFile(join(folder, 'runs', id, 'config.json'), '{}');
    }
  });

  it('forgets what was moved away', async () => {
    const [run] = expand(study);
    await appendJournal(folder, run);
    expect(isFinished(await readJournal(folder), run, folder)).toBe(true);
    await rm(join(folder, 'runs', run.id), { recursive: true });
    expect(isFinished(await readJournal(folder), run, folder)).toBe(false);
  });

  it('remembers what is finished, and forgets a line that was cut off', async () => {
    const [first, second] = expand(study);
    await appendJournal(folder, first);
    await writeFile(join(folder, 'results.jsonl'), `{"id":"${second.id}","ke`, { flag: 'a' });
    const journal = await readJournal(folder);
    expect(isFinished(journal, first, folder)).toBe(true);
    expect(isFinished(journal, second, folder)).toBe(false);
    await appendJournal(folder, second);
    expect(isFinished(await readJournal(folder), second, folder)).toBe(true);
  });

  it('refuses the results of another study', async () => {
    const [run] = expand(study);
    await appendJournal(folder, run);
    const journal = await readJournal(folder);
    expect(() => isFinished(journal, { ...run, key: 'other' }, folder)).toThrow(
      /a-seed3 with other settings/,
    );
  });
});
