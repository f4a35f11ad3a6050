// The main job on built-in data: train the spiking and the attention network of paper (a) on a synthetic blood
// smear, evaluate both on images that neither has seen, and compare them. Every line is a command that you can
// run yourself.
import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const cli = join(root, 'dist', 'cli', 'main.js');
const runs = join(root, 'runs', 'demo');

function soma(...args) {
  console.log(`\n$ soma ${args.join(' ')}`);
  const { status } = spawnSync(process.execPath, [cli, ...args], { stdio: 'inherit', cwd: root });
  if (status !== 0) process.exit(status ?? 1);
}

rmSync(runs, { recursive: true, force: true });
mkdirSync(runs, { recursive: true });
const common = ['--data', 'smear', '--size', '28', '--seed', '1', '--runs-dir', runs];
// The paper's constants want many more images than the 1,600 here: a wider surrogate and a shorter memory learn faster.
const quick = ['--lr', '1e-3', '--batch-size', '32', '--set', 'T=6', '--set', 'beta=0.5', '--set', 'slope=5'];
soma('train', 'scnn', ...common, '--epochs', '24', '--name', 'scnn', ...quick);
soma('train', 'ae-cnn', ...common, '--epochs', '16', '--name', 'ae-cnn');
soma('compare', join(runs, 'scnn'), join(runs, 'ae-cnn'), '--out', join(runs, 'comparison.html'));
