/** States that belong to one pass over data, such as the adaptation of neurons. */
import type { Session } from '../engine/engine.ts';
import type { Variable } from '../graph/value.ts';

/** Gives them their first values again. */
export function beginPass(session: Session, variables: readonly Variable[]): void {
  for (const { name, perPass, initial } of variables) if (perPass) session.writeVariable(name, initial());
}
