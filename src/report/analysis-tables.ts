/** What analyses of runs found, as tables for other programs: those of the commands, each under its command's name. */
import { measuredAlike } from './analysis-sections.ts';
import { commonRobustness } from './common-robustness.ts';
import { latencyTable, sizeTable } from './latency.ts';
import { energyTables, explainTables, spikesTables } from './measured-tables.ts';
import { robustnessTables } from './result-tables.ts';
import type { NamedRun } from './setup-sections.ts';
import type { ResultTable } from './tables.ts';

/** Of several runs those that were measured alike, as in their comparison. */
export function analysisTables(runs: readonly NamedRun[]): ResultTable[] {
  const benched = runs.flatMap(({ name, run: { latency } }) => (latency ? [{ name, bench: latency }] : []));
  const spiking = measuredAlike('spikes', runs).map(({ name, found: { spikes } }) => ({ name, spikes }));
  const energies = measuredAlike('energy', runs).map(({ name, found: { energy } }) => ({ name, energy }));
  const faithful = measuredAlike('faithfulness', runs).map(({ name, found: { result } }) => ({
    name,
    result,
  }));
  const robust = commonRobustness(measuredAlike('robustness', runs));
  const of = (command: string, tables: readonly ResultTable[]) =>
    tables
      .filter(({ rows }) => rows.length > 0)
      .map((table) => ({ ...table, name: `${command}-${table.name}` }));
  return [
    ...of('bench', [latencyTable(benched), sizeTable(benched)]),
    ...of('robustness', robustnessTables(robust)),
    ...of('spikes', spikesTables(spiking)),
    ...of('energy', energyTables(energies)),
    ...of('explain', explainTables([], faithful, [])),
  ];
}
