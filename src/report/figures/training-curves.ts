/**
 * How a run learnt: loss and accuracy of training and validation over the epochs, the epoch whose weights
 * were kept marked; and, for spiking networks, the firing rate of each layer.
 */

import type { EpochRecord } from '../../train/record.ts';
import type { FigureSource } from '../figure.ts';
import { decimal, percent } from '../format.ts';
import { COLOURS, categoryColour, categoryDash, FAINT_INK, PERCENT_LABEL } from '../theme.ts';
import type { RunReport } from '../types.ts';

const PANEL = { width: 340, height: 210 };
/** Whole epochs along the bottom. */
const EPOCH_AXIS = { title: 'epoch', grid: false, tickMinStep: 1, format: 'd', tickCount: 8 };

/** Loss and accuracy side by side. Needs one epoch or more. */
export function trainingCurves(run: RunReport): FigureSource {
  const { history, bestEpoch } = run;
  const best = recordOf(history, bestEpoch);
  const rows = history.flatMap((record) => [
    { epoch: record.epoch, split: 'training', loss: record.train_loss, accuracy: record.train_accuracy },
    { epoch: record.epoch, split: 'validation', loss: record.val_loss, accuracy: record.val_accuracy },
  ]);
  const last = history[history.length - 1];
  const panel = (field: 'loss' | 'accuracy', title: string, axis: object) => ({
    ...PANEL,
    layer: [
      ...(best ? bestEpochMarks(bestEpoch, field === 'loss') : []),
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
    slug: 'training-curves',
    title: `Training curves of ${run.name}`,
    description:
      `Loss and accuracy of training and validation over ${history.length} epochs. ` +
      `Last epoch: training loss ${decimal(last.train_loss, 3)}, validation loss ${decimal(last.val_loss, 3)}, ` +
      `validation accuracy ${percent(last.val_accuracy)}.` +
      (best ? ` Best epoch ${bestEpoch}: validation accuracy ${percent(best.val_accuracy)}.` : ''),
    spec: {
      data: { values: rows },
      hconcat: [
        panel('loss', 'loss (nats)', {}),
        panel('accuracy', 'accuracy', { labelExpr: PERCENT_LABEL }),
      ],
      resolve: { scale: { color: 'shared', strokeDash: 'shared' } },
    },
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
        ...(recordOf(history, bestEpoch) ? bestEpochMarks(bestEpoch, true) : []),
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
              scale: { domain: layers, range: layers.map((_, index) => categoryColour(index)) },
              legend: { orient: 'right', symbolType: 'stroke' },
            },
            strokeDash: {
              field: 'layer',
              type: 'nominal',
              scale: { domain: layers, range: layers.map((_, index) => categoryDash(index)) },
            },
          },
        },
      ],
    },
  };
}

/** Both axes of a curve over epochs. */
export function curveAxes(field: string, title: string, axis: object, history: readonly EpochRecord[]) {
  const type = 'quantitative' as const;
  return {
    x: { field: 'epoch', type, scale: epochScale(history), axis: EPOCH_AXIS },
    y: { field, type, scale: { zero: false, nice: true }, axis: { title, tickCount: 6, ...axis } },
  };
}

/** From the first epoch to the last; a single epoch gets room on both sides. */
function epochScale(history: readonly EpochRecord[]) {
  const first = Math.min(...history.map((record) => record.epoch));
  const last = Math.max(...history.map((record) => record.epoch));
  return { domain: first === last ? [first - 1, last + 1] : [first, last], nice: false, zero: false };
}

function recordOf(history: readonly EpochRecord[], epoch: number): EpochRecord | undefined {
  return history.find((record) => record.epoch === epoch);
}

/** A vertical line at the best epoch, with its name above it in the panel that says so. */
function bestEpochMarks(bestEpoch: number, named: boolean) {
  const data = { values: [{ epoch: bestEpoch, text: `best epoch ${bestEpoch}` }] };
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
