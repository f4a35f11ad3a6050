/**
 * The auto-encoder of paper (c), and the AutoClassifier on the latent vector that it learns.
 *
 *   encoder  4 × (conv 3×3 → BatchNorm → ELU → max-pool 2×2) of 32, 64, 128, 256 → flatten → dense 64
 *   decoder  dense → ELU → maps of 256 → 3 × (transposed conv 3×3 /2 → ELU) of 128, 64, 32 → transposed conv 3×3 /2
 *   classifier  the encoder, frozen → maps of 16 → 5 × (conv 3×3 → BatchNorm → ReLU → max-pool 2×2, stride 1) of
 *               32, 64, 128, 256, 512 → flatten → dropout → dense K
 *
 * Encoder and decoder are trained first, to make each image again. The latent vector has no order of its own: its maps
 * are read channel by channel here and pixel by pixel in Keras, which is the same network with other names for its
 * latent numbers.
 */
import { z } from 'zod';
import { mismatch } from '../errors.ts';
import type { Value } from '../graph/value.ts';
import { convNorm } from '../nn/conv-norm.ts';
import { convTranspose, dense, dropout } from '../nn/layers.ts';
import type { Net } from '../nn/net.ts';
import { elu } from '../ops/elementwise.ts';
import { maxPool2d } from '../ops/pool.ts';
import { flatten, reshapeTo } from '../ops/reduce.ts';
import { pretrainedBloodSettings } from './blood-settings.ts';
import { defineSystem } from './system.ts';

const ENCODER = [32, 64, 128, 256];
/** How much smaller the last maps of the encoder are than the image. */
const SHRINKS = 2 ** ENCODER.length;
const CLASSIFIER = [32, 64, 128, 256, 512];
/** Sides of the maps that the classifier makes of the latent vector. */
const LATENT_SIDE = 2;

const options = z.strictObject({
  latent: z
    .int()
    .positive()
    .multipleOf(LATENT_SIDE ** 2, 'must be a multiple of 4, to become maps of 2×2')
    .default(64)
    .describe('numbers that an image is put in; an earlier code has 32'),
  freeze: z.boolean().default(true).describe('the encoder keeps what it learnt in pre-training'),
  dropout: z.number().min(0).lt(1).default(0.3),
});

type Options = z.output<typeof options>;

function encoder(net: Net, image: Value, { latent }: Options): Value {
  return net.layer('encoder', () => {
    let x = image;
    for (const [i, filters] of ENCODER.entries())
      x = maxPool2d(convNorm(net, i + 1, x, { filters, kernel: 3, activation: elu }), { kernel: 2 });
    return dense(net, 'latent', flatten(x), { units: latent });
  });
}

function decoder(net: Net, latent: Value, [, channels, height, width]: readonly number[]): Value {
  if (height % SHRINKS !== 0 || width % SHRINKS !== 0)
    throw mismatch(
      'auto-encoder',
      `sides that are multiples of ${SHRINKS}`,
      `${height}×${width}`,
      'set --size',
    );
  const [filters, ...others] = [...ENCODER].reverse();
  const shape = [latent.shape[0], filters, height / SHRINKS, width / SHRINKS];
  return net.layer('decoder', () => {
    const units = shape[1] * shape[2] * shape[3];
    let x = reshapeTo(elu(dense(net, 'dense', latent, { units })), shape);
    for (const [i, filters] of others.entries()) x = elu(doubled(net, i + 1, x, filters));
    return doubled(net, ENCODER.length, x, channels);
  });
}

function doubled(net: Net, number: number, x: Value, filters: number): Value {
  return convTranspose(net, `deconv${number}`, x, { filters, kernel: 3, stride: 2, padding: 'same' });
}

export const autoclassifier = defineSystem({
  name: 'autoclassifier',
  title: 'AutoClassifier',
  summary: 'CNN on the latent vector of an auto-encoder that was trained before',
  source: 'paper (c), table 3',
  reported: '2.25M',
  framework: 'keras',
  size: 64,
  options,
  training: pretrainedBloodSettings(),
  pretraining: {
    title: 'auto-encoder',
    build: (net, { image }, o) => decoder(net, encoder(net, image, o), image.shape),
  },
  build(net, { image, classes }, o) {
    const latent = net.frozen(o.freeze, () => encoder(net, image, o));
    const side = LATENT_SIDE;
    let x = reshapeTo(latent, [image.shape[0], o.latent / side ** 2, side, side]);
    for (const [i, filters] of CLASSIFIER.entries())
      x = maxPool2d(convNorm(net, i + 1, x, { filters, kernel: 3 }), {
        kernel: 2,
        stride: 1,
        padding: 'same',
      });
    return dense(net, 'fc', dropout(net, flatten(x), o.dropout), { units: classes });
  },
});
