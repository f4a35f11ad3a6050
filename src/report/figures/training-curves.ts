/**
 * How a run learnt: loss and accuracy of training and validation over the epochs, the epoch whose weights
 * were kept marked; and, for spiking networks, the firing rate of each layer.
 */

import type { StageRecord } from '../../train/record.ts';
import type { FigureSource } from '../figure.ts';
import { decimal, percent } from '../format.ts';
import { COLOURS, categoryColours, categoryDashes, FAINT_INK, PERCENT_LABEL } from '../theme.ts';
import type { PretrainingReport, RunReport } from '../types.ts';

const PANEL = { width: 340, height: 210 };
/** Whole epochs along the bottom. */
const EPOCH_AXIS = { title: 'epoch', grid: false, tickMinStep: 1, format: 'd', tickCount: 8 };

/** Loss and accuracy side by side. Needs one epoch or more. */
export function trainingCurves({ name, history, bestEpoch }: RunReport): FigureSource {
  const best = recordOf(history, bestEpoch);
  const rows = history.flatMap((record) => [
    { epoch: record.epoch, split: 'training', loss: record.train_loss, accuracy: record.train_accuracy },
    { epoch: record.epoch, split: 'validation', loss: record.val_loss, accuracy: record.val_accuracy },
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
      { field: 'loss', title: 'loss (nats)' },
      { field: 'accuracy', title: 'accuracy', axis: { labelExpr: PERCENT_LABEL } },
    ]),
  };
}

/** Mean squared and mean absolute error of a pre-training side by side. Needs one epoch or more. */
export function pretrainingCurves(name: string, { history, epoch }: PretrainingReport): FigureSource {
  const rows = history.flatMap((record) => [
    { epoch: record.epoch, split: 'training', squared: record.train_loss, absolute: record.train_mae },
    { epoch: record.epoch, split: 'validation', squared: record.val_loss, absolute: record.val_mae },
  ]);
  const last = history[history.length - 1];
  return {
    slug: 'pretraining-curves',
    title: `Pre-training curves of ${name}`,
    description:
      `Mean squared and mean absolute error of pixels of training and validation over ${history.length} epochs of pre-training. ` +
      `Last epoch: validation mean squared error ${decimal(last.val_loss, 4)}, mean absolute error ${decimal(last.val_mae, 4)}.`,
    spec: sideBySide(history, { epoch, name: 'handed on: epoch' }, rows, [
      { field: 'squared', title: 'mean squared error' },
      { field: 'absolute', title: 'mean absolute error' },
    ]),
  };
}

interface Panel {
  readonly field: string;
  readonly title: string;
  readonly axis?: object;
}

/** Panels of curves on training and on validation, the epoch whose weights were kept marked. */
function sideBySide(
  history: readonly StageRecord[],
  kept: MarkedEpoch,
  rows: readonly object[],
  panels: readonly Panel[],
): FigureSource['spec'] {
  const panel = ({ field, title, axis = {} }: Panel, i: number) => ({
    ...PANEL,
    layer: [
      ...(recordOf(history, kept.epoch) ? epochMarks(kept, i === 0) : []),
      {
        mark: { type: 'line' as const, clip: true, point: history.length <= 2 },
        encoding: {
          ...curveAxes(field, title, axis, history),
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
    ],
  });
  return {
    data: { values: [...rows] },
    hconcat: panels.map(panel),
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
        ...(recordOf(history, bestEpoch) ? epochMarks({ epoch: bestEpoch, name: 'best epoch' }, true) : []),
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
  /** What stands before its number. */
  readonly name: string;
}

/** A vertical line at an epoch, with its name above it in the panel that says so. */
function epochMarks({ epoch, name }: MarkedEpoch, named: boolean) {
  const data = { values: [{ epoch, text: `${name} ${epoch}` }] };
  const x = { field: 'epoch', type: 'quantitative' as const };
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
      baseline: 'bottom' as const,
      dy: -3,
      color: FAINT_INK,
      fontSize: 10,
    },
    encoding: { x, text: { field: 'text' } },
  };
  return named ? [rule, label] : [rule];
}
