// Holds Soma's Grad-CAM against PyTorch's on the same weights and images: the correlation of their maps over all pixels.
//
//   node bench/grad-cam.mjs [--python P] [--images N] RUN…
//
// A RUN is a folder that `soma train` left, of a system that bench/peers has, on colour images of eight classes; of SCNN with
// its default surrogate. Networks without time are explained by pytorch-grad-cam where it is installed (`pip install
// grad-cam`).
import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import * as soma from '../dist/index.js';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { python: { type: 'string', default: 'python3' }, images: { type: 'string', default: '24' } },
});
const here = new URL('.', import.meta.url).pathname;
const build = `${here}../build/bench`;
mkdirSync(build, { recursive: true });
const file = `${build}/grad-cam.f32`;

/** The smallest correlation with which two maps are called the same. */
const SAME = 0.99;

function correlation(a, b) {
  const mean = (x) => x.reduce((sum, each) => sum + each, 0) / x.length;
  const [ma, mb] = [mean(a), mean(b)];
  let [ab, aa, bb] = [0, 0, 0];
  a.forEach((x, i) => {
    ab += (x - ma) * (b[i] - mb);
    aa += (x - ma) ** 2;
    bb += (b[i] - mb) ** 2;
  });
  // A map that is the same everywhere is like another one that is.
  return aa === 0 || bb === 0 ? Number(aa === bb) : ab / Math.sqrt(aa * bb);
}

/** Images of the test split at even distances: as bytes, and as the network takes them. */
async function testImages(config, count) {
  const dataset = await soma.openRunData(config);
  const { test } = dataset.splits;
  const indices = Array.from({ length: count }, (_, i) => Math.floor(((i + 0.5) / count) * test.length));
  const images = [];
  for (const index of indices) {
    const pixels = new Uint8Array(dataset.height * dataset.width * dataset.channels);
    await test.read(index, pixels);
    images.push({ name: test.name(index), truth: test.labels[index], pixels });
  }
  await dataset.close();
  return images;
}

/** Weights, statistics and constants of neurons in the order in which the peer asks for them. */
function numbersOf(session, variables) {
  const kinds = [
    /^(?!.*\.(beta|threshold|running_mean|running_var)$)/,
    /\.running_(mean|var)$/,
    /\.(beta|threshold)$/,
  ];
  const names = variables.map(({ name }) => name);
  return kinds
    .flatMap((kind) => names.filter((name) => kind.test(name)))
    .map((name) => session.readVariable(name));
}

/** The peer's spiking network has the surrogate of its paper and no other. */
function expectPeer(path, { system, options }) {
  if (system !== 'scnn') return;
  const { surrogate, slope } = soma.findSystem(system).options.parse({});
  if (options.surrogate !== surrogate || options.slope !== slope)
    throw new Error(
      `grad-cam(${path}): expected the default surrogate of ${system}, ${surrogate} with slope ${slope}, got ${options.surrogate} with slope ${options.slope}; take another run`,
    );
}

async function compare(path) {
  const run = new soma.RunFolder(path);
  const config = await run.config();
  expectPeer(path, config);
  const session = soma.openEngine().createSession();
  const weights = config.settings.evaluate;
  const network = soma.networkOf(run, config, session, weights);
  const images = await testImages(config, Number(values.images));
  const request = {
    network,
    images,
    methods: ['grad-cam'],
    asked: 'predicted',
    // The peers look at the last convolution, also of a spiking network.
    options: { ...soma.EXPLAIN_DEFAULTS, layer: config.system === 'scnn' ? 'conv2' : undefined },
  };
  const explained = await soma.explainImages(request);
  const { net } = soma.predictionStep(network.spec, 1);
  const bytes = soma.imageValues(
    images.map(({ pixels }) => pixels),
    network.spec,
  );
  const parts = [...numbersOf(session, net.variables), bytes];
  writeFileSync(file, Buffer.concat(parts.map((part) => Buffer.from(part.slice().buffer))));
  const classes = explained.map(({ asked }) => asked);
  const job = {
    system: config.system,
    size: config.data.height,
    steps: config.options.T ?? 1,
    classes,
    file,
  };
  const out = execFileSync(values.python, [`${here}peers/grad_cam.py`, JSON.stringify(job)], {
    encoding: 'utf8',
    maxBuffer: 2 ** 30,
  });
  const { by, maps } = JSON.parse(out.trim().split('\n').at(-1));
  session.close();
  const correlations = explained.map((each, i) => correlation(each.maps[0].heat.values, maps[i]));
  return { system: config.system, layer: explained[0].maps[0].layer, by, correlations };
}

for (const path of positionals) {
  const { system, layer, by, correlations } = await compare(path);
  const [lowest, ...others] = correlations.sort((a, b) => a - b);
  const mean = correlations.reduce((sum, r) => sum + r, 0) / correlations.length;
  const same = lowest >= SAME;
  if (!same) process.exitCode = 1;
  console.log(
    `${system.padEnd(10)} ${layer.padEnd(8)} ${same ? 'same' : 'DIFFERS'}  correlation over ${others.length + 1} images: mean ${mean.toFixed(6)}, lowest ${lowest.toFixed(6)} (${by})`,
  );
}
rmSync(file, { force: true });
