import { expect, it } from 'vitest';
import { memorySource, noise } from '../../test/data-fixtures.ts';
import type { Dataset, Fold, Split } from './dataset.ts';
import { foldOf } from './folds.ts';
import { poolSplits } from './pool.ts';
import { openSmear } from './smear/source.ts';

const smear = openSmear({ size: 16, images: { train: 80, val: 16, test: 24 } });
const names = ({ splits }: Dataset, split: Split) =>
  Array.from({ length: splits[split].length }, (_, i) => splits[split].name(i));
const folds = (of: number, pool: Fold['pool'], seed = 0) =>
  Promise.all([...Array(of).keys()].map((i) => foldOf(smear, { number: i + 1, of, pool }, { seed })));

it('tests every image of the pool once, by class, and learns from the others', async () => {
  const five = await folds(5, ['train', 'val', 'test']);
  const all = names({ ...smear, splits: { ...smear.splits, train: poolSplits(smear).source } }, 'train');
  expect(five.flatMap((fold) => names(fold, 'test')).sort()).toEqual([...all].sort());
  for (const fold of five) {
    const parts = (['train', 'val', 'test'] as const).map((split) => names(fold, split));
    expect(parts.flat().sort()).toEqual([...all].sort());
    expect(parts.map(({ length }) => length)).toEqual([88, 8, 24]);
    for (const [k] of smear.classes.entries())
      expect(fold.splits.test.labels.filter((label) => label === k)).toHaveLength(3);
    // Labels and pixels travel with the names.
    for (const [i, name] of parts[2].entries())
      expect(name).toContain(`/${smear.classes[fold.splits.test.labels[i]]}/`);
  }
  expect(new Set(five.map(({ fingerprint }) => fingerprint)).size).toBe(5);
  expect(five[1].splitting).toMatchObject({ fold: { number: 2, of: 5 }, ratios: { test: 0.2 } });
});

it('makes parts that differ by one image at most', async () => {
  const sizes = (await folds(7, ['val', 'test'])).map(({ splits }) => splits.test.length);
  expect(sizes.toSorted()).toEqual([5, 5, 6, 6, 6, 6, 6]);
});

it('draws from the splits that are named, the same by seed', async () => {
  const [one, two] = await folds(2, ['train']);
  expect([...names(one, 'test'), ...names(two, 'test')].sort()).toEqual(names(smear, 'train').sort());
  expect(names((await folds(2, ['train']))[0], 'test')).toEqual(names(one, 'test'));
  expect(names((await folds(2, ['train'], 1))[0], 'test')).not.toEqual(names(one, 'test'));
});

it('validates on a tenth of all where classes have too few for a tenth of each', async () => {
  // 16 images of two a class: 8 are learnt from where two parts are made of them, 15 where there are sixteen.
  const sixteen = await folds(16, ['val']);
  for (const { splits } of sixteen)
    expect([splits.train.length, splits.val.length, splits.test.length]).toEqual([14, 1, 1]);
  expect((await folds(2, ['val'])).map(({ splits }) => splits.val.length)).toEqual([0, 0]);
});

it('keeps nearly identical images on one side', async () => {
  const images = Array.from({ length: 24 }, (_, i) => noise(16 * 16, Math.floor(i / 2)));
  const source = memorySource(
    images,
    images.map((_, i) => i % 2),
  );
  const none = memorySource([]);
  const twins: Dataset = {
    ...{ name: 'twins', classes: ['a', 'b'], height: 16, width: 16, channels: 1, fingerprint: 'x' },
    splits: { train: source, val: none, test: none },
    close: async () => {},
  };
  const fold = { number: 1, of: 3, pool: ['train'] } as const;
  const { splits, splitting } = await foldOf(twins, fold, { seed: 0, keepTogether: 'near-duplicates' });
  expect(splitting?.groups).toBe(12);
  const pairs = (split: Split) =>
    names({ ...twins, splits }, split).map((name) => Number(/\d+/.exec(name)) >> 1);
  const [train, val, test] = [pairs('train'), pairs('val'), pairs('test')].map((list) => new Set(list));
  expect(train.size + val.size + test.size).toBe(12);
});

it('refuses a part that there is not', async () => {
  await expect(foldOf(smear, { number: 6, of: 5, pool: ['train'] }, { seed: 0 })).rejects.toThrow(/got 6\/5/);
});
