import { expect, test } from 'vitest';
import { type Answers, answersOf, Calibration } from './calibration.ts';
import { areaUnderRiskCoverage, rankByConfidence, riskCoverage } from './risk-coverage.ts';

const answers = (confidence: number[], right: number[]): Answers => ({
  confidence: Float64Array.from(confidence),
  right: Uint8Array.from(right),
});

test('bins are open below and closed above, and hold every image', () => {
  const table = new Calibration(answers([0.25, 0.2500001, 0.5, 1], [1, 0, 1, 1]), 4).table();
  expect(table.map(({ images }) => images)).toEqual([1, 2, 0, 1]);
  expect(table[1].accuracy).toBe(0.5);
  expect(table[2].confidence).toBeNull();
});

test('a weight counts an image as often as copies of it would', () => {
  const confidence = [0.5, 0.62, 0.62, 0.9, 0.97];
  const right = [0, 1, 0, 1, 1];
  const weights = Int32Array.of(2, 0, 3, 1, 2);
  const copies = [...weights].flatMap((weight, i) => new Array<number>(weight).fill(i));
  const [once, many] = [
    answers(confidence, right),
    answers(
      copies.map((i) => confidence[i]),
      copies.map((i) => right[i]),
    ),
  ];
  const { ece, mce } = new Calibration(once).errors(weights);
  const wanted = new Calibration(many).errors();
  expect(ece).toBeCloseTo(wanted.ece, 12);
  expect(mce).toBeCloseTo(wanted.mce, 12);
  expect(areaUnderRiskCoverage(once, rankByConfidence(once), weights)).toBeCloseTo(
    areaUnderRiskCoverage(many, rankByConfidence(many)),
    12,
  );
});

test('risk over coverage by hand: ties are answered together', () => {
  const { coverage, risk, thresholds } = riskCoverage(answers([0.6, 0.9, 0.8, 0.8], [0, 1, 0, 1]));
  expect([...thresholds]).toEqual([0.9, 0.8, 0.6]);
  expect([...coverage]).toEqual([0.25, 0.75, 1]);
  expect([...risk]).toEqual([0, 1 / 3, 0.5]);
});

test('the answer is the most probable class', () => {
  const predictions = {
    classes: ['a', 'b'],
    labels: Int32Array.of(0, 0),
    names: ['1', '2'],
    scores: Float64Array.of(0.25, 0.75, 0.5, 0.5),
  };
  expect(answersOf(predictions)).toEqual(answers([0.75, 0.5], [0, 1]));
});

test('bins must be a whole number', () => {
  expect(() => new Calibration(answers([1], [1]), 0)).toThrow(/a whole number of bins above 0, got 0/);
});
