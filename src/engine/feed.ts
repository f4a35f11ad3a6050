/** What a run is fed with, checked the same way by every engine. */
import type { Plan } from '../compile/plan.ts';
import { mismatch } from '../errors.ts';
import { elements, type Value } from '../graph/value.ts';
import type { Feed } from './engine.ts';

/** The feed for an input. Throws where it is missing or has another number of elements. */
export function feedFor(plan: Plan, name: string, value: Value, feeds: Readonly<Record<string, Feed>>): Feed {
  const feed = feeds[name];
  if (feed?.length === elements(value)) return feed;
  throw mismatch(`run(${plan.name})`, `${elements(value)} numbers for ${name}`, feed?.length ?? 'nothing');
}
