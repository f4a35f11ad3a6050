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
}

export interface Arena<K> {
  readonly offsets: ReadonlyMap<K, number>;
  readonly bytes: number;
}

export function placeInArena<K>(intervals: readonly Interval<K>[]): Arena<K> {
  const bySize = [...intervals].sort((a, b) => b.bytes - a.bytes || a.from - b.from);
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
  return { offsets, bytes };
}
