/** What analyses of a run found, as tables for other programs: those of the commands, each under its command's name. */
import { latencyTable, sizeTable } from './latency.ts';
import { energyTables, explainTables, spikesTables } from './measured-tables.ts';
import { robustnessTables } from './result-tables.ts';
import type { ResultTable } from './tables.ts';
import type { RunReport } from './types.ts';

export function analysisTables({ name, analyses = {}, latency }: RunReport): ResultTable[] {
  const { spikes, energy, robustness, faithfulness } = analyses;
  const of = (command: string, tables: readonly ResultTable[]) =>
    tables.map((table) => ({ ...table, name: `${command}-${table.name}` }));
  return [
    ...(latency
      ? of(
          'bench',
          [latencyTable, sizeTable].map((table) => table([{ name, bench: latency }])),
        )
      : []),
    ...(robustness ? of('robustness', robustnessTables([{ name, result: robustness.result }])) : []),
    ...(spikes ? of('spikes', spikesTables([{ name, spikes: spikes.spikes }])) : []),
    ...(energy ? of('energy', energyTables([{ name, energy: energy.energy }])) : []),
    ...(faithfulness
      ? of('explain', explainTables([], [{ name, result: faithfulness.result }], [])).filter(
          ({ rows }) => rows.length > 0,
        )
      : []),
  ];
}
