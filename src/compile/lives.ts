/** When each value lives: from a step that writes it to the last one that reads what was written. */
import type { Value } from '../graph/value.ts';
import { storageBytes } from './layout.ts';
import { leavesLoop } from './loop.ts';
import { overwritable } from './overwrite.ts';
import type { Interval, Life } from './place.ts';
import type { Loop, Step } from './plan.ts';

export interface Lifetimes {
  /** Values of the whole batch. */
  readonly whole: readonly Interval<Value>[];
  /** Values of one micro-batch. */
  readonly micro: readonly Interval<Value>[];
}

/** `guards` are read behind all steps. */
export function lifetimes(steps: readonly Step[], guards: readonly Value[], loop: Loop | null): Lifetimes {
  const inLoop = (i: number) => loop !== null && i >= loop.first && i < loop.end;
  const ofWhole = new Set(
    steps.flatMap((step) => step.nodes.filter(leavesLoop)).flatMap((node) => node.outputs),
  );
  const whole: Interval<Value>[] = [];
  const micro: Interval<Value>[] = [];
  for (const [key, lives] of livesOf(steps, guards)) {
    const bytes = storageBytes(key);
    const { from } = lives[0];
    // Where a step runs twice, its input must outlive the first time.
    const over = lives.length === 1 ? overwritable(steps[from], key) : [];
    if (inLoop(from) && !ofWhole.has(key)) micro.push({ key, bytes, lives, over });
    // The loop comes back to its first step: what lives in any of its steps lives in all of them.
    else if (loop)
      whole.push({
        key,
        bytes,
        lives: lives.map((life) => throughLoop(life, loop)),
        over: inLoop(from) ? [] : over,
      });
    else whole.push({ key, bytes, lives, over });
  }
  return { whole, micro };
}

function throughLoop({ from, to }: Life, { first, end }: Loop): Life {
  return {
    from: from >= first && from < end ? first : from,
    to: to >= first && to < end ? end - 1 : to,
  };
}

/** One life for each time that the value is written. */
function livesOf(steps: readonly Step[], guards: readonly Value[]): Map<Value, Life[]> {
  const lives = new Map<Value, Life[]>();
  steps.forEach((step, i) => {
    for (const value of step.inputs) extend(lives.get(value), i);
    for (const value of step.outputs) lives.set(value, [...(lives.get(value) ?? []), { from: i, to: i }]);
  });
  for (const value of guards) extend(lives.get(value), steps.length);
  return lives;
}

function extend(lives: Life[] | undefined, to: number): void {
  const last = lives?.at(-1);
  if (lives && last) lives[lives.length - 1] = { ...last, to };
}
