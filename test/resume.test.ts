/** Train, kill, resume: the weights are those of a run that nobody disturbed, to the bit. */
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { openEngine } from '../src/engine/select.ts';
import { soma, start, until } from './cli.ts';
import { temporaryFolder } from './data-fixtures.ts';

const folder = await temporaryFolder();
const data = join(folder, 'smear');

beforeAll(async () => {
  const sizes = ['--train', '160', '--val', '32', '--test', '32', '--no-masks'];
  const { code, stderr } = await soma('data', 'synth', data, '--size', '16', ...sizes);
  expect(stderr).not.toContain('soma:');
  expect(code).toBe(0);
}, 60_000);

function command(system: string, name: string, ...more: string[]): string[] {
  const fixed = ['--size', '16', '--epochs', '3', '--batch-size', '12', '--seed', '5', '--no-early-stopping'];
  return ['train', system, '--data', data, '--runs-dir', folder, '--name', name, ...fixed, ...more];
}

const bytes = (run: string, file = 'last.safetensors') => readFileSync(join(folder, run, file));
const lines = (run: string) => {
  const path = join(folder, run, 'metrics.jsonl');
  return existsSync(path) ? readFileSync(path, 'utf8').split('\n').length - 1 : 0;
};
/** The cursor of a run's last checkpoint. */
function cursor(run: string): { epoch: number; batch: number } {
  const file = bytes(run);
  const length = Number(file.readBigUInt64LE());
  return JSON.parse(JSON.parse(file.toString('utf8', 8, 8 + length)).__metadata__.cursor);
}

describe.each([
  ['scnn', ['--set', 'T=4', '--lr', '0.002']],
  // Dropout, class weights and augmented copies: everything that draws.
  ['ae-cnn', ['--set', 'augment={"flipHorizontal":true,"shift":0.1}']],
])('%s', (system, more) => {
  it('goes on after kill -9 in the middle of an epoch', async () => {
    const whole = await soma(...command(system, `${system}-whole`, ...more, '--threads', '2'));
    expect(whole.code, whole.stderr).toBe(0);

    const killed = `${system}-killed`;
    const running = start(command(system, killed, ...more, '--threads', '1', '--checkpoint-every', '0.001'));
    await until(() => lines(killed) === 1);
    await until(() => cursor(killed).epoch === 1 && cursor(killed).batch > 0);
    running.child.kill('SIGKILL');
    expect((await running.finished).signal).toBe('SIGKILL');
    expect(cursor(killed).epoch).toBe(1);
    expect(cursor(killed).batch).toBeGreaterThan(0);

    const resumed = await soma('train', '--resume', join(folder, killed));
    expect(resumed.code, resumed.stderr).toBe(0);
    expect(bytes(killed).equals(bytes(`${system}-whole`))).toBe(true);
    expect(bytes(killed, 'best.safetensors').equals(bytes(`${system}-whole`, 'best.safetensors'))).toBe(true);
    expect(
      bytes(killed, 'predictions-test.csv').equals(bytes(`${system}-whole`, 'predictions-test.csv')),
    ).toBe(true);
    expect(lines(killed)).toBe(3);
  }, 120_000);

  it('begins anew where it was killed before its first checkpoint', async () => {
    const early = `${system}-early`;
    mkdirSync(join(folder, early));
    copyFileSync(join(folder, `${system}-whole`, 'config.json'), join(folder, early, 'config.json'));
    const resumed = await soma('train', '--resume', join(folder, early));
    expect(resumed.code, resumed.stderr).toBe(0);
    expect(bytes(early).equals(bytes(`${system}-whole`))).toBe(true);
  }, 120_000);
});

