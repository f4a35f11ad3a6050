/** Train, kill, resume: the weights are those of a run that nobody disturbed, to the bit. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
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
});
