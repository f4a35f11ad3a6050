/** Ensembles within a study: what runs that are finished say together, as results beside those of the arms. */
import { SomaError } from '../errors.ts';
import { combine } from '../measure/ensemble.ts';
import { measure } from '../measure/metrics.ts';
import type { RunReport } from '../report/types.ts';
import type { ArmResult, SeedResult } from './analyse.ts';
import type { EnsembleArm } from './study.ts';

/**
 * The results of an ensemble: one for each seed that all its arms have, or one of all their runs. Throws a SomaError
 * where there are no two runs to vote, or they were not tested on the same images.
 */
export function ensembleRuns(ensemble: EnsembleArm, arms: readonly ArmResult[]): SeedResult[] {
  const voters = ensemble.of.map((name) => arms.find((arm) => arm.name === name)?.runs ?? []);
  if (ensemble.over === 'seeds') {
    const reports = voters.flat().map(({ report }) => report);
    return [{ seed: null, report: together(ensemble, reports) }];
  }
  const [first, ...others] = voters;
  const results = first.flatMap(({ seed, report }): SeedResult[] => {
    const same = others.flatMap((runs) => runs.find((run) => run.seed === seed)?.report ?? []);
    if (same.length < others.length) return [];
    return [{ seed, report: together(ensemble, [report, ...same]) }];
  });
  if (results.length === 0)
    throw new SomaError(
      `expected a seed that ${ensemble.of.join(', ')} all have been trained with, got none`,
    );
  return results;
}

function together({ title, name, vote }: EnsembleArm, voters: readonly RunReport[]): RunReport {
  const members = voters.flatMap((report) =>
    report.test ? [{ name: report.name, predictions: report.test.predictions }] : [],
  );
  if (members.length < 2)
    throw new SomaError(`expected two or more runs that have been tested, got ${members.length}`);
  const predictions = combine(members, vote);
  const sum = (of: (report: RunReport) => number) => voters.reduce((total, report) => total + of(report), 0);
  const { data, environment } = voters[0];
  return {
    name,
    system: { name: 'ensemble', title, paper: 'own' },
    data,
    config: { vote, members: members.map((member) => member.name) },
    environment,
    history: [],
    bestEpoch: 0,
    keptEpoch: 0,
    parameters: sum(({ parameters }) => parameters),
    sizes: {
      weightsBytes: sum(({ sizes }) => sizes.weightsBytes),
      fileBytes: sum(({ sizes }) => sizes.fileBytes),
      peakBytes: 0,
      residentBytes: 0,
    },
    test: { metrics: measure(predictions), predictions },
    warnings: [],
  };
}
