/** What a run is fed with, checked the same way by every engine. */
import type { Plan } from '../compile/plan.ts';
import { mismatch } from '../errors.ts';
import { elements, type Value } from '../graph/value.ts';
import type { Feed, RunResult } from './engine.ts';

/** The feed for an input. Throws where it is missing or has another number of elements. */
export function feedFor(plan: Plan, name: string, value: Value, feeds: Readonly<Record<string, Feed>>): Feed {
  const feed = feeds[name];
  if (feed?.length === elements(value)) return feed;
  throw mismatch(`run(${plan.name})`, `${elements(value)} numbers for ${name}`, feed?.length ?? 'nothing');
}

/** What came of a run. Throws where a plan that learns nothing, and so has nobody to look at it, guards what it was fed. */
export function withFiniteFeeds({ name, guards, updatesFrom, steps }: Plan, result: RunResult): RunResult {
  if (result.finite || updatesFrom < steps.length || result.nonFiniteStep !== undefined) return result;
  const fed = guards.map(({ source }) => (source.kind === 'input' ? source.name : 'values'));
  throw mismatch(`run(${name})`, `finite ${fed.join(', ')}`, 'NaN or infinity', 'look at what is fed');
}
