/**
 * Ten kinds of broken input: each ends in one paragraph that says what was expected, what was got and what to
 * do, with the right exit code, and loses nothing.
 */
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import { decodeSafetensors, encodeSafetensors } from '../src/train/safetensors.ts';
import { type Finished, soma } from './cli.ts';
import { medmnist, noise, npy, temporaryFolder, zip } from './data-fixtures.ts';

const folder = await temporaryFolder();
const at = (...parts: string[]) => join(folder, ...parts);

function split(n: number, labels = Array.from({ length: n }, (_, i) => i % 4)) {
  return { images: noise(n * 8 * 8 * 3, n), shape: [n, 8, 8, 3], labels };
}
const good = () => medmnist({ train: split(32), val: split(8), test: split(8) });

const train = (data: string, ...more: string[]) =>
  soma(
    ...['train', 'ae-cnn', '--data', data, '--size', '8', '--epochs', '1', '--batch-size', '16'],
    ...['--set', 'classWeights=false', '--runs-dir', at('runs'), ...more],
  );

/** One paragraph, no stack, and nothing on stdout. */
function expectParagraph({ code, stdout, stderr }: Finished, exitCode: number, pattern: RegExp): void {
  const message = stderr.slice(stderr.lastIndexOf('soma: ')).trim();
  expect(stderr).toContain('soma: ');
  expect(message).toMatch(pattern);
  expect(message.split('\n').length).toBeLessThanOrEqual(2);
  expect(stderr).not.toMatch(/^\s+at .*\.js/m);
  expect(stdout).toBe('');
  expect(code).toBe(exitCode);
}

beforeAll(async () => {
  mkdirSync(at('runs'));
  writeFileSync(at('good.npz'), zip(good(), 'stored'));
  const first = await train(at('good.npz'), '--name', 'good');
  expect(first.code, first.stderr).toBe(0);
}, 60_000);

