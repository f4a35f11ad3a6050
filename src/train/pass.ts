/** States that belong to one pass over data, such as the adaptation of neurons. */
import type { Session } from '../engine/engine.ts';
import type { Variable } from '../graph/value.ts';

/** Gives them their first values again. */
export function beginPass(session: Session, variables: readonly Variable[]): void {
  for (const { name, perPass, initial } of variables) if (perPass) session.writeVariable(name, initial());
}

/** The states of the pass that is under way; what is returned gives them back after another one. */
export function keepPass(session: Session, variables: readonly Variable[]): () => void {
  const kept = variables
    .filter(({ perPass }) => perPass)
    .map(({ name }) => ({ name, data: session.readVariable(name) }));
  return () => {
    for (const { name, data } of kept) session.writeVariable(name, data);
  };
}