describe('--resume', () => {
  it('refuses what would make it another run', async () => {
    const before = readFileSync(join(folder, 'scnn-whole', 'config.json'), 'utf8');
    const resume = (...more: string[]) => soma('train', ...more, '--resume', join(folder, 'scnn-whole'));
    const options = await resume('--lr', '5', '--epochs', '9', '--no-early-stopping');
    expect(options.code).toBe(2);
    expect(options.stderr).toMatch(/got --lr, --no-early-stopping; a run goes on with the settings/);
    const system = await resume('ae-cnn', '--epochs', '9');
    expect(system.code).toBe(2);
    expect(system.stderr).toMatch(/expected scnn, the system of the run, got ae-cnn/);
    expect(readFileSync(join(folder, 'scnn-whole', 'config.json'), 'utf8')).toBe(before);
  }, 60_000);

  it('does not begin anew where a checkpoint was lost', async () => {
    mkdirSync(join(folder, 'lost'));
    for (const file of ['config.json', 'metrics.jsonl', 'best.safetensors'])
      copyFileSync(join(folder, 'scnn-whole', file), join(folder, 'lost', file));
    const { code, stderr } = await soma('train', '--resume', join(folder, 'lost'));
    expect(code).toBe(1);
    expect(stderr).toMatch(/last\.safetensors: expected a checkpoint/);
    expect(lines('lost')).toBe(3);
  }, 60_000);

  it('says so where another engine goes on', async () => {
    mkdirSync(join(folder, 'engine'));
    for (const file of ['metrics.jsonl', 'best.safetensors', 'last.safetensors'])
      copyFileSync(join(folder, 'scnn-whole', file), join(folder, 'engine', file));
    const config = JSON.parse(readFileSync(join(folder, 'scnn-whole', 'config.json'), 'utf8'));
    config.environment.isa = 'other';
    writeFileSync(join(folder, 'engine', 'config.json'), JSON.stringify(config));
    const moved = await soma('train', '--resume', join(folder, 'engine'));
    expect(moved.code, moved.stderr).toBe(0);
    expect(moved.stderr).toMatch(/warning: the run was begun on \w+ other and goes on on /);
    const { warnings } = JSON.parse(readFileSync(join(folder, 'engine', 'summary.json'), 'utf8'));
    expect(warnings).toHaveLength(1);
  }, 60_000);
});

describe('Ctrl-C', () => {
  it('leaves a checkpoint, says how to go on, and exits with 130', async () => {
    const running = start(command('scnn', 'interrupted', '--set', 'T=4', '--epochs', '500'));
    await until(() => lines('interrupted') >= 1);
    running.child.kill('SIGINT');
    const { code, stderr } = await running.finished;
    expect(code).toBe(130);
    expect(stderr).toContain(`soma train --resume ${join(folder, 'interrupted')}`);
    expect(cursor('interrupted').epoch).toBeGreaterThan(0);
    const resumed = await soma(
      'train',
      '--resume',
      join(folder, 'interrupted'),
      '--epochs',
      `${lines('interrupted') + 1}`,
    );
    expect(resumed.code, resumed.stderr).toBe(0);
  }, 60_000);

  it('SIGTERM does the same, and --json tells it as JSON', async () => {
    const running = start(command('scnn', 'terminated', '--set', 'T=4', '--epochs', '500', '--json'));
    await until(() => lines('terminated') >= 1);
    running.child.kill('SIGTERM');
    const { code, stdout } = await running.finished;
    expect(code).toBe(130);
    expect(JSON.parse(stdout).stopped).toBe('interrupted');
    expect(cursor('terminated').epoch).toBeGreaterThan(0);
  }, 60_000);

  // The reference engine computes on the main thread, where no signal is heard before a step ends.
  it.runIf(openEngine().info.name === 'native')(
    'a second one stops at once',
    async () => {
      const long = ['--batch-size', '160', '--epochs', '500', '--set', 'T=200', '--threads', '1'];
      const running = start(command('scnn', 'twice', ...long, '--checkpoint-every', '0.001'));
      // A finished epoch: the next step is under way, or about to be.
      await until(() => lines('twice') >= 1 && cursor('twice').epoch >= 1);
      await new Promise((resolve) => setTimeout(resolve, 300));
      const before = cursor('twice').epoch;
      running.child.kill('SIGINT');
      await until(() => running.stderr().includes('once more to stop at once'));
      running.child.kill('SIGINT');
      const { code, stderr } = await running.finished;
      expect(code).toBe(130);
      expect(stderr).not.toContain('go on with');
      expect(cursor('twice').epoch).toBe(before);
    },
    60_000,
  );
});
