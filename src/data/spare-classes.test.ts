import { afterAll, expect, it } from 'vitest';
import { openSmear } from './smear/source.ts';
import { withSpareClasses } from './spare-classes.ts';

const smear = openSmear({ size: 16, images: { train: 8, val: 8, test: 8 } });
afterAll(() => smear.close());

it('adds classes behind those of the data, and leaves its images as they are', () => {
  const spare = withSpareClasses(smear, 10);
  expect(spare.classes).toEqual([...smear.classes, 'none 9', 'none 10']);
  expect(spare.splits.test).toBe(smear.splits.test);
  expect(spare.fingerprint).toBe(smear.fingerprint);
  expect(withSpareClasses(smear, 8).classes).toEqual(smear.classes);
});

it('refuses fewer outputs than classes', () => {
  expect(() => withSpareClasses(smear, 7)).toThrow(
    '--outputs: expected at least the 8 classes of the data, got 7',
  );
});
