/** `soma data`: known data sets, the check of a file or folder, the synthetic smear, and logs of labels. */
import type { Command } from 'commander';
import { CATALOG } from '../data/catalog.ts';
import { type CheckedImage, type CheckOptions, checkDataset, type DataReport } from '../data/check.ts';
import { writeSmear } from '../data/smear/write.ts';
import { EXIT, quoted } from '../errors.ts';
import { columns, print, say } from './io.ts';
import { positiveInt, seedNumber } from './options.ts';
import { addFlip, addRelabel } from './relabel.ts';

/** Lines of each kind that the text shows; `--json` has all. */
const MOST = 20;

export function addData(program: Command): void {
  const data = program
    .command('data')
    .description('Known data sets, checks, the synthetic smear, and decisions about labels');
  data
    .command('list')
    .description('Data sets that are recognised, and where to get them')
    .option('--json', 'print JSON')
    .action(({ json }: { json?: boolean }) => {
      const rows = CATALOG.map((d) => [
        d.name,
        d.title,
        d.images.toLocaleString('en'),
        d.sizes,
        d.licence,
        d.source,
      ]);
      print(CATALOG, columns([['name', 'title', 'images', 'sizes', 'licence', 'where'], ...rows]), json);
    });
  data
    .command('check')
    .argument('<path>', 'an .npz file, a folder of images or of IDX files')
    .description(
      'List every fault: broken images, wrong labels, duplicates across splits, conflicting labels',
    )
    .option('--size <pixels>', 'read at this size', positiveInt)
    .option('--seed <n>', 'seed of splits that have to be drawn', seedNumber, 0)
    .option('--labels <log>', 'read labels through a log of soma data relabel')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      '\nExits with 1 where something would stop a training.\n\nExample:\n  soma data check cells/',
    )
    .action(async (path: string, { json, ...options }: CheckFlags) => {
      const report = await check(path, options);
      print(report, reportText(report), json);
      for (const line of nextSteps(report, path)) say(line);
      process.exitCode = report.ok ? EXIT.ok : EXIT.failed;
    });
  data
    .command('synth')
    .argument('<folder>', 'new folder')
    .description('Write a synthetic blood smear as PNG files, with the masks of the nuclei')
    .option('--size <pixels>', 'height and width', positiveInt, 64)
    .option('--train <n>', 'training images', positiveInt, 1600)
    .option('--val <n>', 'validation images', positiveInt, 320)
    .option('--test <n>', 'test images', positiveInt, 640)
    .option('--seed <n>', 'another seed, other cells', seedNumber, 0)
    .option('--no-masks', 'images only')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  soma data synth smear/ --size 64 --train 400 --val 80 --test 160')
    .action(async (folder: string, f: SynthFlags) => {
      const { size, train, val, test, seed, masks } = f;
      const written = await writeSmear(folder, { size, images: { train, val, test }, seed, masks });
      print({ folder, images: written }, `${written} images in ${folder}`, f.json);
      say(`train on it with: soma train scnn --data ${quoted(folder)} --size ${size}`);
    });
  addRelabel(data);
  addFlip(data);
}

/** Images of several sizes are looked at in one, as a training would do it. */
async function check(path: string, options: CheckOptions): Promise<DataReport> {
  const report = await checkDataset(path, options);
  const others = report.faults.filter(({ kind }) => kind === 'other-size').length;
  if (others === 0) return report;
  say(
    `${others} images have another size than the first, ${report.height}×${report.width}; looked at again at ` +
      `${COMMON_SIZE}×${COMMON_SIZE}, as soma train --size ${COMMON_SIZE} reads them`,
  );
  return checkDataset(path, { ...options, size: COMMON_SIZE });
}

const COMMON_SIZE = 64;

interface CheckFlags {
  readonly size?: number;
  readonly seed: number;
  readonly labels?: string;
  readonly json?: boolean;
}

interface SynthFlags {
  readonly size: number;
  readonly train: number;
  readonly val: number;
  readonly test: number;
  readonly seed: number;
  readonly masks: boolean;
  readonly json?: boolean;
}

function reportText(report: DataReport): string {
  const {
    name,
    classes,
    height,
    width,
    channels,
    splits,
    imbalance,
    faults,
    identical,
    near,
    fingerprint,
    ok,
  } = report;
  const counts = classes.map((label, k) => [
    label,
    ...Object.values(splits).map(({ perClass }) => `${perClass[k]}`),
  ]);
  const totals = ['all', ...Object.values(splits).map(({ images }) => `${images}`)];
  const imageName = ({ split, name: image, label }: CheckedImage) =>
    `${split}/${image} (${classes[label] ?? label})`;
  const flags = (x: { acrossSplits: boolean; conflictingLabels: boolean }) =>
    [x.acrossSplits ? 'ACROSS SPLITS' : '', x.conflictingLabels ? 'CONFLICTING LABELS' : '']
      .filter(Boolean)
      .join(', ');
  const worstFirst = <T extends { acrossSplits: boolean; conflictingLabels: boolean }>(list: readonly T[]) =>
    [...list].sort((a, b) => flags(b).length - flags(a).length);
  return [
    `${name}: ${height}×${width}×${channels}, fingerprint ${fingerprint.slice(0, 12)}`,
    ...(counts.length > 0 ? [columns([['class', ...Object.keys(splits)], ...counts, totals])] : []),
    `largest class over smallest in train: ${imbalance.toFixed(1)}`,
    '',
    section(
      'faults',
      faults.map((f) => `${f.severity}: ${f.message}`),
    ),
    section(
      'identical images',
      worstFirst(identical).map((group) => `${group.images.map(imageName).join(' = ')} ${flags(group)}`),
    ),
    section(
      'nearly identical images',
      worstFirst(near).map((pair) => `${pair.images.map(imageName).join(' ~ ')} ${flags(pair)}`),
    ),
    ok ? 'can be trained on' : 'cannot be trained on until the errors are mended',
  ].join('\n');
}

/** What to do about what was found, and how to go on. */
function nextSteps({ ok, height, identical, near, drawn }: DataReport, path: string): string[] {
  if (!ok) return [];
  const found = [...identical, ...near];
  const across = found.some(({ acrossSplits }) => acrossSplits);
  const together = across && drawn.length > 0 ? ' --keep-together near-duplicates' : '';
  return [
    ...(across && drawn.length === 0
      ? ['copies across splits make test figures too good: take them out of one of the splits']
      : []),
    ...(found.some(({ conflictingLabels }) => conflictingLabels)
      ? ['conflicting labels are put right with soma review and soma data relabel']
      : []),
    `next: soma train se-cnn --data ${quoted(path)} --size ${height}${together}`,
  ];
}

function section(title: string, lines: readonly string[]): string {
  if (lines.length === 0) return `${title}: none`;
  const more = lines.length > MOST ? [`  … and ${lines.length - MOST} more (--json lists all)`] : [];
  return [
    `${title}: ${lines.length}`,
    ...lines.slice(0, MOST).map((line) => `  ${line.trimEnd()}`),
    ...more,
  ].join('\n');
}
