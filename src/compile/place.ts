/**
 * The memory planner. Each value of the arena lives from the step that writes it to the last one that
 * reads it; values that never live at the same time may share bytes. Greedy, largest first: each value goes
 * to the lowest offset that is free for all of its life.
 */
import { align } from './layout.ts';

export interface Interval<K> {
  readonly key: K;
  readonly bytes: number;
  /** Index of the step that writes it. */
  readonly from: number;
  /** Index of the last step that reads it. */
  readonly to: number;
  /** Values in whose place it may be written, if they die as it is born. */
  readonly over?: readonly K[];
}

export interface Arena<K> {
  readonly offsets: ReadonlyMap<K, number>;
  readonly bytes: number;
}

/** Intervals in which those that take over a dead one's place are its continuation, and where each key went. */
function chained<K>(intervals: readonly Interval<K>[]): { heads: Interval<K>[]; headOf: Map<K, K> } {
  const heads = new Map<K, Interval<K>>();
  const headOf = new Map<K, K>();
  for (const interval of [...intervals].sort((a, b) => a.from - b.from)) {
    const { key, bytes, from, to, over = [] } = interval;
    const dead = over
      .map((value) => heads.get(headOf.get(value) ?? value))
      .find((head) => head && head.to === from && head.from < from && head.bytes === bytes);
    if (dead) heads.set(dead.key, { ...dead, to });
    else heads.set(key, interval);
    headOf.set(key, dead?.key ?? key);
  }
  return { heads: [...heads.values()], headOf };
}

export function placeInArena<K>(intervals: readonly Interval<K>[]): Arena<K> {
  const { heads, headOf } = chained(intervals);
  const bySize = heads.sort((a, b) => b.bytes - a.bytes || a.from - b.from);
  const placed: (Interval<K> & { offset: number; end: number })[] = [];
  const offsets = new Map<K, number>();
  let bytes = 0;
  for (const interval of bySize) {
    let offset = 0;
    for (const other of placed) {
      // `placed` is kept in order of offsets, so the first gap that is wide enough is the lowest.
      if (other.to < interval.from || other.from > interval.to) continue;
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
