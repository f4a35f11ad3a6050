// A training step in TensorFlow.js, to be timed: tfjs-worker.mjs '{"system": "ae-cnn" | "se-cnn", size, batch}'.
//
// @tensorflow/tfjs-node would be the fast way; its installation downloads a library from outside of the registry. The
// WebAssembly backend has no gradient of a convolution's weights, so training is left with the backend in JavaScript.
import * as tf from '@tensorflow/tfjs';
import { idleMib, serve } from '../../protocol.mjs';

const { system, size, batch } = JSON.parse(process.argv[2]);
await tf.setBackend('cpu');
await tf.ready();
const idle = idleMib();
const { layers } = tf;

function attend(x, channels) {
  const mlp = () => [
    layers.dense({ units: channels / 8, activation: 'relu', useBias: false }),
    layers.dense({ units: channels, useBias: false }),
  ];
  const through = (v, [a, b]) => b.apply(a.apply(v));
  const mean = through(layers.globalAveragePooling2d({}).apply(x), mlp());
  const max = through(layers.globalMaxPooling2d({}).apply(x), mlp());
  const scale = layers.activation({ activation: 'sigmoid' }).apply(layers.add().apply([mean, max]));
  return layers.multiply().apply([x, layers.reshape({ targetShape: [1, 1, channels] }).apply(scale)]);
}

function seCnn(x) {
  for (const filters of [32, 64, 128, 256]) {
    x = layers.conv2d({ filters, kernelSize: 3, padding: 'same' }).apply(x);
    x = layers.activation({ activation: 'relu' }).apply(layers.batchNormalization().apply(x));
    x = attend(layers.maxPooling2d({ poolSize: 2 }).apply(x), filters);
  }
  x = layers.dropout({ rate: 0.2 }).apply(layers.flatten().apply(x));
  return layers.dense({ units: 8 }).apply(x);
}

function aeCnn(x) {
  const conv = (filters) => layers.conv2d({ filters, kernelSize: 3, padding: 'same', activation: 'relu' });
  for (const filters of [32, 64, 128]) x = layers.maxPooling2d({ poolSize: 2 }).apply(conv(filters).apply(x));
  let s = layers.globalAveragePooling2d({}).apply(x);
  s = layers.dense({ units: 32, activation: 'relu' }).apply(s);
  s = layers.dense({ units: 128, activation: 'sigmoid' }).apply(s);
  x = layers.multiply().apply([x, layers.reshape({ targetShape: [1, 1, 128] }).apply(s)]);
  x = layers.globalAveragePooling2d({}).apply(conv(256).apply(x));
  x = layers.dense({ units: 128, activation: 'relu' }).apply(x);
  return layers.dense({ units: 8 }).apply(layers.dropout({ rate: 0.4 }).apply(x));
}

const input = tf.input({ shape: [size, size, 3] });
const model = tf.model({ inputs: input, outputs: (system === 'se-cnn' ? seCnn : aeCnn)(input) });
const optimizer = tf.train.adam(1e-3);
const images = tf.randomUniform([batch, size, size, 3]);
const labels = tf.oneHot(tf.randomUniform([batch], 0, 8, 'int32'), 8);

async function step() {
  const loss = optimizer.minimize(
    () => tf.losses.softmaxCrossEntropy(labels, model.apply(images, { training: true })),
    true,
  );
  await loss.data();
  loss.dispose();
}

await serve(step, idle, { tfjs: `${tf.version.tfjs} (${tf.getBackend()})`, node: process.version });
