/** `soma predict`: classes and probabilities of single images. */
import type { Command } from 'commander';
import { imageValues, readImageFile } from '../data/single.ts';
import { openEngine } from '../engine/select.ts';
import { EXIT } from '../errors.ts';
import { argmax } from '../train/evaluate.ts';
import { loadPredictor } from '../train/open-run.ts';
import { RunFolder } from '../train/run-folder.ts';
import { columns, explain, print } from './io.ts';
import { type EngineOptions, withEngine } from './options.ts';

interface PredictFlags extends EngineOptions {
  readonly json?: boolean;
}

export function addPredict(program: Command): void {
  withEngine(program.command('predict'))
    .argument('<run>', 'a run folder')
    .argument('<images...>', 'image files; resized to what the run was trained on')
    .description('Classes and probabilities of images')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  soma predict runs/demo/scnn cell1.png cell2.jpg')
    .action(run);
}

async function run(path: string, files: string[], flags: PredictFlags): Promise<void> {
  const folder = new RunFolder(path);
  const config = await folder.config();
  const { classes, height, width, channels } = config.data;
  const shape = { height, width, channels };
  const session = openEngine(flags).createSession();
  try {
    const program = await loadPredictor(folder, config, session, config.settings.evaluate, 1);
    const results = [];
    let faults = 0;
    for (const file of files) {
      // Neither a bad file nor its neighbours are lost: those that can be read are answered.
      const pixels = await readImageFile(file, shape).catch((error) => {
        faults++;
        explain(error);
      });
      if (!pixels) continue;
      await program.run(
        { images: imageValues([pixels], shape), rng: Int32Array.of(config.seed, 0) },
        { here: true },
      );
      const probabilities = [...program.read('probabilities')];
      const best = argmax(probabilities);
      const named = Object.fromEntries(classes.map((name, k) => [name, probabilities[k]]));
      results.push({
        image: file,
        predicted: classes[best],
        probability: probabilities[best],
        probabilities: named,
      });
    }
    const rows = results.map((r) => [r.image, r.predicted, `${(100 * r.probability).toFixed(1)} %`]);
    print(results, columns([['image', 'class', 'probability'], ...rows]), flags.json);
    if (faults > 0) process.exitCode = EXIT.failed;
  } finally {
    session.close();
  }
}
