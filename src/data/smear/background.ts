/**
 * What surrounds the cell: red cells, which are biconcave and so pale in the middle. They lie at random, run
 * over the border of the field, keep clear of the central cell but for a touch, and seldom cross one another.
 */
import type { Random } from '../../random.ts';
import { cover, FIELD_UM, type Field } from './field.ts';
import { smoothstep, texture } from './noise.ts';
import { blob } from './shapes.ts';

/** A round region in micrometres of the field: a red cell, or what red cells leave free. */
export interface Disc {
  x: number;
  y: number;
  radius: number;
}

/** Scatters red cells over the field. */
export function paintRedCells(field: Field, clearing: Disc, rng: Random): void {
  const [haemoglobin] = field.dyes;
  const crowding = rng.uniform(0.15, 1);
  const pale = rng.uniform(0.5, 1.1);
  const radius = rng.uniform(3.3, 4);
  const placed: Disc[] = [];
  for (let attempt = 0; attempt < 60 && placed.length < 2 + 12 * crowding; attempt++) {
    const own = radius * (1 + 0.07 * rng.normal());
    const x = rng.uniform(-0.8 * own, FIELD_UM + 0.8 * own);
    const y = rng.uniform(-0.8 * own, FIELD_UM + 0.8 * own);
    // They may touch the central cell, and overlap one another now and then.
    if (Math.hypot(x - clearing.x, y - clearing.y) < clearing.radius + 0.85 * own) continue;
    const overlap = rng.uniform() < 0.1 ? 0.8 : 0.97;
    if (placed.some((other) => Math.hypot(x - other.x, y - other.y) < overlap * (own + other.radius)))
      continue;
    placed.push({ x, y, radius: own });
    paintRedCell(haemoglobin, field, { x, y, radius: own }, pale, rng);
  }
}

function paintRedCell(
  haemoglobin: Float32Array,
  field: Field,
  { x, y, radius }: Disc,
  pale: number,
  rng: Random,
): void {
  const waves = [0.05, 0.03, 0.015].map((sigma) => sigma * rng.normal());
  const outline = blob(rng, { radius, elongation: 1 + Math.abs(0.12 * rng.normal()), waves });
  const depth = rng.uniform(0.28, 0.42);
  const pallor = Math.min(0.85, pale * rng.uniform(0.5, 1));
  const width = rng.uniform(0.4, 0.6) * radius;
  const shiftX = 0.12 * radius * rng.normal();
  const shiftY = 0.12 * radius * rng.normal();
  const lit = rng.uniform(0, 0.12) / radius;
  const mottle = texture(rng, 1.2);
  cover(
    field,
    { x, y, angle: rng.uniform(0, 2 * Math.PI), scale: 1 },
    outline,
    (i, share, distance, u, v) => {
      const away = Math.sqrt((u - shiftX) ** 2 + (v - shiftY) ** 2);
      const dent = 1 - smoothstep(0.35 * width, width * 1.2, away);
      const edge = 1 - smoothstep(0, 0.7, -distance);
      const density = depth * (1 - pallor * dent + 0.12 * edge + lit * u + 0.08 * (mottle(u, v) - 0.5));
      // Where two cells cross, the film is flattened: not twice the thickness.
      haemoglobin[i] += share * density * (haemoglobin[i] > 0.1 ? 0.5 : 1);
    },
    0.25,
  );
}
