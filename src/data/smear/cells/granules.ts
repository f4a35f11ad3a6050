/** Granules strewn over a cytoplasm. */
import type { Random } from '../../../random.ts';
import type { Granule } from '../cell.ts';
import type { Dyes } from '../field.ts';
import type { Shape } from '../shapes.ts';

export interface GranulesOptions {
  /** Granules in 100 µm² of the square that is strewn; about that many, less the ones that fall outside. */
  per100Um2: number;
  /** Mean radius in micrometres. */
  radius: number;
  dyes: Dyes;
  /** Relative spread of size and strength. */
  spread?: number;
  /** Share of the granules that fall on `avoid` and stay. */
  kept?: number;
}

/** Strews granules inside `outline`, and outside `avoid` but for the share that `kept` names. */
export function strew(
  rng: Random,
  outline: Shape,
  avoid: Shape | undefined,
  options: GranulesOptions,
): Granule[] {
  const { per100Um2, radius, dyes, spread = 0.3, kept = 0 } = options;
  const granules: Granule[] = [];
  const reach = outline.reach;
  const attempts = Math.round((per100Um2 * (2 * reach) ** 2) / 100);
  for (let k = 0; k < attempts; k++) {
    const x = rng.uniform(-reach, reach);
    const y = rng.uniform(-reach, reach);
    const own = radius * (1 + spread * rng.uniform(-1, 1));
    const strength = 1 + spread * rng.uniform(-1, 1);
    const stays = kept > 0 && rng.uniform() < kept;
    if (outline.distance(x, y) > -own) continue;
    if (avoid && !stays && avoid.distance(x, y) < 0.5 * own) continue;
    const [haemoglobin, eosin, azure, violet] = dyes;
    granules.push({
      x,
      y,
      radius: own,
      dyes: [haemoglobin * strength, eosin * strength, azure * strength, violet * strength],
    });
  }
  return granules;
}
