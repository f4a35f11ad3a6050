/** `soma predict`: classes and probabilities of images without labels. */
import { dirname } from 'node:path';
import type { Command } from 'commander';
import { formatCsv } from '../csv.ts';
import { findImages } from '../data/image-files.ts';
import { imageValues, readImageFile } from '../data/single.ts';
import { openEngine } from '../engine/select.ts';
import { EXIT } from '../errors.ts';
import { makeFolder, writeAside } from '../files.ts';
import { scoreColumns } from '../measure/predictions-csv.ts';
import { argmax } from '../train/evaluate.ts';
import { loadPredictor } from '../train/open-run.ts';
import { beginPass } from '../train/pass.ts';
import { RunFolder } from '../train/run-folder.ts';
import { columns, explain, print, say } from './io.ts';
import { type EngineOptions, withEngine } from './options.ts';
import { countingBar } from './progress.ts';

interface PredictFlags extends EngineOptions {
  readonly csv?: string;
  readonly json?: boolean;
}

interface Answer {
  readonly image: string;
  readonly predicted: string;
  readonly probability: number;
  readonly probabilities: Readonly<Record<string, number>>;
}

export function addPredict(program: Command): void {
  withEngine(program.command('predict'))
    .argument('<run>', 'a run folder')
    .argument(
      '<images...>',
      'image files, or folders of which all images are taken; resized to what the run was trained on',
    )
    .description('Classes and probabilities of images')
    .option('--csv <file>', 'write all probabilities to a table, and print how many images each class has')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      '\nExamples:\n  soma predict runs/demo/scnn cell1.png cell2.jpg\n  soma predict runs/demo/scnn slide-17/ --csv slide-17.csv',
    )
    .action(run);
}

/** Images that are decoded side by side, and held at once. */
const DECODED = 64;

async function run(path: string, named: string[], flags: PredictFlags): Promise<void> {
  const folder = new RunFolder(path);
  const config = await folder.config();
  const { classes, height, width, channels } = config.data;
  const shape = { height, width, channels };
  // That a table cannot be written there is said before the images are read, lest their answers be lost.
  if (flags.csv !== undefined) await makeFolder(dirname(flags.csv));
  const files = (await Promise.all(named.map(findImages))).flat();
  const session = openEngine(flags).createSession();
  const bar = countingBar('predict', 'images');
  const answers: Answer[] = [];
  const faults: unknown[] = [];
  try {
    const program = await loadPredictor(folder, config, session, config.settings.evaluate, 1);
    for (let first = 0; first < files.length; first += DECODED) {
      const some = files.slice(first, first + DECODED);
      const decoded = await Promise.all(
        some.map((file) => readImageFile(file, shape).catch((error) => ({ error }))),
      );
      for (const [i, pixels] of decoded.entries()) {
        // Neither a bad file nor its neighbours are lost: those that can be read are answered.
        if (!(pixels instanceof Uint8Array)) {
          faults.push(pixels.error);
          continue;
        }
        // One at a time: what is said of an image does not depend on those beside it.
        beginPass(session, program.plan.variables);
        const rng = Int32Array.of(config.seed, 0);
        await program.run({ images: imageValues([pixels], shape), rng }, { here: true });
        answers.push(answer(some[i], classes, program.read('probabilities')));
      }
      bar.update(Math.min(first + DECODED, files.length), files.length);
    }
  } finally {
    bar.stop();
    session.close();
  }
  for (const fault of faults) explain(fault);
  if (flags.csv !== undefined) await writeAside(flags.csv, formatAnswers(answers, classes));
  const text = flags.csv === undefined ? listed(answers) : counted(answers, classes);
  print(answers, text, flags.json);
  if (flags.csv !== undefined) say(`table ${flags.csv}`);
  if (faults.length > 0) process.exitCode = EXIT.failed;
}

function answer(image: string, classes: readonly string[], scores: Iterable<number>): Answer {
  const probabilities = [...scores];
  const best = argmax(probabilities);
  return {
    image,
    predicted: classes[best],
    probability: probabilities[best],
    probabilities: Object.fromEntries(classes.map((name, k) => [name, probabilities[k]])),
  };
}

function listed(answers: readonly Answer[]): string {
  const rows = answers.map((a) => [a.image, a.predicted, `${(100 * a.probability).toFixed(1)} %`]);
  return columns([['image', 'class', 'probability'], ...rows]);
}

/** Images of each class, the commonest first: what a differential count is. */
function counted(answers: readonly Answer[], classes: readonly string[]): string {
  const counts = new Map(classes.map((name) => [name, 0]));
  for (const { predicted } of answers) counts.set(predicted, (counts.get(predicted) ?? 0) + 1);
  const rows = [...counts]
    .sort(([, a], [, b]) => b - a)
    .map(([name, count]) => [
      name,
      `${count}`,
      `${((100 * count) / Math.max(1, answers.length)).toFixed(1)} %`,
    ]);
  return columns([['class', 'images', 'share'], ...rows]);
}

/** The columns of predictions-test.csv without the labels, which nobody knows. */
function formatAnswers(answers: readonly Answer[], classes: readonly string[]): string {
  const rows = answers.map(({ image, predicted, probabilities }) => [
    image,
    predicted,
    ...classes.map((name) => String(probabilities[name])),
  ]);
  return formatCsv([['name', 'predicted', ...scoreColumns(classes)], ...rows]);
}
