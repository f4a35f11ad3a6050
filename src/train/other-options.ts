/** Evaluating a network with other options than it was trained with. */
import { isDeepStrictEqual } from 'node:util';
import { EXIT, SomaError } from '../errors.ts';
import type { Variable } from '../graph/value.ts';
import type { RunConfig } from './config.ts';
import { specOf } from './open-run.ts';
import { evaluationStep } from './step.ts';

/**
 * Throws where an option that was changed says only how something began that was learnt since, such as the threshold of
 * neurons that learn it: the weights would be read over it, and the evaluation would be the one without the change.
 */
export function refuseLearnt(trained: RunConfig, changed: RunConfig): void {
  const before = new Map(networkOf(trained).map((variable) => [variable.name, variable]));
  for (const [key, value] of Object.entries(changed.options)) {
    if (isDeepStrictEqual(value, trained.options[key])) continue;
    const learnt = onlyBeginning(
      before,
      networkOf({ ...changed, options: { ...trained.options, [key]: value } }),
    );
    if (learnt !== undefined)
      throw new SomaError(
        `evaluate --set ${key}: expected an option of what was not learnt, got one for ${learnt}, ` +
          'which training has changed since; train with that option instead',
        EXIT.usage,
      );
  }
}

function networkOf(config: RunConfig): readonly Variable[] {
  return evaluationStep(specOf(config), config.settings, 1).net.variables;
}

/** Something learnt that begins elsewhere, or is a constant now; nothing where a constant is another one too. */
function onlyBeginning(
  before: ReadonlyMap<string, Variable>,
  after: readonly Variable[],
): string | undefined {
  let learnt: string | undefined;
  for (const variable of after) {
    const was = before.get(variable.name);
    if (!was || was.shape.join() !== variable.shape.join()) continue;
    if (was.fixed && beginsElsewhere(was, variable)) return undefined;
    if (!was.fixed && (variable.fixed || beginsElsewhere(was, variable))) learnt ??= variable.name;
  }
  return learnt;
}

/** Of vectors and numbers, which options decide; matrices are drawn from the seed. */
function beginsElsewhere(a: Variable, b: Variable): boolean {
  if (b.shape.length > 1) return false;
  const [from, to] = [a.initial(), b.initial()];
  return to.some((value, i) => value !== from[i]);
}
