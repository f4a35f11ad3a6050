import { describe, expect, it } from 'vitest';
import { setTexts } from '../jobs/set-texts.ts';
import { random } from '../random.ts';
import { randomPoint } from './samplers/random.ts';
import { allPoints, defineSpace, extremePoints, parseSpace } from './space.ts';

const space = defineSpace({
  set: { T: 5 },
  parameters: {
    'optimizer.kind': { type: 'categorical', choices: ['sgd', 'adam'] },
    'optimizer.momentum': { type: 'float', low: 0, high: 0.9, when: { 'optimizer.kind': 'sgd' } },
    'optimizer.nesterov': {
      type: 'categorical',
      choices: [true, false],
      when: { 'optimizer.kind': ['sgd'] },
    },
    lr: { type: 'float', low: 1e-4, high: 1e-1, scale: 'log' },
  },
});

describe('a space', () => {
  it('gives a parameter a value only where its condition holds', () => {
    const stream = random(1, 'points');
    const points = Array.from({ length: 200 }, () => randomPoint(space, stream));
    for (const point of points) {
      expect('optimizer.momentum' in point).toBe(point['optimizer.kind'] === 'sgd');
      expect(point.lr).toBeGreaterThanOrEqual(1e-4);
      expect(point.lr).toBeLessThanOrEqual(1e-1);
    }
    const small = points.filter(({ lr }) => Number(lr) < Math.sqrt(1e-5)).length;
    expect(small).toBeGreaterThan(70);
    expect(small).toBeLessThan(130);
  });

  it('shows the ends of every range to be checked, each where it is active', () => {
    const texts = extremePoints(space).flatMap((point) => setTexts(point));
    for (const end of [
      'optimizer.kind=sgd',
      'optimizer.kind=adam',
      'optimizer.momentum=0',
      'optimizer.momentum=0.9',
      'optimizer.nesterov=false',
      'lr=0.0001',
      'lr=0.1',
    ])
      expect(texts).toContain(end);
  });

  it('lists its points where there are finitely many', () => {
    expect(allPoints(space, 1000)).toBeUndefined();
    const { lr: _lr, 'optimizer.momentum': _momentum, ...parameters } = space.parameters;
    expect(allPoints({ ...space, parameters }, 1000)).toEqual([
      { 'optimizer.kind': 'sgd', 'optimizer.nesterov': true },
      { 'optimizer.kind': 'sgd', 'optimizer.nesterov': false },
      { 'optimizer.kind': 'adam' },
    ]);
    expect(allPoints({ ...space, parameters }, 2)).toBeUndefined();
  });

  it.each([
    ['{', /my\.json: expected JSON/],
    ['{"parameters":{}}', /parameters: expected one or more/],
    [
      '{"parameters":{"lr":{"type":"float","low":1,"high":0}}}',
      /parameters\.lr\.high: expected more than 1, got 0/,
    ],
    [
      '{"parameters":{"lr":{"type":"float","low":0,"high":1,"scale":"log"}}}',
      /lr\.low: expected more than 0/,
    ],
    ['{"parameters":{"lr":{"type":"flaot"}}}', /parameters\.lr\.type/],
    ['{"parameters":{"lr":{"type":"float","low":0,"hihg":1,"high":1}}}', /hihg/],
    ['{"parameters":{"a":{"type":"ordered","values":[2,1]}}}', /a\.values: expected rising numbers/],
    [
      '{"parameters":{"a":{"type":"categorical","choices":["x","x"]}}}',
      /a\.choices: expected each value once/,
    ],
    [
      '{"parameters":{"a":{"type":"int","low":1,"high":3,"when":{"b":1}},"b":{"type":"ordered","values":[1,2]}}}',
      /parameters\.a\.when\.b: expected one of none before it/,
    ],
    [
      '{"parameters":{"b":{"type":"ordered","values":[1,2]},"a":{"type":"int","low":1,"high":3,"when":{"b":3}}}}',
      /parameters\.a\.when\.b: expected 1 or 2, got 3/,
    ],
    [
      '{"set":{"T":1},"parameters":{"T":{"type":"int","low":1,"high":3}}}',
      /set\.T: expected what is no parameter/,
    ],
  ])('refuses %s', (text, message) => expect(() => parseSpace(text, 'my.json')).toThrow(message));
});
