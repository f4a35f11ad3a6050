import { expect, it } from 'vitest';
import { setArguments, setTexts } from './set-texts.ts';

it('quotes text that would be read as something else', () => {
  expect(setTexts({ a: 'sgd', b: '5', c: null, d: { kind: 'cosine' } })).toEqual([
    'a=sgd',
    'b="5"',
    'c=null',
    'd={"kind":"cosine"}',
  ]);
  expect(setArguments({ 'optimizer.kind': 'sgd', T: 4 })).toEqual([
    '--set',
    'optimizer.kind=sgd',
    '--set',
    'T=4',
  ]);
});