describe('broken input', () => {
  it('1. a cut-off npz', async () => {
    const bytes = zip(good(), 'stored');
    writeFileSync(at('cut.npz'), bytes.subarray(0, bytes.length * 0.6));
    expectParagraph(await train(at('cut.npz')), 1, /cut\.npz.*expected .*, got /);
  });

  it('2. an npz with other keys', async () => {
    const { 'train_images.npy': images, 'train_labels.npy': labels } = good();
    writeFileSync(at('keys.npz'), zip({ 'x.npy': images, 'y.npy': labels }, 'stored'));
    expectParagraph(await train(at('keys.npz')), 1, /keys\.npz.*train_images.*got .*x/);
  });

  it('3. float images', async () => {
    const floats = npy('<f4', [32, 8, 8, 3], new Uint8Array(32 * 8 * 8 * 3 * 4));
    writeFileSync(at('floats.npz'), zip({ ...good(), 'train_images.npy': floats }, 'stored'));
    expectParagraph(await train(at('floats.npz')), 1, /floats\.npz.*train_images.*uint8.*got .*(f4|float)/i);
  });

  it('4. a text file named .jpg', async () => {
    await writeClasses('text', ['a', 'b'], 12);
    writeFileSync(at('text', 'a', 'note.jpg'), 'these are not pixels');
    expectParagraph(await train(at('text')), 1, /note\.jpg.*expected .*image.*got /);
  });

  it('5. an empty class folder', async () => {
    await writeClasses('empty', ['a', 'b'], 12);
    mkdirSync(at('empty', 'c'));
    expectParagraph(await train(at('empty')), 1, /c.*expected .*images.*got /);
  });

  it('6. label 9 of 8', async () => {
    const labels = Array.from({ length: 32 }, (_, i) => i % 8);
    const wrong = labels.map((label, i) => (i === 20 ? 9 : label));
    const eight = (n: number) => split(n, labels.slice(0, n));
    const members = medmnist({ train: split(32, wrong), val: eight(8), test: eight(8) });
    writeFileSync(at('blood-label9.npz'), zip(members, 'stored'));
    expectParagraph(await train(at('blood-label9.npz')), 1, /train_labels.*20.*expected .*got 9/);
  });

  it('7. NaN among the weights of a checkpoint', async () => {
    const path = copyRun('nan');
    const file = decodeSafetensors(readFileSync(join(path, 'best.safetensors')), 'best');
    const tensor = file.tensors.get('conv2.weight');
    if (tensor) tensor.data[7] = Number.NaN;
    writeFileSync(join(path, 'best.safetensors'), encodeSafetensors(file));
    expectParagraph(
      await soma('evaluate', path),
      1,
      /best\.safetensors: expected finite weights, got NaN in conv2\.weight\[7\]/,
    );
  });

  it('8. the checkpoint of another system', async () => {
    const path = copyRun('other');
    const file = decodeSafetensors(readFileSync(join(path, 'best.safetensors')), 'best');
    const metadata = { ...file.metadata, system: 'scnn' };
    writeFileSync(join(path, 'best.safetensors'), encodeSafetensors({ ...file, metadata }));
    expectParagraph(await soma('evaluate', path), 1, /expected weights of ae-cnn, got scnn/);
  });

  it('9. a run folder that cannot be written', async () => {
    // A file where the folder should be: root, who runs many a CI, may write into read-only folders.
    writeFileSync(at('occupied'), '');
    const result = await train(at('good.npz'), '--runs-dir', at('occupied'));
    expectParagraph(result, 73, /occupied.*expected a place that can be written, got .*(ENOTDIR|EEXIST)/);
    if (process.getuid?.() === 0) return;
    mkdirSync(at('locked'));
    chmodSync(at('locked'), 0o500);
    expectParagraph(await train(at('good.npz'), '--runs-dir', at('locked')), 73, /EACCES/);
  });

  it('10. a misspelt option', async () => {
    expectParagraph(await train(at('good.npz'), '--epoch', '3'), 2, /Did you mean --epochs\?/);
    expectParagraph(
      await train(at('good.npz'), '--set', 'dropuot=0.1'),
      2,
      /got dropuot; did you mean dropout\?/,
    );
    expectParagraph(await train(at('good.npz'), '--lr', 'fast'), 2, /Expected a number above 0/);
    expectParagraph(
      await train(at('good.npz'), '--seed', '4294967296'),
      2,
      /a whole number from 0 to 4294967295/,
    );
    expectParagraph(
      await train('smaer'),
      2,
      /--data: expected a path or smear, got smaer; did you mean smear\?/,
    );
    expectParagraph(await soma('compare', at('runs', 'good')), 2, /expected two or more runs, got 1/);
  });

  it('loses nothing: the run that was there is whole', async () => {
    const { code, stdout } = await soma('evaluate', at('runs', 'good'), '--json');
    expect(code).toBe(0);
    expect(JSON.parse(stdout).metrics.images).toBe(8);
  });
});

