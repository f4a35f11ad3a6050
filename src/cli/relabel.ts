/** `soma data relabel` and `soma data flip`: decisions about labels, kept in a log beside the data, which stays as it is. */
import { existsSync } from 'node:fs';
import { userInfo } from 'node:os';
import { basename, dirname, resolve } from 'node:path';
import { type Command, Option } from 'commander';
import { type Dataset, SPLITS, type Split } from '../data/dataset.ts';
import { readDecisions, resolveDecisions } from '../data/decisions.ts';
import { drawFlips } from '../data/flip.ts';
import { relabelled, relabellingText } from '../data/relabel.ts';
import {
  appendDecisions,
  appendUndo,
  type LogAuthor,
  type LoggedDecision,
  type RelabelLog,
  readOrBeginLog,
} from '../data/relabel-log.ts';
import { EXIT, SomaError } from '../errors.ts';
import { claimed } from '../jobs/claim.ts';
import { openData } from '../train/data.ts';
import { columns, print, say } from './io.ts';
import { seedNumber, shareBelowOne } from './options.ts';

/** Labels do not depend on the size that images are read at. */
const ANY_SIZE = 64;

interface RelabelFlags {
  readonly decisions?: string;
  readonly log?: string;
  readonly undo?: string | true;
  readonly list?: boolean;
  readonly by?: string;
  readonly why: string;
  readonly json?: boolean;
}

export function addRelabel(data: Command): void {
  data
    .command('relabel')
    .argument('<data>', 'a data set, as for soma train')
    .description('Apply decisions about labels as a log that can be undone; no file of the data is touched')
    .option('--decisions <file>', 'CSV or JSON with image, decision (keep, relabel, remove) and to')
    .option('--log <file>', 'the log (default: <name of the data>.labels.jsonl, here)')
    .option('--undo [what]', 'undo the last command, all, or the decision about an image')
    .option('--list', 'show the decisions in force')
    .option('--by <name>', 'who decided (default: the user of this machine)')
    .option('--why <text>', 'reason, where the decisions give none', '')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      `
Examples:
  soma data relabel cells/ --decisions decisions.csv
  soma train se-cnn --data cells/ --labels cells.labels.jsonl
  soma data relabel cells/ --undo
  soma data relabel cells/ --undo train/neutrophil/a.png --why "looked again"

The log is only ever appended to. All decisions are logged, or none: an image that is missing or has changed, a label that
is not the one that was looked at, and an unknown class are refused.`,
    )
    .action(runRelabel);
}

async function runRelabel(source: string, flags: RelabelFlags): Promise<void> {
  const { decisions, undo, list } = flags;
  if ([decisions, undo, list].filter((flag) => flag !== undefined).length !== 1)
    throw new SomaError(
      'data relabel: expected one of --decisions, --undo and --list; see soma data relabel --help',
      EXIT.usage,
    );
  const dataset = await openData({ source, size: ANY_SIZE });
  try {
    const path = resolve(flags.log ?? `${dataset.name}.labels.jsonl`);
    const work = async () => {
      const before = await readOrBeginLog(path);
      const after = list ? before : await changeLog(dataset, before, flags);
      await report(dataset, before, after, flags);
    };
    // Two who append at once would number their decisions alike.
    await (list ? work() : claimed(dirname(path), basename(path), 'nobody else to write decisions', work));
  } finally {
    await dataset.close();
  }
}

async function changeLog(dataset: Dataset, log: RelabelLog, flags: RelabelFlags): Promise<RelabelLog> {
  const author = authorOf(flags.by);
  if (flags.undo !== undefined)
    return appendUndo(log, flags.undo === true ? 'last' : flags.undo, flags.why, author);
  const file = flags.decisions ?? '';
  const given = await readDecisions(file);
  const resolved = await resolveDecisions(dataset, log, given, { where: file, why: flags.why });
  if (resolved.length === 0)
    throw new SomaError(`${file}: expected one decision or more, got none`, EXIT.usage);
  return appendDecisions(log, resolved, author);
}

function authorOf(by: string | undefined): LogAuthor {
  return { by: by ?? userInfo().username, at: new Date().toISOString() };
}

async function report(
  dataset: Dataset,
  before: RelabelLog,
  after: RelabelLog,
  { list, json }: Pick<RelabelFlags, 'list' | 'json'>,
): Promise<void> {
  const standing = [...after.inForce.values()];
  const { relabelling } = await relabelled(dataset, after);
  const rows = standing.map((each) => [each.image, each.stored, outcome(each), each.by, each.at, each.why]);
  const text = [
    ...(list && rows.length > 0
      ? [columns([['image', 'stored', 'decision', 'by', 'at', 'why'], ...rows]), '']
      : []),
    ...(after === before ? [] : [`${after.lines.length - before.lines.length} lines logged`]),
    relabelling ? relabellingText(relabelling) : '',
  ].join('\n');
  print({ log: after.path, ...relabelling, decisions: standing }, text, json);
  if (after !== before) say(`train with: soma train SYSTEM --data … --labels ${after.path}`);
}

function outcome({ stored, to }: LoggedDecision): string {
  if (to === null) return 'removed';
  return to === stored ? 'kept' : `now ${to}`;
}

interface FlipFlags {
  readonly share: number;
  readonly split: Split;
  readonly seed: number;
  readonly log: string;
  readonly json?: boolean;
}

export function addFlip(data: Command): void {
  data
    .command('flip')
    .argument('<data>', 'a data set, as for soma train')
    .description('A log with wrong labels on purpose, to see how many of them a review finds')
    .requiredOption('--log <file>', 'new log')
    .option('--share <share>', 'of the images', shareBelowOne, 0.05)
    .addOption(new Option('--split <name>', 'which images').choices(SPLITS).default('train'))
    .option('--seed <n>', 'other images, other classes', seedNumber, 0)
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      '\nExample:\n  soma data flip cells/ --share 0.05 --log wrong.jsonl\n  soma review se-cnn --data cells/ --labels wrong.jsonl',
    )
    .action(runFlip);
}

async function runFlip(source: string, { share, split, seed, log: path, json }: FlipFlags): Promise<void> {
  if (existsSync(path))
    throw new SomaError(
      `${path}: expected a new file, got one that is there; name another --log`,
      EXIT.usage,
    );
  const dataset = await openData({ source, size: ANY_SIZE });
  try {
    const flips = await drawFlips(dataset, split, share, seed);
    const log = await appendDecisions(await readOrBeginLog(resolve(path)), flips, {
      by: 'soma data flip',
      at: new Date().toISOString(),
    });
    const text = `${flips.length} of ${dataset.splits[split].length} ${split} images have a wrong label in ${log.path}`;
    print({ log: log.path, split, share, seed, flipped: flips.length }, text, json);
  } finally {
    await dataset.close();
  }
}
