/**
 * A conformance case: a small graph with its inputs. Both engines execute it, and what they give is compared.
 * Inputs are drawn from a seed that the case's name gives.
 */
import { Graph } from '../../graph/graph.ts';
import type { TensorType, Value, Variable } from '../../graph/value.ts';
import { elements, f32, size } from '../../graph/value.ts';
import { type Random, random } from '../../random.ts';
import type { Feed } from '../engine.ts';

export interface Case {
  readonly name: string;
  trace(t: Tracing): void;
}

export interface Draw {
  readonly time?: number | null;
  readonly format?: 'map' | 'flat';
  readonly low?: number;
  readonly high?: number;
  /** Values are multiples of this, so that some are equal. */
  readonly grid?: number;
}

/** Collects the graph of a case and what is fed to it. */
export class Tracing {
  readonly graph = new Graph();
  readonly feeds: Record<string, Feed> = {};
  private readonly random: Random;
  private count = 0;

  constructor(name: string) {
    this.random = random(7, name);
  }

  f32(shape: readonly number[], draw: Draw = {}): Value {
    const { time = null, format } = draw;
    const type = f32(shape, time);
    return this.fed({ ...type, format: format ?? type.format }, (n) => this.numbers(n, draw));
  }

  spikes(shape: readonly number[], time: number | null = null, rate = 0.3): Value {
    const type: TensorType = { ...f32(shape, time), dtype: 'spike' };
    return this.fed(type, (n) =>
      Int32Array.from({ length: n }, () => (this.random.uniform() < rate ? 1 : 0)),
    );
  }

  labels(n: number, classes: number): Value {
    return this.i32([n], (length) => Int32Array.from({ length }, () => this.random.int(classes)));
  }

  i32(shape: readonly number[], make: (n: number) => Int32Array): Value {
    return this.fed({ dtype: 'i32', shape, time: null, format: 'flat' }, make);
  }

  /** Seed and step of what is drawn. */
  rng(): Value {
    return this.i32([2], () => Int32Array.of(-123456789, 42));
  }

  parameter(shape: readonly number[], draw: Draw = {}): Value {
    const numbers = this.numbers(size(shape), draw);
    const name = `parameter${this.count++}`;
    const variable: Variable = { name, kind: 'parameter', shape, initial: () => numbers };
    return this.graph.variable(variable);
  }

  /** Names each value as an output. */
  outputs(...values: (Value | null | undefined)[]): void {
    for (const value of values) if (value) this.graph.output(`output${this.count++}`, value);
  }

  private numbers(n: number, { low = -1, high = 1, grid }: Draw): Float32Array {
    return Float32Array.from({ length: n }, () => {
      const x = this.random.uniform(low, high);
      return grid ? Math.round(x / grid) * grid : x;
    });
  }

  private fed(type: TensorType, make: (n: number) => Feed): Value {
    const name = `input${this.count++}`;
    this.feeds[name] = make(elements(type));
    return this.graph.input(name, type);
  }
}

/** One case for each item, named after it. */
export function each<T>(items: readonly T[], trace: (t: Tracing, item: T) => void): Case[] {
  return items.map((item) => ({ name: JSON.stringify(item), trace: (t) => trace(t, item) }));
}

/** Maps around the edges of the layouts: plain and blocked, whole and part blocks, single pixels. */
export const MAPS = [
  { shape: [1, 1, 1, 1], time: null },
  { shape: [2, 3, 5, 4], time: 3 },
  { shape: [1, 4, 3, 3], time: 1 },
  { shape: [2, 5, 4, 6], time: null },
  { shape: [3, 16, 5, 5], time: null },
  { shape: [1, 17, 4, 3], time: 3 },
  { shape: [2, 33, 1, 1], time: 1 },
  { shape: [0, 17, 3, 3], time: null },
] as const;

export const ROWS = [
  { shape: [1, 1], time: null },
  { shape: [3, 5], time: 3 },
  { shape: [1, 16], time: 1 },
  { shape: [2, 17], time: null },
  { shape: [5, 33], time: 3 },
] as const;
