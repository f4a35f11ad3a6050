import { describe, expect, it } from 'vitest';
import { random } from '../random.ts';
import { axisOf } from './axis.ts';
import { normalCdf } from './normal.ts';
import { Parzen } from './parzen.ts';
import { allPoints, defineSpace, type Point, type Space, valueText } from './space.ts';

const axes = ({ parameters }: Space) =>
  Object.fromEntries(Object.entries(parameters).map(([name, parameter]) => [name, axisOf(parameter)]));

describe('normalCdf()', () => {
  it.each([
    [0, 0.5],
    [1, 0.8413447461],
    [-1.96, 0.0249978951],
    [3, 0.998650102],
  ])('of %f is %f', (x, p) => expect(normalCdf(x)).toBeCloseTo(p, 6));
});

describe('an axis', () => {
  const space = defineSpace({
    parameters: {
      lr: { type: 'float', low: 1e-4, high: 1, scale: 'log' },
      units: { type: 'int', low: 1, high: 64, scale: 'log' },
      dropout: { type: 'float', low: 0, high: 0.5, step: 0.1 },
      batch: { type: 'ordered', values: [16, 32, 128] },
    },
  });

  it('has its values in cells side by side that fill [0, 1]', () => {
    for (const name of ['units', 'dropout', 'batch']) {
      const axis = axes(space)[name];
      if (axis.kind !== 'number') throw new Error(name);
      let edge = 0;
      for (const point of allPoints({ ...space, parameters: { [name]: space.parameters[name] } }, 100) ??
        []) {
        const [low, high] = axis.cell(point[name]);
        expect(low).toBeCloseTo(edge, 12);
        expect(axis.at((low + high) / 2)).toBe(point[name]);
        edge = high;
      }
      expect(edge).toBeCloseTo(1, 12);
    }
  });

  it('is even in powers where it is logarithmic, with numbers that can be typed', () => {
    const axis = axes(space).lr;
    if (axis.kind !== 'number') throw new Error('lr');
    expect([0, 0.25, 0.5, 0.75, 1].map((place) => axis.at(place))).toEqual([1e-4, 1e-3, 1e-2, 0.1, 1]);
    expect(axis.at(0.123)).toBe(0.00031046);
  });
});

describe('a Parzen estimator', () => {
  const discrete = defineSpace({
    parameters: {
      kind: { type: 'categorical', choices: ['sgd', 'adam', null] },
      momentum: { type: 'float', low: 0, high: 0.9, step: 0.3, when: { kind: 'sgd' } },
      units: { type: 'int', low: 1, high: 4, scale: 'log' },
    },
  });
  const observed: Point[] = [
    { kind: 'sgd', momentum: 0.9, units: 4 },
    { kind: 'sgd', momentum: 0.6, units: 4 },
    { kind: 'adam', units: 1 },
  ];

  it('gives all points together probability 1, those that lack a parameter among them', () => {
    const parzen = new Parzen(discrete, axes(discrete), observed);
    const points = allPoints(discrete, 100) ?? [];
    expect(points).toHaveLength(4 * 4 + 2 * 4);
    expect(points.reduce((sum, point) => sum + Math.exp(parzen.log(point)), 0)).toBeCloseTo(1, 6);
  });

  it('draws points as often as it says', () => {
    const parzen = new Parzen(discrete, axes(discrete), observed);
    const stream = random(3, 'draws');
    const counts = new Map<string, number>();
    const draws = 20_000;
    const key = (point: Point) => Object.values(point).map(valueText).join();
    for (let i = 0; i < draws; i++) {
      const drawn = key(parzen.draw(stream));
      counts.set(drawn, (counts.get(drawn) ?? 0) + 1);
    }
    for (const point of allPoints(discrete, 100) ?? []) {
      const p = Math.exp(parzen.log(point));
      const share = (counts.get(key(point)) ?? 0) / draws;
      expect(Math.abs(share - p)).toBeLessThan(4 * Math.sqrt((p * (1 - p)) / draws));
    }
  });

  it('has a density that integrates to 1 on a continuum', () => {
    const space = defineSpace({ parameters: { x: { type: 'float', low: -3, high: 5 } } });
    const parzen = new Parzen(space, axes(space), [{ x: -3 }, { x: 4.9 }, { x: 4.8 }]);
    const n = 4000;
    let sum = 0;
    for (let i = 0; i < n; i++) sum += Math.exp(parzen.log({ x: -3 + (8 * (i + 0.5)) / n })) / n;
    expect(sum).toBeCloseTo(1, 4);
  });
});
