/**
 * How a run learnt: loss and accuracy of training and validation over the epochs, the epoch whose weights
 * were kept marked; and, for spiking networks, the firing rate of each layer.
 */

import type { StageRecord } from '../../train/record.ts';
import type { FigureSource } from '../figure.ts';
import { decimal, percent } from '../format.ts';
import { COLOURS, categoryColours, categoryDashes, FAINT_INK, PERCENT_AXIS } from '../theme.ts';
import type { PretrainingReport, RunReport } from '../types.ts';
import { flattenedFrom, lateTitle } from './late-epochs.ts';

const PANEL = { width: 340, height: 210 };
/** Whole epochs along the bottom. */
const EPOCH_AXIS = { title: 'epoch', grid: false, tickMinStep: 1, format: 'd', tickCount: 8 };

/** Loss and accuracy side by side. Needs one epoch or more. */
export function trainingCurves({ name, history, bestEpoch }: RunReport): FigureSource {
  const best = recordOf(history, bestEpoch);
  const rows = history.flatMap((record) => [
    {
      ...{ epoch: record.epoch, split: 'training' as const },
      ...{ loss: record.train_loss, accuracy: record.train_accuracy },
    },
    {
      ...{ epoch: record.epoch, split: 'validation' as const },
      ...{ loss: record.val_loss, accuracy: record.val_accuracy },
    },
  ]);
  const last = history[history.length - 1];
  return {
    slug: 'training-curves',
    title: `Training curves of ${name}`,
    description:
      `Loss and accuracy of training and validation over ${history.length} epochs. ` +
      `Last epoch: training loss ${decimal(last.train_loss, 3)}, validation loss ${decimal(last.val_loss, 3)}, ` +
      `validation accuracy ${percent(last.val_accuracy)}.` +
      (best ? ` Best epoch ${bestEpoch}: validation accuracy ${percent(best.val_accuracy)}.` : ''),
    spec: sideBySide(history, { epoch: bestEpoch, name: 'best epoch' }, rows, [
      { field: 'loss', title: 'loss (nats)', text: (loss) => decimal(loss, 3) },
      { field: 'accuracy', title: 'accuracy', axis: PERCENT_AXIS, text: percent },
    ]),
  };
}

/** Mean squared and mean absolute error of a pre-training side by side. Needs one epoch or more. */
export function pretrainingCurves(name: string, { history, epoch }: PretrainingReport): FigureSource {
  const rows = history.flatMap((record) => [
    {
      ...{ epoch: record.epoch, split: 'training' as const },
      ...{ squared: record.train_loss, absolute: record.train_mae },
    },
    {
      ...{ epoch: record.epoch, split: 'validation' as const },
      ...{ squared: record.val_loss, absolute: record.val_mae },
    },
  ]);
  const last = history[history.length - 1];
  return {
    slug: 'pretraining-curves',
    title: `Pre-training curves of ${name}`,
    description:
      `Mean squared and mean absolute error of pixels of training and validation over ${history.length} epochs of pre-training. ` +
      `Last epoch: validation mean squared error ${decimal(last.val_loss, 4)}, mean absolute error ${decimal(last.val_mae, 4)}.`,
    spec: sideBySide(history, { epoch, name: 'handed on, epoch' }, rows, [
      { field: 'squared', title: 'mean squared error', text: (error) => decimal(error, 4) },
      { field: 'absolute', title: 'mean absolute error', text: (error) => decimal(error, 4) },
    ]),
  };
}

interface Panel {
  readonly field: string;
  readonly title: string;
  readonly axis?: object;
  /** Of the value that stands beside the epoch that was kept. */
  readonly text: (value: number) => string;
}

/** A row of both splits for each epoch. */
interface CurveRow {
  readonly epoch: number;
  readonly split: 'training' | 'validation';
  readonly [quantity: string]: number | string;
}

/**
 * Panels of curves on training and on validation, the epoch whose weights were kept marked with what validation had there;
 * below, the later epochs enlarged where the first ones leave them no room.
 */