describe('a rate that makes numbers overflow', () => {
  it('stops with the layer that made the first bad number, and keeps the checkpoint', async () => {
    const result = await train(at('good.npz'), '--lr', '1e30', '--name', 'overflow', '--epochs', '5');
    expectParagraph(
      result,
      1,
      /got NaN or infinity from (conv|fc|se)\S* \(\w+\) in epoch \d+, step \d+, at lr 1e\+30; lower --lr/,
    );
  });

  it('keeps the checkpoint too where only validation meets them', async () => {
    // One step an epoch: its gradients are finite, the weights after it too large for any later result.
    const huge = ['--lr', '1e38', '--batch-size', '32', '--set', 'optimizer.kind=sgd'];
    const result = await train(
      at('good.npz'),
      ...huge,
      ...['--set', 'offlineAugment=null', '--name', 'huge', '--epochs', '3'],
    );
    expectParagraph(
      result,
      1,
      /evaluate\(val\): expected finite .* from (conv|fc|se)\S* \(\w+\); .*lower --lr/,
    );
    const files = readdirSync(at('runs', 'huge'));
    expect(files).not.toContain('best.safetensors');
    expect(files).not.toContain('metrics.jsonl');
    const { tensors } = decodeSafetensors(readFileSync(at('runs', 'huge', 'last.safetensors')), 'last');
    for (const { data } of tensors.values()) expect(data.every((x) => Math.abs(x) < 10)).toBe(true);
  });

  it('data that no training could end well with is refused before the first step', async () => {
    await writeClasses('one', ['only'], 12);
    expectParagraph(await train(at('one'), '--name', 'one'), 1, /one: expected two or more classes, got 1/);
    await writeClasses('two', ['a', 'b'], 12);
    const unvalidated = await train(at('two'), '--ratios', '80/0/20', '--name', 'two');
    expectParagraph(unvalidated, 1, /two: expected validation images, got none; .*--ratios/);
    expect(readdirSync(at('runs'))).not.toContain('two');
    const untested = await train(at('two'), '--ratios', '70/30/0', '--name', 'untested');
    expect(untested.code, untested.stderr).toBe(0);
    expect(untested.stdout).toContain('there are no test images');
  });

  it('images of 12 bits in files of 16 are noticed', async () => {
    await writeClasses('dim', ['a', 'b'], 6);
    for (const label of ['a', 'b'])
      for (let i = 0; i < 6; i++)
        await sharp(
          Uint16Array.from(noise(64, i), (x) => 16 * x),
          { raw: { width: 8, height: 8, channels: 1 } },
        )
          .toColourspace('grey16')
          .png()
          .toFile(at('dim', label, `${i}.png`));
    const { code, stdout } = await soma('data', 'check', at('dim'));
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /warning: dim: expected images that use the range of 8 bits, got none .* of 255; .*12 bits/,
    );
    expect((await soma('data', 'check', at('good.npz'))).stdout).not.toContain('range of 8 bits');
  });

  it('a test image that cannot be read is found before the first epoch', async () => {
    for (const split of ['train', 'val', 'test']) await writeClasses(`late/${split}`, ['a', 'b'], 4);
    const whole = readFileSync(at('late', 'test', 'a', '0.png'));
    writeFileSync(at('late', 'test', 'a', '0.png'), whole.subarray(0, whole.length - 40));
    expectParagraph(
      await train(at('late'), '--name', 'late'),
      1,
      /test\/a\/0\.png: expected a complete image/,
    );
    expect(readdirSync(at('runs'))).not.toContain('late');
  });

  it('a link that leads nowhere is a file that cannot be read, and other pixels are other data', async () => {
    await writeClasses('linked', ['a', 'b'], 4);
    const pixels = (byte: number) =>
      sharp(new Uint8Array(8 * 8 * 3).fill(byte), { raw: { width: 8, height: 8, channels: 3 } }).tiff({
        compression: 'none',
      });
    await pixels(10).toFile(at('linked', 'a', 'x.tiff'));
    const fingerprint = async () =>
      JSON.parse((await soma('data', 'check', at('linked'), '--json')).stdout).fingerprint;
    const before = await fingerprint();
    await pixels(11).toFile(at('linked', 'a', 'x.tiff'));
    expect(await fingerprint()).not.toBe(before);
    symlinkSync(at('nowhere'), at('linked', 'b', 'gone.png'));
    const { code, stdout } = await soma('data', 'check', at('linked'));
    expect(code).toBe(1);
    expect(stdout).toMatch(/b\/gone\.png: expected a JPEG, .* got ENOENT/);
  });

  it('a file that is no image costs its neighbours nothing', async () => {
    await sharp(noise(8 * 8 * 3, 7), { raw: { width: 8, height: 8, channels: 3 } })
      .png()
      .toFile(at('cell.png'));
    writeFileSync(at('broken.png'), 'no image');
    const { code, stdout, stderr } = await soma(
      'predict',
      at('runs', 'good'),
      at('broken.png'),
      at('cell.png'),
      '--json',
    );
    expect(code).toBe(1);
    expect(stderr).toMatch(/broken\.png: expected an image, got/);
    expect(JSON.parse(stdout).map(({ image }: { image: string }) => image)).toEqual([at('cell.png')]);
  });

  it('a folder without images is named', async () => {
    mkdirSync(at('no-images', 'below'), { recursive: true });
    writeFileSync(at('no-images', 'below', 'notes.txt'), 'none here');
    const finished = await soma('predict', at('runs', 'good'), at('no-images'));
    expectParagraph(finished, 1, /no-images: expected images \(\.jpg .*\), got none/);
  });

  it('a report does not go into the folder of a run', async () => {
    const run = at('runs', 'good');
    for (const command of ['explain', 'energy', 'robustness']) {
      const finished = await soma(command, run, '--out', run);
      expectParagraph(
        finished,
        2,
        new RegExp(`good: expected a folder for a report, got a run; .*good.${command}`),
      );
    }
  });

  it('a training says what it passes over, a few at most', async () => {
    await writeClasses('beside', ['a', 'b'], 12);
    for (let i = 0; i < 7; i++) writeFileSync(at('beside', 'a', `notes${i}.txt`), 'no image');
    const { code, stderr } = await train(at('beside'), '--name', 'beside');
    expect(code, stderr).toBe(0);
    expect(stderr.match(/^warning: .*notes\d\.txt: expected images/gm)).toHaveLength(5);
    expect(stderr).toMatch(/^warning: 2 more of the kind; soma data check .*beside lists them all$/m);
  });

  it('a module that throws, or has other outputs than there are classes, is named', async () => {
    const module = (name: string, body: string) => {
      const options = 'z.strictObject({})';
      const training = "settings({ optimizer: { kind: 'sgd' }, lr: 0.1, batchSize: 16, epochs: 1 })";
      const about = `name: '${name}', title: 't', summary: 's', source: 'own', framework: 'torch', size: 8`;
      const text = `import { conv, defineSystem, dense, flatten, settings, z } from 'soma';
        export default defineSystem({ ${about}, options: ${options}, training: ${training}, build(net, { image, classes }) { ${body} } });`;
      writeFileSync(at(`${name}.mjs`), text);
      return soma(
        'train',
        at(`${name}.mjs`),
        '--data',
        at('good.npz'),
        '--size',
        '8',
        '--runs-dir',
        at('runs'),
      );
    };
    const units = await module('units', "return dense(net, 'fc', flatten(image), { units: classes + 3 });");
    expectParagraph(
      units,
      1,
      /build\(\) of units: expected a value for each of the 4 classes, f32 \[\d+×4\], got f32 \[\d+×7\]/,
    );
    const thrown = await module('thrown', "throw new Error('sides of 32');");
    expectParagraph(
      thrown,
      2,
      /build\(\) of thrown: expected a network, got sides of 32; mend .*thrown\.mjs/,
    );
    const none = await module('none', "return conv(net, 'c', image, { filters: 0, kernel: 3 });");
    expectParagraph(none, 1, /c\.weight in c: expected whole numbers above 0 as its shape, got \[0×3×3×3\]/);
  });
});

function copyRun(name: string): string {
  mkdirSync(at('runs', name));
  for (const file of ['config.json', 'metrics.jsonl', 'best.safetensors', 'last.safetensors'])
    copyFileSync(at('runs', 'good', file), at('runs', name, file));
  return at('runs', name);
}

async function writeClasses(name: string, classes: readonly string[], each: number): Promise<void> {
  for (const [k, label] of classes.entries()) {
    mkdirSync(at(name, label), { recursive: true });
    for (let i = 0; i < each; i++) {
      const raw = { width: 8, height: 8, channels: 3 } as const;
      await sharp(noise(8 * 8 * 3, 100 * k + i), { raw })
        .png()
        .toFile(at(name, label, `${i}.png`));
    }
  }
}
