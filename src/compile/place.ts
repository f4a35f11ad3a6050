/**
 * The memory planner. Each value of the arena lives from a step that writes it to the last one that reads
 * it; values that never live at the same time may share bytes. Greedy, largest first: each value goes
 * to the lowest offset that is free for all of its life.
 */
import { align } from './layout.ts';

/** From the index of the step that writes a value to that of the last one that reads it. */
export interface Life {
  readonly from: number;
  readonly to: number;
}

export interface Interval<K> {
  readonly key: K;
  readonly bytes: number;
  /** At least one, in order; in between, others may have the place. */
  readonly lives: readonly Life[];
  /** Values in whose place it may be written, if they die as it is born. */
  readonly over?: readonly K[];
}

export interface Arena<K> {
  readonly offsets: ReadonlyMap<K, number>;
  readonly bytes: number;
}

const birth = <K>({ lives }: Interval<K>): number => lives[0].from;

function overlap(a: readonly Life[], b: readonly Life[]): boolean {
  return a.some((x) => b.some((y) => x.to >= y.from && x.from <= y.to));
}

/** Intervals in which those that take over a dead one's place are its continuation, and where each key went. */
function chained<K>(intervals: readonly Interval<K>[]): { heads: Interval<K>[]; headOf: Map<K, K> } {
  const heads = new Map<K, Interval<K>>();
  const headOf = new Map<K, K>();
  for (const interval of [...intervals].sort((a, b) => birth(a) - birth(b))) {
    const { key, bytes, lives, over = [] } = interval;
    const dead = over
      .map((value) => heads.get(headOf.get(value) ?? value))
      .find((head) => head && head.bytes === bytes && diesAt(head, birth(interval)));
    if (dead) heads.set(dead.key, { ...dead, lives: [...dead.lives, ...lives] });
    else heads.set(key, interval);
    headOf.set(key, dead?.key ?? key);
  }
  return { heads: [...heads.values()], headOf };
}

function diesAt<K>({ lives }: Interval<K>, step: number): boolean {
  const last = lives[lives.length - 1];
  return last.to === step && last.from < step;
}

export function placeInArena<K>(intervals: readonly Interval<K>[]): Arena<K> {
  const { heads, headOf } = chained(intervals);
  const bySize = heads.sort((a, b) => b.bytes - a.bytes || birth(a) - birth(b));
  const placed: (Interval<K> & { offset: number; end: number })[] = [];
  const offsets = new Map<K, number>();
  let bytes = 0;
  for (const interval of bySize) {
    let offset = 0;
    for (const other of placed) {
      // `placed` is kept in order of offsets, so the first gap that is wide enough is the lowest.
      if (!overlap(other.lives, interval.lives)) continue;
      if (offset + align(interval.bytes) <= other.offset) break;
      offset = Math.max(offset, other.end);
    }
    const end = offset + align(interval.bytes);
    const at = placed.findIndex((other) => other.offset > offset);
    placed.splice(at < 0 ? placed.length : at, 0, { ...interval, offset, end });
    offsets.set(interval.key, offset);
    bytes = Math.max(bytes, end);
  }
  for (const [key, head] of headOf) offsets.set(key, offsets.get(head) ?? 0);
  return { offsets, bytes };
}
