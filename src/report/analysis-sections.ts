/**
 * The sections of what was measured of a run, or of several, where those that were measured alike stand side by side. What has
 * not been measured is named with the command that would.
 */
import type { Analyses, AnalysisName } from './analyses.ts';
import type { Figure, FigureSource } from './figure.ts';
import { type HtmlValue, html } from './html.ts';
import { type Analysed, SECTIONS, type Section } from './sections.ts';
import type { NamedRun } from './setup-sections.ts';

const NAMES = Object.keys(SECTIONS) as AnalysisName[];

/** A run alone, or several under the names that they have in this report. */
type Runs = readonly NamedRun[];

interface Sorted<Name extends AnalysisName> {
  /** Measured alike; empty where there is nothing to show. */
  readonly shown: readonly (Analysed<Name> & { readonly run: NamedRun })[];
  readonly otherwise: readonly Analysed<Name>[];
  readonly missing: Runs;
}

function sort<Name extends AnalysisName>(name: Name, section: Section<Name>, runs: Runs): Sorted<Name> {
  const possible = runs.filter((run) => run.run.analyses !== undefined && (section.applies?.(run) ?? true));
  if (runs.length > 1 && !section.compared) return { shown: [], otherwise: [], missing: [] };
  const found = possible.flatMap((run) => {
    const own = run.run.analyses?.[name];
    return own ? [{ name: run.name, run, found: own as NonNullable<Analyses[Name]> }] : [];
  });
  const key = (of: NonNullable<Analyses[Name]>) => JSON.stringify(section.same(of));
  const shown = found.filter((each) => key(each.found) === key(found[0].found));
  return {
    shown,
    otherwise: found.filter((each) => !shown.includes(each)),
    missing: possible.filter((run) => !found.some((each) => each.run === run)),
  };
}

/** Runs that were measured alike by an analysis; of several, as the first of them that was measured. */
export function measuredAlike<Name extends AnalysisName>(name: Name, runs: Runs): readonly Analysed<Name>[] {
  const section: Section<Name> = SECTIONS[name];
  return sort(name, section, runs).shown;
}

/** What figures of analyses are drawn from. */
export function analysisSources(runs: Runs): FigureSource[] {
  const of = <Name extends AnalysisName>(name: Name) => {
    const section: Section<Name> = SECTIONS[name];
    const { shown } = sort(name, section, runs);
    return shown.length > 0 ? section.sources(shown) : [];
  };
  return NAMES.flatMap((name) => of(name));
}

/** A section for each analysis, and one for what is missing. */
export function analysisSections(runs: Runs, figure: (slug: string) => Figure | undefined): HtmlValue {
  const of = <Name extends AnalysisName>(name: Name): HtmlValue => {
    const section: Section<Name> = SECTIONS[name];
    const { shown, otherwise } = sort(name, section, runs);
    if (shown.length === 0) return null;
    const abouts = [...new Set(shown.map(({ found }) => section.about(found)))].map((about) => {
      const those = shown.filter(({ found }) => section.about(found) === about);
      return runs.length > 1 ? `${namesOf(those)}: ${about}` : about;
    });
    const command = section.command(shown.map(({ run }) => pathOf(run)));
    return html`<section id="analysis-${name}"><h2>${section.title}</h2>
<p class="lead">${abouts.join('. ')}. All of it: <code>${command}</code></p>
${section.body(shown, figure)}
${
  otherwise.length > 0 &&
  html`<p>Measured otherwise, and so not set beside these: ${otherwise
    .map((each) => `${each.name} (${section.about(each.found)})`)
    .join('; ')}.</p>`
}</section>
`;
  };
  return [NAMES.map((name) => of(name)), missingSection(runs)];
}

function missingSection(runs: Runs): HtmlValue {
  const of = <Name extends AnalysisName>(name: Name) => {
    const section: Section<Name> = SECTIONS[name];
    const { what, command, oneByOne } = section;
    const { missing } = sort(name, section, runs);
    const paths = missing.map(pathOf);
    const commands = oneByOne ? paths.map((path) => command([path])) : [command(paths)];
    return missing.length > 0 ? [{ what, commands, missing }] : [];
  };
  const unbenched = runs.filter(({ run }) => run.analyses !== undefined && run.latency === undefined);
  const bench = {
    what: 'Latency, throughput and size',
    commands: [['soma bench', ...unbenched.map(pathOf)].join(' ')],
    missing: unbenched,
  };
  const lines = [...NAMES.flatMap((name) => of(name)), ...(unbenched.length > 0 ? [bench] : [])];
  if (lines.length === 0) return null;
  return html`<section id="missing"><h2>Not measured yet</h2>
<ul>${lines.map(
    ({ what, commands, missing }) =>
      html`<li>${what}${runs.length > missing.length && ` (${namesOf(missing)})`}: ${commands.map(
        (command, i) => html`${i > 0 && ', '}<code>${command}</code>`,
      )}</li>\n`,
  )}</ul></section>
`;
}

/** The folder of a run, as a shell takes it. */
function pathOf({ run: { path, name } }: NamedRun): string {
  const folder = path ?? name;
  return /^[\w./@%+:,=-]+$/.test(folder) ? folder : `'${folder.replaceAll("'", "'\\''")}'`;
}

function namesOf(runs: readonly { readonly name: string }[]): string {
  return runs.map(({ name }) => name).join(', ');
}
