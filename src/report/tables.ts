/**
 * Results as tables for other programs: each is written down once, as columns over rows, and comes out as Markdown for
 * documents, as CSV for spreadsheets and statistics, or as JSON. Markdown has figures as people read them; CSV and JSON have
 * them in full, shares from 0 to 1, and an interval in columns or fields of its own.
 */
import { formatCsv } from '../csv.ts';
import { writeAside } from '../files.ts';
import { NONE, percentInterval } from './format.ts';

export const FORMATS = ['md', 'json', 'csv'] as const;
export type Format = (typeof FORMATS)[number];

interface Interval {
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

type Plain = string | number | boolean | null;

export interface TableColumn<Row> {
  /** In CSV and JSON. */
  readonly name: string;
  /** In Markdown. */
  readonly title: string;
  readonly isInterval: boolean;
  value(row: Row): Plain | Interval;
  /** As people read it. */
  text(row: Row): string;
}

/** A table whose rows are of any kind. */
export interface ResultTable {
  /** In file names and JSON, e.g. `classes`. */
  readonly name: string;
  readonly caption: string;
  readonly columns: readonly Pick<TableColumn<never>, 'name' | 'title' | 'isInterval'>[];
  readonly rows: readonly (readonly { readonly value: Plain | Interval; readonly text: string }[])[];
}

export function resultTable<Row>(
  name: string,
  caption: string,
  rows: readonly Row[],
  columns: readonly TableColumn<Row>[],
): ResultTable {
  const cells = rows.map((row) =>
    columns.map((column) => ({ value: column.value(row), text: column.text(row) })),
  );
  return { name, caption, columns, rows: cells };
}

/** A column of single values; `show` is asked only for what is there. */
export function plain<Row, Value extends Plain>(
  name: string,
  title: string,
  value: (row: Row) => Value,
  show: (value: NonNullable<Value>) => string = String,
): TableColumn<Row> {
  return {
    ...{ name, title, isInterval: false, value },
    text: (row) => {
      const own = value(row);
      return own === null || own === undefined ? NONE : show(own);
    },
  };
}

/** A column of figures with intervals: shares, in per cent for people, unless `show` says otherwise. */
export function interval<Row>(
  name: string,
  title: string,
  value: (row: Row) => Interval | null,
  show: (value: Interval) => string = percentInterval,
): TableColumn<Row> {
  return {
    ...{ name, title, isInterval: true, value },
    text: (row) => {
      const own = value(row);
      return own === null ? NONE : show(own);
    },
  };
}

/** Header and rows as people read them. */
export function tableTexts({ columns, rows }: ResultTable): string[][] {
  return [columns.map(({ title }) => title), ...rows.map((cells) => cells.map(({ text }) => text))];
}

/** A table alone, without its caption. */
export function tableMarkdown(table: ResultTable): string {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|').replaceAll(/\s*\n\s*/g, ' ')).join(' | ')} |`;
  const [header, ...rows] = tableTexts(table);
  return [line(header), line(header.map(() => '---')), ...rows.map(line)].join('\n');
}

/** All tables with their captions below a heading. */
export function tablesMarkdown(title: string, tables: readonly ResultTable[]): string {
  const parts = tables
    .filter(({ rows }) => rows.length > 0)
    .flatMap((table) => [table.caption, tableMarkdown(table)]);
  return `${[`# ${title}`, ...parts].join('\n\n')}\n`;
}

/** One table, an interval in three columns: `f1`, `f1_low`, `f1_high`. What is not there is empty. */
export function tableCsv({ columns, rows }: ResultTable): string {
  const header = columns.flatMap(({ name, isInterval }) =>
    isInterval ? [name, `${name}_low`, `${name}_high`] : [name],
  );
  const lines = rows.map((cells) =>
    cells.flatMap(({ value }, i) => {
      const parts = isInterval(value) ? [value.value, value.low, value.high] : [value];
      const missing = columns[i].isInterval && value === null ? [null, null] : [];
      return [...parts, ...missing].map((part) => (part === null ? '' : String(part)));
    }),
  );
  return formatCsv([header, ...lines]);
}

/** Tables by name, each a list of objects. */
export function tablesJson(tables: readonly ResultTable[]): Record<string, Record<string, unknown>[]> {
  return Object.fromEntries(
    tables.map(({ name, columns, rows }) => [
      name,
      rows.map((cells) => Object.fromEntries(cells.map(({ value }, i) => [columns[i].name, value]))),
    ]),
  );
}

/**
 * Writes the tables beside a report: `<base>.md`, `<base>.json`, and for CSV a file for each table, `<base>-<name>.csv`.
 * @param base path without an ending
 * @returns the paths
 */
export async function writeTables(
  base: string,
  title: string,
  tables: readonly ResultTable[],
  formats: readonly Format[],
): Promise<string[]> {
  const files = formats.flatMap((format): [string, string][] => {
    if (format === 'md') return [[`${base}.md`, tablesMarkdown(title, tables)]];
    if (format === 'json') return [[`${base}.json`, `${JSON.stringify(tablesJson(tables), null, 2)}\n`]];
    return tables.map((table) => [`${base}-${table.name}.csv`, tableCsv(table)]);
  });
  for (const [path, text] of files) await writeAside(path, text);
  return files.map(([path]) => path);
}

function isInterval(value: Plain | Interval): value is Interval {
  return typeof value === 'object' && value !== null;
}
