import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { temporaryFolder } from '../../test/data-fixtures.ts';
import type { Dataset } from './dataset.ts';
import { type GivenDecision, readDecisions, resolveDecisions } from './decisions.ts';
import { drawFlips } from './flip.ts';
import { asGrey } from './grey.ts';
import { relabelled } from './relabel.ts';
import {
  appendDecisions,
  appendUndo,
  logFingerprint,
  readOrBeginLog,
  readRelabelLog,
} from './relabel-log.ts';
import { openSmear } from './smear/source.ts';

const folder = await temporaryFolder();
const author = { by: 'tester', at: '2026-01-31T12:00:00.000Z' };
let smear: Dataset;
let files = 0;
const newLog = () => readOrBeginLog(join(folder, `${files++}.jsonl`));

beforeAll(() => {
  smear = openSmear({ size: 16, images: { train: 40, val: 8, test: 8 } });
});

const train = (index: number) => smear.splits.train.name(index);
const classOf = (index: number) => smear.classes[smear.splits.train.labels[index]];
const otherThan = (index: number) => smear.classes.filter((name) => name !== classOf(index));

async function decide(log: Awaited<ReturnType<typeof newLog>>, given: readonly GivenDecision[]) {
  const decisions = await resolveDecisions(smear, log, given, { where: 'decisions.csv', why: '' });
  return appendDecisions(log, decisions, author);
}

describe('a log of labels', () => {
  it('changes labels, leaves images out, keeps the rest in its order', async () => {
    const log = await decide(await newLog(), [
      { image: train(3), decision: 'relabel', to: otherThan(3)[0] },
      { image: train(5), decision: 'remove' },
      { image: train(7), decision: 'keep' },
      { image: smear.splits.test.name(0), decision: 'remove' },
    ]);
    const seen = await relabelled(smear, await readRelabelLog(log.path));
    expect(seen.splits.train.length).toBe(39);
    expect(seen.splits.test.length).toBe(7);
    expect(seen.splits.val).toBe(smear.splits.val);
    const names = Array.from({ length: 39 }, (_, i) => seen.splits.train.name(i));
    const left = [...Array(40).keys()].filter((i) => i !== 5);
    expect(names).toEqual(left.map(train));
    left.forEach((index, i) => {
      const label = index === 3 ? smear.classes.indexOf(otherThan(3)[0]) : smear.splits.train.labels[index];
      expect(seen.splits.train.labels[i], names[i]).toBe(label);
    });
    expect(seen.relabelling).toMatchObject({ relabelled: 1, removed: 2 });
    expect(seen.fingerprint).not.toBe(smear.fingerprint);
    const [before, after] = [new Uint8Array(768), new Uint8Array(768)];
    await smear.splits.train.read(6, before);
    await seen.splits.train.read(5, after);
    expect(after).toEqual(before);
    expect(await seen.splits.train.contentHash?.(5)).toBe(await smear.splits.train.contentHash?.(6));
    // In grey the stored images are the same, and the decisions fit.
    expect((await relabelled(asGrey(smear), log)).splits.train.length).toBe(39);
  });

  it('undoes the last command, one image, and all; the file only grows', async () => {
    const [a, b] = otherThan(2);
    let log = await decide(await newLog(), [
      { image: train(2), decision: 'relabel', to: a },
      { image: train(4), decision: 'remove' },
    ]);
    const first = readFileSync(log.path, 'utf8');
    const firstFingerprint = logFingerprint(log);
    log = await decide(log, [{ image: train(2), decision: 'relabel', to: b, label: a }]);
    expect(log.inForce.get(train(2))).toMatchObject({ stored: classOf(2), from: a, to: b });
    expect(logFingerprint(log)).not.toBe(firstFingerprint);

    log = await appendUndo(log, train(2), 'looked again', author);
    expect(log.inForce.get(train(2))?.to).toBe(a);
    expect(logFingerprint(log)).toBe(firstFingerprint);
    log = await appendUndo(log, 'last', '', author);
    expect(log.inForce.size).toBe(0);
    await expect(appendUndo(log, 'last', '', author)).rejects.toThrow(
      /expected a decision to undo, got none/,
    );
    await expect(appendUndo(log, 'all', '', author)).rejects.toThrow(/expected a decision to undo/);
    expect(readFileSync(log.path, 'utf8').startsWith(first)).toBe(true);
    expect(await readRelabelLog(log.path)).toEqual(log);

    const nothing = await relabelled(smear, log);
    expect(nothing.fingerprint).toBe(smear.fingerprint);
    expect(nothing.splits).toBe(smear.splits);
  });

  it('has the same fingerprint whoever decided, when, why and in which order', async () => {
    const given: GivenDecision[] = [
      { image: train(1), decision: 'relabel', to: otherThan(1)[0], why: 'granules' },
      { image: train(0), decision: 'remove' },
    ];
    const one = await decide(await newLog(), given);
    const two = await decide(await decide(await newLog(), [given[1]]), [{ ...given[0], why: 'other' }]);
    const kept = await decide(one, [{ image: train(9), decision: 'keep' }]);
    expect(logFingerprint(two)).toBe(logFingerprint(one));
    expect(logFingerprint(kept)).toBe(logFingerprint(one));
  });

  it.each([
    ['an unknown image', { image: 'train/monocyte/99.png', decision: 'remove' }, /is not there/],
    [
      'an unknown class',
      { decision: 'relabel', to: 'platlet' },
      /no class platlet \(did you mean platelet\?\)/,
    ],
    ['no class', { decision: 'relabel' }, /relabel to which class\?/],
    ['another label', { decision: 'remove', label: 'nothing' }, /decided about as nothing, and is/],
    ['another image', { decision: 'remove', sha256: '00' }, /is another image now/],
  ] as const)('refuses decisions with %s, and logs nothing', async (_, row, message) => {
    const log = await newLog();
    const given = [
      { image: train(0), decision: 'keep' as const },
      { image: train(1), ...row },
    ];
    await expect(decide(log, given)).rejects.toThrow(message);
    await expect(readRelabelLog(log.path)).rejects.toThrow(/expected a log of decisions/);
  });

  it('refuses an image twice, and one that is left out already', async () => {
    const removal = { image: train(0), decision: 'remove' } as const;
    await expect(decide(await newLog(), [removal, removal])).rejects.toThrow(/0.*twice/);
    const log = await decide(await newLog(), [removal]);
    await expect(decide(log, [removal])).rejects.toThrow(/left out already/);
  });

  it('refuses data that has changed since, by name, label and content', async () => {
    const log = await decide(await newLog(), [{ image: train(0), decision: 'relabel', to: otherThan(0)[0] }]);
    const withTrain = (over: object): Dataset => ({
      ...smear,
      splits: { ...smear.splits, train: { ...smear.splits.train, ...over } },
    });
    const labels = smear.splits.train.labels.slice();
    labels[0] = (labels[0] + 1) % smear.classes.length;
    await expect(relabelled(withTrain({ labels }), log)).rejects.toThrow(/its class was .* and is/);
    const contentHash = async () => '00';
    await expect(relabelled(withTrain({ contentHash }), log)).rejects.toThrow(/is another image now/);
    const name = (index: number) => `renamed ${index}`;
    await expect(relabelled(withTrain({ name }), log)).rejects.toThrow(/is not there/);
  });

  it('refuses a file in which a line is torn or missing', async () => {
    const log = await decide(await newLog(), [
      { image: train(0), decision: 'remove' },
      { image: train(1), decision: 'remove' },
    ]);
    const text = readFileSync(log.path, 'utf8');
    const [first, second] = text.split('\n');
    writeFileSync(log.path, `${second}\n`);
    await expect(readRelabelLog(log.path)).rejects.toThrow(/line 1: expected decision 1 .* got decision 2/);
    writeFileSync(log.path, `${first}\n${second.slice(0, 40)}`);
    await expect(readRelabelLog(log.path)).rejects.toThrow(/line 2: expected decision 2/);
    // Who used the log when it had one line is not concerned.
    expect((await readRelabelLog(log.path, 1)).lines).toEqual(log.lines.slice(0, 1));
  });
});

