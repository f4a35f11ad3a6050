/**
 * How far the probability of an answer can be trusted: the reliability diagram (Guo et al., 2017) and risk against
 * coverage (Geifman & El-Yaniv, 2017), for one run or for several in the colours of the other figures.
 */
import { answersOf } from '../../measure/calibration.ts';
import type { Metrics } from '../../measure/metrics.ts';
import type { Predictions } from '../../measure/predictions.ts';
import { type RiskCoverage, riskCoverage } from '../../measure/risk-coverage.ts';
import { wilsonInterval } from '../../measure/wilson.ts';
import type { FigureSource } from '../figure.ts';
import { decimal, percent, whole } from '../format.ts';
import { legendColumns, rowNames } from '../text-width.ts';
import { categoryColours, categoryDashes, FAINT_INK, GRID, PERCENT_AXIS } from '../theme.ts';

const SIDE = 300;
/** Points nearer than this to the one before are left out: a third of a pixel. */
const RESOLUTION = 0.001;

export interface Tested {
  readonly name: string;
  readonly metrics: Metrics;
  readonly predictions: Predictions;
}

const axisOfShares = (title: string) => ({ title, tickCount: 5, grid: true, ...PERCENT_AXIS });

/** Share of right answers against their probability, and how many images have it. */
export function reliabilityFigure(systems: readonly Tested[]): FigureSource {
  const labels = rowNames(systems.map(({ name }) => name));
  const values = systems.flatMap(({ metrics }, s) =>
    metrics.reliability
      .filter(({ images }) => images > 0)
      .map((bin) => ({
        ...bin,
        ...wilsonInterval(Math.round((bin.accuracy ?? 0) * bin.images), bin.images),
        system: labels[s],
        middle: (bin.above + bin.upTo) / 2,
        share: bin.images / metrics.images,
      })),
  );
  const unit = { type: 'quantitative' as const, scale: { domain: [0, 1], nice: false } };
  const x = { ...unit, field: 'confidence', axis: { title: null, labels: false, tickCount: 5, grid: true } };
  const y = { ...unit, field: 'accuracy', axis: axisOfShares('right answers') };
  const color = colourOf(labels, SIDE);
  const single = systems.length === 1;
  const diagram = {
    width: SIDE,
    height: SIDE,
    view: { stroke: GRID },
    data: { values },
    layer: [
      {
        data: {
          values: [
            { confidence: 0, accuracy: 0 },
            { confidence: 1, accuracy: 1 },
          ],
        },
        mark: { type: 'line' as const, strokeDash: [3, 3], strokeWidth: 1, color: FAINT_INK },
        encoding: { x, y },
      },
      { mark: { type: 'line' as const }, encoding: { x, y, color, order: { field: 'confidence' } } },
      {
        mark: { type: 'rule' as const, strokeWidth: 1 },
        encoding: { x, y: { ...y, field: 'low' }, y2: { field: 'high' }, color },
      },
      { mark: { type: 'point' as const, size: 40 }, encoding: { x, y, color } },
    ],
  };
  const histogram = {
    width: SIDE,
    height: 70,
    data: { values },
    mark: single
      ? { type: 'bar' as const, binSpacing: 1 }
      : { type: 'line' as const, interpolate: 'step' as const, strokeWidth: 1.25 },
    encoding: {
      x: {
        ...unit,
        field: single ? 'above' : 'middle',
        ...(single && { bin: { binned: true } }),
        axis: axisOfShares('probability of the answer'),
      },
      ...(single && { x2: { field: 'upTo' } }),
      y: {
        field: 'share',
        type: 'quantitative' as const,
        scale: { type: 'sqrt' as const, domain: [0, 1], nice: false },
        axis: { title: 'images', values: [0.01, 0.1, 0.5, 1], grid: true, ...PERCENT_AXIS },
      },
      color,
    },
  };
  return {
    slug: 'reliability',
    title: 'Reliability diagram',
    description: systems
      .map(
        ({ name, metrics: { ece, mce, reliability } }) =>
          `${name}: expected calibration error ${percent(ece.value)}, maximal ${percent(mce.value)}; ${reliability
            .filter(({ images }) => images > 0)
            .map(
              ({ confidence, accuracy, images }) =>
                `${percent(confidence ?? 0, 0)} → ${percent(accuracy ?? 0, 0)} of ${whole(images)}`,
            )
            .join(', ')}.`,
      )
      .join(' '),
    spec: { vconcat: [diagram, histogram], spacing: 8, resolve: { scale: { color: 'shared' } } },
  };
}

/** Share of wrong answers if only the surest are given. */
export function riskCoverageFigure(systems: readonly Tested[]): FigureSource {
  const labels = rowNames(systems.map(({ name }) => name));
  const curves = systems.map(({ predictions }) => riskCoverage(answersOf(predictions)));
  const values = curves.flatMap((curve, s) =>
    thinned(curve).map(([coverage, risk]) => ({ system: labels[s], coverage, risk })),
  );
  return {
    slug: 'risk-coverage',
    title: 'Risk against coverage',
    description: systems
      .map(({ name, metrics }, s) => {
        const at = [0.8, 0.9, 1].map((share) => {
          const { coverage, risk } = curves[s];
          return `${percent(risk[coverage.findIndex((each) => each >= share)])} at ${percent(share, 0)}`;
        });
        return `${name}: wrong answers ${at.join(', ')} coverage; area under the curve ${decimal(metrics.aurc.value, 4)}.`;
      })
      .join(' '),
    spec: {
      data: { values },
      width: 420,
      height: 240,
      mark: { type: 'line', interpolate: 'step-before', strokeWidth: 1.5 },
      encoding: {
        x: {
          field: 'coverage',
          type: 'quantitative',
          scale: { domain: [0, 1], nice: false },
          axis: axisOfShares('images that are answered, the surest first'),
        },
        y: { field: 'risk', type: 'quantitative', axis: axisOfShares('wrong answers among them') },
        color: colourOf(labels, 420),
        strokeDash: {
          field: 'system',
          type: 'nominal',
          scale: categoryDashes(labels),
          // One legend for both where there is one.
          ...(labels.length === 1 ? { legend: null } : {}),
        },
      },
    },
  };
}

/** A legend only where there is something to tell apart. */
function colourOf(labels: readonly string[], width: number) {
  return {
    field: 'system',
    type: 'nominal' as const,
    scale: categoryColours(labels),
    legend:
      labels.length === 1
        ? null
        : { orient: 'top' as const, columns: legendColumns(labels, width), symbolType: 'stroke' },
  };
}

/** The points of a curve that can be told apart in the figure, first and last included. */
function thinned({ coverage, risk }: RiskCoverage): [number, number][] {
  const points: [number, number][] = [];
  coverage.forEach((x, i) => {
    const last = points.at(-1);
    const near = last && Math.abs(x - last[0]) < RESOLUTION && Math.abs(risk[i] - last[1]) < RESOLUTION / 10;
    if (!near || i === coverage.length - 1) points.push([x, risk[i]]);
  });
  return points;
}