function sideBySide(
  history: readonly StageRecord[],
  kept: MarkedEpoch,
  rows: readonly CurveRow[],
  panels: readonly Panel[],
): FigureSource['spec'] {
  const marked = rows.find(({ epoch, split }) => epoch === kept.epoch && split === 'validation');
  const panel = ({ field, title, axis = {}, text }: Panel, i: number, from: number | null) => {
    const seen = from === null ? history : history.filter(({ epoch }) => epoch >= from);
    const isSeen = marked && seen.some(({ epoch }) => epoch === kept.epoch);
    const name = `${i === 0 ? `${kept.name} ${kept.epoch}: ` : ''}${marked ? text(Number(marked[field])) : ''}`;
    return {
      ...PANEL,
      ...(from === null ? {} : { title: lateTitle(from), transform: [{ filter: `datum.epoch >= ${from}` }] }),
      layer: [
        ...(isSeen ? epochMarks({ ...kept, name }, seen, from === null) : []),
        {
          mark: { type: 'line' as const, clip: true, point: history.length <= 2 },
          encoding: {
            ...curveAxes(field, title, axis, seen),
            color: {
              field: 'split',
              type: 'nominal' as const,
              scale: { domain: ['training', 'validation'], range: [COLOURS.blue, COLOURS.vermilion] },
              legend: { orient: 'top' as const, symbolType: 'stroke' },
            },
            strokeDash: {
              field: 'split',
              type: 'nominal' as const,
              scale: {
                domain: ['training', 'validation'],
                range: [
                  [5, 3],
                  [1, 0],
                ],
              },
            },
          },
        },
        ...(isSeen
          ? [
              {
                data: { values: [marked] },
                mark: { type: 'point' as const, size: 50, color: COLOURS.vermilion, stroke: '#FFFFFF' },
                encoding: curveAxes(field, title, axis, seen),
              },
            ]
          : []),
      ],
    };
  };
  const from = flattenedFrom(
    panels.map(({ field }) => rows.map((row) => ({ epoch: row.epoch, value: Number(row[field]) }))),
  );
  const line = (first: number | null) => ({ hconcat: panels.map((each, i) => panel(each, i, first)) });
  return {
    data: { values: [...rows] },
    vconcat: [line(null), ...(from === null ? [] : [line(from)])],
    spacing: 22,
    resolve: { scale: { color: 'shared', strokeDash: 'shared' } },
  };
}

/** Firing rates over the epochs, or null where the network has no neurons. */
export function firingRates(run: RunReport): FigureSource | null {
  const { history, bestEpoch } = run;
  const layers = [...new Set(history.flatMap((record) => Object.keys(record.rates ?? {})))];
  if (layers.length === 0) return null;
  const rows = history.flatMap((record) =>
    Object.entries(record.rates ?? {}).map(([layer, rate]) => ({ epoch: record.epoch, layer, rate })),
  );
  const last = history[history.length - 1].rates ?? {};
  return {
    slug: 'firing-rates',
    title: `Firing rates of ${run.name}`,
    description: `Mean spikes per neuron and step of each spiking layer over the epochs. Last epoch: ${layers
      .map((layer) => `${layer} ${last[layer] === undefined ? 'not recorded' : decimal(last[layer], 4)}`)
      .join(', ')}.`,
    spec: {
      data: { values: rows },
      width: 480,
      height: 190,
      layer: [
        ...(recordOf(history, bestEpoch)
          ? epochMarks({ epoch: bestEpoch, name: `best epoch ${bestEpoch}` }, history, true)
          : []),
        {
          mark: { type: 'line', point: history.length <= 2 },
          encoding: {
            x: { field: 'epoch', type: 'quantitative', scale: epochScale(history), axis: EPOCH_AXIS },
            y: {
              field: 'rate',
              type: 'quantitative',
              scale: { zero: true, nice: true },
              axis: { title: 'spikes per neuron and step', tickCount: 5 },
            },
            color: {
              field: 'layer',
              type: 'nominal',
              scale: categoryColours(layers),
              legend: { orient: 'right', symbolType: 'stroke' },
            },
            strokeDash: {
              field: 'layer',
              type: 'nominal',
              scale: categoryDashes(layers),
            },
          },
        },
      ],
    },
  };
}

/** Both axes of a curve over epochs. */
export function curveAxes(field: string, title: string, axis: object, history: readonly StageRecord[]) {
  const type = 'quantitative' as const;
  return {
    x: { field: 'epoch', type, scale: epochScale(history), axis: EPOCH_AXIS },
    y: { field, type, scale: { zero: false, nice: true }, axis: { title, tickCount: 6, ...axis } },
  };
}

/** From the first epoch to the last; a single epoch gets room on both sides. */
function epochScale(history: readonly StageRecord[]) {
  const first = Math.min(...history.map((record) => record.epoch));
  const last = Math.max(...history.map((record) => record.epoch));
  return { domain: first === last ? [first - 1, last + 1] : [first, last], nice: false, zero: false };
}

function recordOf<R extends StageRecord>(history: readonly R[], epoch: number): R | undefined {
  return history.find((record) => record.epoch === epoch);
}

interface MarkedEpoch {
  readonly epoch: number;
  /** What it is called. */
  readonly name: string;
}

/** A vertical line at an epoch, with its name above it, where it says it, inside the panel. */
function epochMarks({ epoch, name }: MarkedEpoch, history: readonly StageRecord[], named: boolean) {
  const data = { values: [{ epoch, text: name }] };
  const x = { field: 'epoch', type: 'quantitative' as const };
  const { domain } = epochScale(history);
  const at = (epoch - domain[0]) / (domain[1] - domain[0]);
  const rule = {
    data,
    mark: { type: 'rule' as const, strokeDash: [2, 3], color: FAINT_INK },
    encoding: { x },
  };
  const label = {
    data,
    mark: {
      type: 'text' as const,
      y: 0,
      align: at < 0.25 ? ('left' as const) : at > 0.75 ? ('right' as const) : ('center' as const),
      baseline: 'bottom' as const,
      dy: -3,
      color: FAINT_INK,
      fontSize: 10,
    },
    encoding: { x, text: { field: 'text' } },
  };
  return named ? [rule, label] : [rule];
}
