/** Train, kill, resume: the weights are those of a run that nobody disturbed, to the bit. */
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { openEngine } from '../src/engine/select.ts';
import { decodeSafetensors } from '../src/train/safetensors.ts';
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
function cursor(run: string, checkpoint?: string): { epoch: number; batch: number } {
  const file = bytes(run, checkpoint);
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

  it('pauses between epochs, with the test images unread, and goes on to the same bits', async () => {
    const paused = `${system}-paused`;
    const first = await soma(
      ...command(system, paused, ...more, '--pause-after', '2', '--no-test', '--json'),
    );
    expect(JSON.parse(first.stdout).stopped, first.stderr).toBe('paused');
    expect(lines(paused)).toBe(2);
    const second = await soma('train', '--resume', join(folder, paused), '--no-test');
    expect(second.code, second.stderr).toBe(0);
    expect(second.stdout).toContain('test was not read; it is with: soma evaluate');
    expect(existsSync(join(folder, paused, 'predictions-test.csv'))).toBe(false);
    expect(bytes(paused).equals(bytes(`${system}-whole`))).toBe(true);
    const third = await soma('evaluate', join(folder, paused));
    expect(third.code, third.stderr).toBe(0);
    const predictions = bytes(paused, 'predictions-test.csv');
    expect(predictions.equals(bytes(`${system}-whole`, 'predictions-test.csv'))).toBe(true);
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

describe('a training behind a pre-training', () => {
  const first = ['--set', 'pretraining.epochs=2', '--set', 'pretraining.batchSize=12'];
  const FIRST = 'pretraining-last.safetensors';
  const begin = (name: string, ...more: string[]) => command('autoclassifier', name, ...first, ...more);
  const slowly = ['--threads', '1', '--checkpoint-every', '0.001'];

  async function resumed(run: string) {
    const { code, stderr } = await soma('train', '--resume', join(folder, run));
    expect(code, stderr).toBe(0);
    for (const file of [FIRST, 'last.safetensors', 'best.safetensors', 'predictions-test.csv'])
      expect(bytes(run, file).equals(bytes('two-stages', file)), file).toBe(true);
    expect(lines(run)).toBe(3);
    expect(readFileSync(join(folder, run, 'pretraining.jsonl'), 'utf8').split('\n')).toHaveLength(3);
  }

  beforeAll(async () => {
    const { code, stderr } = await soma(...begin('two-stages', '--threads', '2'));
    expect(code, stderr).toBe(0);
    expect(stderr).toMatch(
      /first {4}auto-encoder, [\d,]+ parameters, adam, lr 0.001, batch 12, up to 2 epochs/,
    );
  }, 120_000);

  it('goes on after kill -9 in the middle of the first', async () => {
    const running = start(begin('killed-first', ...slowly));
    await until(
      () => existsSync(join(folder, 'killed-first', FIRST)) && cursor('killed-first', FIRST).batch > 0,
    );
    running.child.kill('SIGKILL');
    expect((await running.finished).signal).toBe('SIGKILL');
    expect(existsSync(join(folder, 'killed-first', 'last.safetensors'))).toBe(false);
    await resumed('killed-first');
  }, 120_000);

  it('goes on after a kill between the two', async () => {
    mkdirSync(join(folder, 'killed-between'));
    for (const file of ['config.json', 'pretraining.jsonl', 'pretraining-best.safetensors', FIRST])
      copyFileSync(join(folder, 'two-stages', file), join(folder, 'killed-between', file));
    await resumed('killed-between');
  }, 120_000);

  it('goes on after kill -9 in the middle of the second', async () => {
    const running = start(begin('killed-second', ...slowly));
    await until(() => lines('killed-second') === 1 && cursor('killed-second').batch > 0);
    running.child.kill('SIGKILL');
    await running.finished;
    await resumed('killed-second');
  }, 120_000);

  it('hands on the encoder, which then stays as it is', () => {
    const tensors = (file: string) => decodeSafetensors(bytes('two-stages', file), file).tensors;
    const [before, after] = [tensors(FIRST), tensors('last.safetensors')];
    const names = [...after.keys()].filter((name) => name.startsWith('encoder.'));
    expect(names).toHaveLength(4 * 6 + 2);
    for (const name of names) expect(after.get(name)?.data, name).toEqual(before.get(name)?.data);
    expect([...after.keys()].some((name) => name.startsWith('decoder.'))).toBe(false);
  });

  it('begins from the weights of another run instead, and says so', async () => {
    const weights = ['--weights', join(folder, 'two-stages', FIRST)];
    const { code, stderr } = await soma(...command('autoclassifier', 'from-file', ...weights));
    expect(code, stderr).toBe(0);
    expect(stderr).toMatch(
      /warning: no pre-training: the weights are those of .*pretraining-last\.safetensors/,
    );
    expect(stderr).toMatch(/weights {2}26 tensors of .*; drawn: conv1\.weight/);
    expect(bytes('from-file').equals(bytes('two-stages'))).toBe(true);
  }, 120_000);

  it('says what is left of it without pre-training, and what cannot be set', async () => {
    const none = ['--set', 'pretraining=null', '--epochs', '1'];
    const { code, stderr } = await soma(...command('autoclassifier', 'alone', ...none));
    expect(code, stderr).toBe(0);
    expect(stderr).toMatch(
      /warning: no pre-training: what the auto-encoder would have learnt is drawn .* frozen/,
    );
    expect(existsSync(join(folder, 'alone', FIRST))).toBe(false);
    const scnn = await soma(...command('scnn', 'none', '--set', 'pretraining.epochs=2'));
    expect(scnn.code).toBe(2);
    expect(scnn.stderr).toMatch(/expected settings of scnn, got pretraining\.epochs; it has no pre-training/);
    const small = await soma(...command('autoclassifier', 'small', '--set', 'pretraining.batchSize=512'));
    expect(small.stderr).toMatch(/a batch of at most the 160 training images, .* got batchSize 512/);
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
