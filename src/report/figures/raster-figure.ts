/**
 * For some images the steps in which the neuron of each class fires, and beside it how its spikes add up: paper (a),
 * figure 3. The class with the most spikes in the end wins.
 */
import type { OutputRaster } from '../../measure/spikes.ts';
import type { FigureSource } from '../figure.ts';
import { shortNames } from '../text-width.ts';
import { COLOURS, GRID } from '../theme.ts';

export interface RasterImage {
  readonly name: string;
  readonly label: number;
  /** By the probabilities of the network. */
  readonly predicted: number;
  /** Of the classes' neurons. */
  readonly raster: OutputRaster;
}

/** Classes with a row: of more, those with the most spikes, and the true one. */
const MOST_ROWS = 20;
const ROW = 20;

const ROLES = {
  'true class and winner': COLOURS.blue,
  'true class': COLOURS.green,
  winner: COLOURS.vermilion,
  'other classes': COLOURS.grey,
} as const;
type Role = keyof typeof ROLES;

function roleOf(k: number, { label, predicted }: RasterImage): Role {
  if (k === label) return k === predicted ? 'true class and winner' : 'true class';
  return k === predicted ? 'winner' : 'other classes';
}

export function rasterFigure(
  slug: string,
  name: string,
  classes: readonly string[],
  images: readonly RasterImage[],
): FigureSource {
  const roles = (Object.keys(ROLES) as Role[]).filter((role) =>
    images.some((image) => classes.some((_, k) => roleOf(k, image) === role)),
  );
  return {
    slug,
    title: `Output spikes of ${name}`,
    description: images.map((image) => inWords(image, classes)).join(' '),
    spec: {
      vconcat: images.map((image) => panels(image, classes, colourOf(roles))),
      spacing: 30,
    },
  };
}

function inWords(image: RasterImage, classes: readonly string[]): string {
  const { fires, decided } = image.raster;
  const ahead = decided === null ? '' : `, which is ahead from step ${decided} on`;
  const counts = classes.map((each, k) => `${each} ${fires[k].length}`).join(', ');
  return `${image.name}, ${classes[image.label]}, taken for ${classes[image.predicted]}${ahead}: ${counts} spikes.`;
}

function colourOf(roles: readonly Role[]) {
  return {
    field: 'role',
    type: 'nominal' as const,
    scale: { domain: [...roles], range: roles.map((role) => ROLES[role]) },
    legend: { orient: 'top' as const, symbolType: 'stroke' as const, symbolOpacity: 1 },
  };
}

function stepAxis(steps: number, from: number) {
  const values = Array.from({ length: steps }, (_, t) => t + 1);
  return {
    field: 'step',
    type: 'quantitative' as const,
    scale: { domain: [from, steps + 0.5], nice: false },
    axis: { title: 'time step', format: 'd', grid: false, ...(steps <= 12 ? { values } : {}) },
  };
}

function panels(image: RasterImage, classes: readonly string[], color: ReturnType<typeof colourOf>) {
  const { raster } = image;
  const labels = shortNames(classes, 22);
  const rows = rowsOf(image, raster);
  const height = Math.max(120, rows.length * ROW);
  const { label, predicted } = image;
  const outcome = label === predicted ? 'recognised' : `taken for ${classes[predicted]}`;
  const title = { text: `${image.name}: ${classes[label]}, ${outcome}`, fontSize: 12 };
  return {
    title: { ...title, fontWeight: 'normal' as const },
    hconcat: [
      ticks(image, raster, labels, rows, height, color),
      curves(image, raster, labels, height, color),
    ],
    spacing: 40,
  };
}

function rowsOf({ label }: RasterImage, { fires }: OutputRaster): number[] {
  const all = fires.map((_, k) => k);
  if (all.length <= MOST_ROWS) return all;
  const rank = (k: number) => (k === label ? Number.POSITIVE_INFINITY : fires[k].length);
  return [...all]
    .sort((a, b) => rank(b) - rank(a) || a - b)
    .slice(0, MOST_ROWS)
    .sort((a, b) => a - b);
}

function ticks(
  image: RasterImage,
  { fires, counts }: OutputRaster,
  labels: readonly string[],
  rows: readonly number[],
  height: number,
  color: ReturnType<typeof colourOf>,
) {
  const domain = rows.map((k) => labels[k]);
  return {
    width: 300,
    height,
    data: {
      values: rows.flatMap((k) =>
        fires[k].map((step) => ({ class: labels[k], step, role: roleOf(k, image) })),
      ),
    },
    layer: [
      {
        data: { values: domain.map((each) => ({ class: each })) },
        mark: { type: 'rule' as const, color: GRID },
        encoding: { y: { field: 'class', type: 'nominal' as const } },
      },
      {
        mark: { type: 'tick' as const, orient: 'vertical' as const, thickness: 3, height: 14, opacity: 1 },
        encoding: { x: stepAxis(counts[0].length, 0.5), color },
      },
    ],
    encoding: {
      y: {
        field: 'class',
        type: 'nominal' as const,
        scale: { domain },
        axis: { title: null, ticks: false, domain: false },
      },
    },
  };
}

function curves(
  image: RasterImage,
  { counts }: OutputRaster,
  labels: readonly string[],
  height: number,
  color: ReturnType<typeof colourOf>,
) {
  const steps = counts[0].length;
  const last = steps + 0.5;
  const { label, predicted } = image;
  // What comes last lies on top.
  const order = [...counts.keys()].filter((k) => k !== label && k !== predicted);
  const rows = [...order, ...new Set([label, predicted])].flatMap((k) => {
    const sums = counts[k];
    const at = { class: labels[k], role: roleOf(k, image) };
    // The last count goes on for half a step, so that a spike in the last step is seen.
    const points = [{ step: 0, count: 0 }, ...sums.map((count, t) => ({ step: t + 1, count }))];
    return [...points, { step: last, count: sums[steps - 1] }].map((point) => ({ ...at, ...point }));
  });
  const x = stepAxis(steps, 0);
  const most = Math.max(1, ...rows.map(({ count }) => count));
  return {
    width: 260,
    height,
    layer: [
      {
        data: { values: rows },
        mark: { type: 'line' as const, interpolate: 'step-after' as const },
        encoding: {
          x,
          y: {
            field: 'count',
            type: 'quantitative' as const,
            scale: { domain: [0, most], nice: false },
            axis: { title: 'spikes so far', tickMinStep: 1, tickCount: 5, format: 'd' },
          },
          color,
          detail: { field: 'class' },
        },
      },
      {
        data: { values: endNames(image, counts, labels) },
        mark: { type: 'text' as const, align: 'left' as const, dx: 6, fontSize: 11 },
        encoding: {
          x,
          y: { field: 'count', type: 'quantitative' as const },
          text: { field: 'text' },
          color,
        },
      },
    ],
  };
}

/** Names of the true class and of the winner at the ends of their curves; together where these meet. */
function endNames(image: RasterImage, counts: OutputRaster['counts'], labels: readonly string[]) {
  const step = counts[0].length + 0.5;
  const shown = [...new Set([image.predicted, image.label])].map((k) => ({
    step,
    text: labels[k],
    count: counts[k][counts[k].length - 1],
    role: roleOf(k, image),
  }));
  const [winner, truth] = shown;
  if (truth?.count !== winner.count) return shown;
  return [{ ...winner, text: `${winner.text}, ${truth.text}` }];
}
