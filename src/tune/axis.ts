/**
 * A parameter as an axis: numbers lie on [0, 1], evenly by their scale, and each of finitely many values has a cell
 * of its own there; categories have no place, only numbers.
 */
import { finiteValues, type Parameter, type Value, valueText } from './space.ts';

export interface NumberAxis {
  readonly kind: 'number';
  /** Where a value stands: its cell, of width 0 on a continuum. */
  cell(value: Value): readonly [low: number, high: number];
  /** The value of a place in [0, 1]. */
  at(place: number): Value;
}

export interface ChoiceAxis {
  readonly kind: 'choice';
  readonly choices: readonly Value[];
  index(value: Value): number;
}

export type Axis = NumberAxis | ChoiceAxis;

/** Digits of a value on a continuum: more make long commands and no difference. */
const DIGITS = 5;

export function axisOf(parameter: Parameter): Axis {
  if (parameter.type === 'categorical') {
    const texts = parameter.choices.map(valueText);
    return { kind: 'choice', choices: parameter.choices, index: (value) => texts.indexOf(valueText(value)) };
  }
  if (parameter.type === 'ordered') return evenCells(parameter.values);
  if (parameter.scale === 'log') return logAxis(parameter);
  const values = finiteValues(parameter);
  return values
    ? evenCells(values as readonly number[])
    : continuum(parameter.low, parameter.high, same, same);
}

/** The middle of the cell of a value. */
export function placeOf(axis: NumberAxis, value: Value): number {
  const [low, high] = axis.cell(value);
  return (low + high) / 2;
}

const same = (x: number) => x;

/** Values at equal distances, whatever they are. */
function evenCells(values: readonly number[]): NumberAxis {
  const n = values.length;
  return {
    kind: 'number',
    cell: (value) => {
      const i = values.indexOf(Number(value));
      return [i / n, (i + 1) / n];
    },
    at: (place) => values[Math.min(n - 1, Math.max(0, Math.floor(place * n)))],
  };
}

function continuum(
  low: number,
  high: number,
  scale: (value: number) => number,
  back: (scaled: number) => number,
): NumberAxis {
  const [from, to] = [scale(low), scale(high)];
  return {
    kind: 'number',
    cell: (value) => {
      const place = (scale(Number(value)) - from) / (to - from);
      return [place, place];
    },
    at: (place) => {
      const value = Number(back(from + place * (to - from)).toPrecision(DIGITS));
      return Math.min(high, Math.max(low, value));
    },
  };
}

function logAxis({ type, low, high }: Extract<Parameter, { low: number }>): NumberAxis {
  if (type === 'float') return continuum(low, high, Math.log, Math.exp);
  // Whole numbers reach half-way to their neighbours.
  const [from, to] = [Math.log(low - 0.5), Math.log(high + 0.5)];
  const place = (edge: number) => (Math.log(edge) - from) / (to - from);
  return {
    kind: 'number',
    cell: (value) => [place(Number(value) - 0.5), place(Number(value) + 0.5)],
    at: (at) => Math.min(high, Math.max(low, Math.round(Math.exp(from + at * (to - from))))),
  };
}
