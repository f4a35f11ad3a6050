/** Something to run a plan on when only its time is of interest. */
import type { Plan } from '../compile/plan.ts';
import type { Feed } from '../engine/engine.ts';
import { elements } from '../graph/value.ts';
import { random } from '../random.ts';

/** Images of noise, all labelled 0, and a small learning rate. */
export function randomFeeds(plan: Plan): Record<string, Feed> {
  const draw = random(0, 'feeds');
  const feeds: Record<string, Feed> = {};
  for (const [name, value] of plan.inputs)
    feeds[name] =
      value.dtype === 'i32'
        ? new Int32Array(elements(value)).fill(name === 'labels' ? 0 : 1)
        : Float32Array.from({ length: elements(value) }, () => (name === 'lr' ? 1e-4 : draw.uniform()));
  return feeds;
}
