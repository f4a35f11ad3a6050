/**
 * One image of the synthetic smear: a blood cell of the wanted type in the middle, red cells and a stray
 * platelet round it, as May-Grünwald-Giemsa stains them and an analyser photographs them. The field is
 * 21 µm wide (`FIELD_UM`), as a BloodMNIST image is. Everything random comes from the generator that is passed
 * in and none of it depends on the image's size, so the same generator state draws the same cell at any size.
 */
import { mismatch } from '../../errors.ts';
import type { Random } from '../../random.ts';
import { paintRedCells } from './background.ts';
import { type Cell, paintCell } from './cell.ts';
import { planErythroblast } from './cells/erythroblast.ts';
import { planBasophil, planEosinophil, planNeutrophil } from './cells/granulocytes.ts';
import { planImmatureGranulocyte } from './cells/immature.ts';
import { planLymphocyte, planMonocyte } from './cells/mononuclear.ts';
import { planPlatelet } from './cells/platelet.ts';
import { SMEAR_CLASSES, type SmearClass } from './classes.ts';
import { covered, emptyField, FIELD_UM, type Field, type Pose } from './field.ts';
import { develop, drawSlide } from './stain.ts';

const PLANNERS: Readonly<Record<SmearClass, (rng: Random) => Cell>> = {
  basophil: planBasophil,
  eosinophil: planEosinophil,
  erythroblast: planErythroblast,
  ig: planImmatureGranulocyte,
  lymphocyte: planLymphocyte,
  monocyte: planMonocyte,
  neutrophil: planNeutrophil,
  platelet: planPlatelet,
};

/** Image sizes that can be drawn, in pixels a side. */
export const SMEAR_SIZES = { smallest: 16, largest: 256 } as const;

export interface DrawOptions {
  /**
   * How far stain, light, focus, noise and neighbours vary, in [0, 1]: 0 is a tidy textbook plate, 0.5 (default)
   * a routine laboratory, 1 several laboratories mixed.
   */
  difficulty?: number;
}

export interface DrawnCell {
  /** u8 [size, size, 3], RGB. */
  image: Uint8Array;
  /** u8 [size, size], 1 on the nucleus (of a platelet: on the granulomere) and 0 elsewhere. */
  nucleusMask: Uint8Array;
  /** u8 [size, size], 1 on the whole cell; holds the nucleus mask. */
  cellMask: Uint8Array;
}

/**
 * Draws one cell.
 * @param size pixels a side, 16 to 256
 * @param rng where all variation comes from; draw each image from a stream of its own
 * @throws SomaError if the class is unknown, or size or difficulty are out of range
 */
export function drawCell(cls: SmearClass, size: number, rng: Random, options: DrawOptions = {}): DrawnCell {
  const variation = 2 * checkDrawing(cls, size, options.difficulty ?? 0.5);
  const slide = drawSlide(rng, variation);
  const scale = Math.exp(0.07 * variation * rng.normal());
  const cell = PLANNERS[cls](rng);
  const pose: Pose = {
    x: FIELD_UM / 2 + 0.9 * variation * rng.normal(),
    y: FIELD_UM / 2 + 0.9 * variation * rng.normal(),
    angle: rng.uniform(0, 2 * Math.PI),
    scale,
  };
  const field = emptyField(size);
  paintRedCells(field, { x: pose.x, y: pose.y, radius: cell.outline.reach * scale * 0.95 }, rng);
  paintNeighbours(field, pose, cell, variation, rng);
  paintCell(field, cell, pose, rng, true);
  return {
    image: develop(field, slide),
    nucleusMask: covered(field, field.nucleus),
    cellMask: covered(field, field.cell),
  };
}

function checkDrawing(cls: string, size: number, difficulty: number): number {
  if (!SMEAR_CLASSES.some((known) => known === cls)) {
    throw mismatch('drawCell()', `a class of ${SMEAR_CLASSES.join(', ')}`, cls);
  }
  const { smallest, largest } = SMEAR_SIZES;
  if (!Number.isInteger(size) || size < smallest || size > largest) {
    throw mismatch('drawCell()', `a size of ${smallest} to ${largest} pixels`, size);
  }
  if (!(difficulty >= 0 && difficulty <= 1))
    throw mismatch('drawCell()', 'a difficulty of 0 to 1', difficulty);
  return difficulty;
}

/** Now and then a platelet near by, or part of another white cell at the border. */
function paintNeighbours(field: Field, pose: Pose, cell: Cell, variation: number, rng: Random): void {
  const clear = cell.outline.reach * pose.scale;
  const place = (reach: number): Pose => {
    const direction = rng.uniform(0, 2 * Math.PI);
    const away = Math.max(clear + reach, rng.uniform(0.4, 0.65) * FIELD_UM);
    return {
      x: pose.x + Math.cos(direction) * away,
      y: pose.y + Math.sin(direction) * away,
      angle: rng.uniform(0, 2 * Math.PI),
      scale: pose.scale,
    };
  };
  if (rng.uniform() < 0.16 * variation) {
    const platelet = planPlatelet(rng);
    const small = place(0.6 * platelet.outline.reach);
    small.scale *= 0.6;
    paintCell(field, platelet, small, rng);
  }
  if (rng.uniform() < 0.06 * variation) {
    const other = PLANNERS[SMEAR_CLASSES[rng.int(SMEAR_CLASSES.length)]](rng);
    paintCell(field, other, place(other.outline.reach), rng);
  }
}
