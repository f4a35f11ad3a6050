/** Finding the layer that made the first number that is not finite, and refusing to go on with such numbers. */
import type { Feed, Program } from '../engine/engine.ts';

/**
 * Runs a step again, looking at every result and updating nothing.
 * @returns layer and op of the first result that is not finite, e.g. `conv2 (conv2d)`, or `the images`
 */
export async function findNonFinite(
  program: Program,
  feeds: Readonly<Record<string, Feed>>,
): Promise<string> {
  const { nonFiniteStep } = await program.run(feeds, { check: true });
  const node = program.plan.steps[nonFiniteStep ?? -1]?.root;
  if (node?.op.name === 'microBatch') return 'the images';
  return node ? `${node.scope || 'the network'} (${node.op.name})` : 'the loss';
}
