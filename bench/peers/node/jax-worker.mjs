// A training step in jax-js (WebAssembly), to be timed: jax-worker.mjs '{"system": "ae-cnn" | "se-cnn", size, batch}'.
// Loss and gradients are one jitted function, as its users write it. Dropout and the optimizer are left out, so that it
// does a little less than the others.
import { readFileSync } from 'node:fs';
import {
  blockUntilReady,
  defaultDevice,
  init,
  jit,
  lax,
  nn,
  numpy as np,
  random,
  valueAndGrad,
} from '@jax-js/jax';
import { idleMib, serve } from '../../protocol.mjs';

const { system, size, batch } = JSON.parse(process.argv[2]);
await init('wasm');
defaultDevice('wasm');
const idle = idleMib();

let key = 0;
const draw = (shape) => random.normal(random.key(key++), shape).mul(0.05);
const convOf = (i, o) => ({ w: draw([o, i, 3, 3]), b: np.zeros([1, o, 1, 1]) });
const denseOf = (i, o) => ({ w: draw([i, o]), b: np.zeros([o]) });

const conv = ({ w, b }, x) => lax.convGeneralDilated(x, w, [1, 1], 'SAME').add(b);
const dense = ({ w, b }, x) => np.matmul(x, w).add(b);
const pool = (x) => lax.reduceWindow(x, np.max, [2, 2], [2, 2]);
const scaled = (x, s) => x.mul(s.reshape([batch, -1, 1, 1]));

const CHANNELS = [3, 32, 64, 128, 256];

const SYSTEMS = {
  'ae-cnn': {
    parameters: () => ({
      convs: [0, 1, 2, 3].map((i) => convOf(CHANNELS[i], CHANNELS[i + 1])),
      denses: [denseOf(128, 32), denseOf(32, 128), denseOf(256, 128), denseOf(128, 8)],
    }),
    forward({ convs, denses }, x) {
      for (let i = 0; i < 3; i++) x = pool(nn.relu(conv(convs[i], x)));
      const s = nn.sigmoid(dense(denses[1], nn.relu(dense(denses[0], np.mean(x.ref, [2, 3])))));
      x = nn.relu(conv(convs[3], scaled(x, s)));
      return dense(denses[3], nn.relu(dense(denses[2], np.mean(x, [2, 3]))));
    },
  },
  'se-cnn': {
    parameters: () => ({
      stages: [0, 1, 2, 3].map((i) => {
        const c = CHANNELS[i + 1];
        const mlp = () => [draw([c, c / 8]), draw([c / 8, c])];
        const norm = { gamma: np.ones([1, c, 1, 1]), beta: np.zeros([1, c, 1, 1]) };
        return { conv: convOf(CHANNELS[i], c), norm, mean: mlp(), max: mlp() };
      }),
      fc: denseOf(256 * (size / 16) ** 2, 8),
    }),
    forward({ stages, fc }, x) {
      const mlp = ([a, b], v) => np.matmul(nn.relu(np.matmul(v, a)), b);
      for (const stage of stages) {
        x = conv(stage.conv, x);
        const centred = x.ref.sub(np.mean(x, [0, 2, 3], { keepdims: true }));
        const variance = np.mean(np.square(centred.ref), [0, 2, 3], { keepdims: true });
        x = centred
          .div(np.sqrt(variance.add(1e-3)))
          .mul(stage.norm.gamma)
          .add(stage.norm.beta);
        x = pool(nn.relu(x));
        const mean = mlp(stage.mean, np.mean(x.ref, [2, 3]));
        x = scaled(x.ref, nn.sigmoid(mean.add(mlp(stage.max, np.max(x, [2, 3])))));
      }
      return dense(fc, x.reshape([batch, -1]));
    },
  },
};

const { parameters, forward } = SYSTEMS[system];
const loss = (p, x, labels) => {
  const logits = nn.logSoftmax(forward(p, x), -1);
  return np.mean(np.sum(logits.mul(labels), -1)).mul(-1);
};
const update = jit((p, x, labels) => valueAndGrad(loss)(p, x, labels));

const p = parameters();
const images = random.uniform(random.key(1000), [batch, 3, size, size]);
const labels = nn.oneHot(
  np.array(
    Array.from({ length: batch }, (_, i) => i % 8),
    { dtype: np.int32 },
  ),
  8,
);
const refs = (tree) =>
  Array.isArray(tree)
    ? tree.map(refs)
    : tree?.ref
      ? tree.ref
      : Object.fromEntries(Object.entries(tree).map(([name, inner]) => [name, refs(inner)]));
const dispose = (tree) => {
  if (tree?.dispose) tree.dispose();
  else for (const inner of Object.values(tree)) dispose(inner);
};

async function step() {
  const result = update(refs(p), images.ref, labels.ref);
  await blockUntilReady(result);
  dispose(result);
}

const { version } = JSON.parse(
  readFileSync(new URL('node_modules/@jax-js/jax/package.json', import.meta.url), 'utf8'),
);
await serve(step, idle, { 'jax-js': `${version} (wasm)`, node: process.version });
