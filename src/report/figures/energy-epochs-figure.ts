/** Energy of each epoch of training at 1 nJ a spike, as paper (a) reports it; a line for each spiking run. */
import type { FigureSource } from '../figure.ts';
import { joules } from '../format.ts';
import { legendColumns, rowNames } from '../text-width.ts';
import { categoryColours, categoryDashes } from '../theme.ts';
import type { EnergyRun } from './energy-figures.ts';

const WIDTH = 480;

/** Null where no run has two epochs or more. */
export function energyEpochsFigure(runs: readonly EnergyRun[]): FigureSource | null {
  const trained = runs.flatMap(({ name, energy }) => {
    const epochs = energy.spikes?.epochs;
    return epochs && epochs.epochs > 1 ? [{ name, epochs }] : [];
  });
  if (trained.length === 0) return null;
  const labels = rowNames(trained.map(({ name }) => name));
  const values = trained.flatMap(({ epochs }, r) =>
    epochs.each.map((energy, i) => ({ run: labels[r], epoch: i + 1, energy })),
  );
  const last = Math.max(...values.map(({ epoch }) => epoch));
  return {
    slug: 'energy-epochs',
    title: 'Energy of each training epoch at 1 nJ a spike',
    description: trained
      .map(
        ({ name, epochs: { epochs, mean, least, most, total } }) =>
          `${name}: ${epochs} epochs, ${joules(least)} to ${joules(most)}, mean ${joules(mean)}, ${joules(total)} in all.`,
      )
      .join(' '),
    spec: {
      data: { values },
      width: WIDTH,
      height: 190,
      mark: { type: 'line' },
      encoding: {
        x: {
          field: 'epoch',
          type: 'quantitative',
          scale: { domain: [1, last], nice: false },
          axis: { title: 'epoch', grid: false, tickMinStep: 1, format: 'd', tickCount: 8 },
        },
        y: {
          field: 'energy',
          type: 'quantitative',
          scale: { zero: true, nice: true },
          axis: { title: 'joules an epoch, 1 nJ a spike', tickCount: 5 },
        },
        color: {
          field: 'run',
          type: 'nominal',
          scale: categoryColours(labels),
          legend:
            labels.length === 1
              ? null
              : { orient: 'top', symbolType: 'stroke', columns: legendColumns(labels, WIDTH) },
        },
        strokeDash: {
          field: 'run',
          type: 'nominal',
          scale: categoryDashes(labels),
          ...(labels.length === 1 ? { legend: null } : {}),
        },
      },
    },
  };
}
