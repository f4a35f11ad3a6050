/**
 * Whether heat lies where it matters: curves of deletion and insertion (Petsiuk et al., BMVC 2018), the pointing game (Zhang
 * et al., ECCV 2016, without its tolerance), and the share of the heat on a known place.
 */
import type { Random } from '../random.ts';
import { bootstrap, type Estimate } from './bootstrap.ts';

/** Indices of pixels, the hottest first; those of equal heat in an order that is drawn. */
export function orderByHeat(heat: ArrayLike<number>, draw: Random): Int32Array {
  const order = draw.shuffle(Int32Array.from({ length: heat.length }, (_, i) => i));
  return order.sort((a, b) => heat[b] - heat[a]);
}

/** Area under points that stand evenly from 0 to 1, by trapezoids. */
export function areaUnder(curve: ArrayLike<number>): number {
  const gaps = curve.length - 1;
  let sum = 0;
  for (let i = 0; i < gaps; i++) sum += (curve[i] + curve[i + 1]) / 2;
  return sum / gaps;
}

/** Share of pixels that are on the place. */
export function areaShare(mask: ArrayLike<number>): number {
  let on = 0;
  for (let i = 0; i < mask.length; i++) on += Number(mask[i] > 0);
  return on / mask.length;
}

/** Share of the heat that lies on the place. A map without heat says nothing: it counts as evenly warm. */
export function heatShare(heat: ArrayLike<number>, mask: ArrayLike<number>): number {
  let [on, all] = [0, 0];
  for (let i = 0; i < heat.length; i++) {
    const x = Math.max(heat[i], 0);
    all += x;
    if (mask[i] > 0) on += x;
  }
  return all > 0 ? on / all : areaShare(mask);
}

/** Whether the hottest pixel is on the place: 1 or 0; of several equally hot ones the share that is. */
export function pointingHit(heat: ArrayLike<number>, mask: ArrayLike<number>): number {
  let highest = -Infinity;
  for (let i = 0; i < heat.length; i++) highest = Math.max(highest, heat[i]);
  let [on, all] = [0, 0];
  for (let i = 0; i < heat.length; i++) {
    if (heat[i] < highest) continue;
    all++;
    if (mask[i] > 0) on++;
  }
  return on / all;
}

/** Means over images with 95 % bootstrap intervals; every list has a number for each image. */
export function meansOver<Name extends string>(
  figures: Readonly<Record<Name, readonly number[]>>,
  seed = 0,
): Record<Name, Estimate> {
  const names = Object.keys(figures) as Name[];
  const count = figures[names[0]].length;
  const estimates = bootstrap(
    count,
    names.length,
    (weights, out) => {
      for (const [f, name] of names.entries()) {
        let sum = 0;
        for (let i = 0; i < count; i++) sum += weights[i] * figures[name][i];
        out[f] = sum / count;
      }
    },
    { seed },
  );
  return Object.fromEntries(
    names.map((name, f) => [name, estimates[f] ?? { value: Number.NaN, low: Number.NaN, high: Number.NaN }]),
  ) as Record<Name, Estimate>;
}