describe('decisions of people', () => {
  const file = join(folder, 'given');

  it('are a table or a list; rows without a decision are passed over', async () => {
    const wanted = [
      { image: 'a,b.png', decision: 'relabel', to: 'x' },
      { image: 'c.png', decision: 'remove', why: 'two cells' },
    ];
    writeFileSync(
      file,
      'image,decision,to,why\r\n"a,b.png",relabel,x,\r\nnone.png,,,\r\nc.png,remove,,two cells\r\n',
    );
    expect(await readDecisions(file)).toEqual(wanted);
    writeFileSync(file, JSON.stringify({ decisions: wanted }));
    expect(await readDecisions(file)).toEqual(wanted);
    writeFileSync(file, JSON.stringify(wanted));
    expect(await readDecisions(file)).toEqual(wanted);
  });

  it.each([
    ['image,to\r\na,b\r\n', /expected columns image and decision, got image, to/],
    ['image,decision\r\na.png,delete\r\n', /a\.png: expected image, decision \(keep, relabel, remove\)/],
    ['[1', /expected JSON/],
  ])('are refused otherwise: %j', async (text, message) => {
    writeFileSync(file, text);
    await expect(readDecisions(file)).rejects.toThrow(message);
  });
});

it('flips a share of the labels, each to another class, by seed', async () => {
  const flips = await drawFlips(smear, 'train', 0.25, 1);
  expect(flips).toHaveLength(10);
  expect(flips.every(({ stored, from, to }) => stored === from && to !== stored)).toBe(true);
  expect(await drawFlips(smear, 'train', 0.25, 1)).toEqual(flips);
  expect(await drawFlips(smear, 'train', 0.25, 2)).not.toEqual(flips);
  const seen = await relabelled(smear, await appendDecisions(await newLog(), flips, author));
  const differ = [...seen.splits.train.labels].filter((label, i) => label !== smear.splits.train.labels[i]);
  expect(differ).toHaveLength(10);
});
