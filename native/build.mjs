// Builds the native engine: build/native/soma.node, with nothing but Node and a C++ compiler.
//
//   node native/build.mjs [--debug] [--sanitize=address,undefined] [--arch=arm64]
//
// native/*.cc is compiled once; native/kernels/*.cc once for each instruction set, into a namespace of its
// own; the right one is chosen when the add-on is loaded. Objects are kept in build/native/<variant>/ and
// reused while their source, the headers it includes and the flags are the same. Without a compiler the build
// says so and succeeds: Soma then runs on its slow reference engine.
//
// --arch builds for another processor with a cross compiler (CXX, else g++ of the usual name), beside the others:
// build/native/arm64/soma.node.
// --debug and --sanitize build another add-on beside it, build/native/<variant>/soma.node, which SOMA_ADDON
// names to load it (with the sanitizer's library preloaded: LD_PRELOAD=$(g++ -print-file-name=libasan.so)).
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import { basename, dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const sourceDir = join(root, 'native');

const { values: options } = parseArgs({
  options: {
    debug: { type: 'boolean', default: false },
    sanitize: { type: 'string', default: '' },
    arch: { type: 'string', default: process.arch },
  },
});
const crossing = options.arch !== process.arch;
const kind = options.sanitize
  ? `sanitize-${options.sanitize.replaceAll(',', '-')}`
  : options.debug
    ? 'debug'
    : 'release';
const variant = crossing ? options.arch : kind;
const objectDir = join(root, 'build', 'native', variant);
const target = join(variant === 'release' ? dirname(objectDir) : objectDir, 'soma.node');

/** Instruction sets by processor; the link order is this order, see below. */
const ISAS = {
  x64: {
    baseline: ['-msse2'],
    avx2: ['-mavx2', '-mfma', '-mbmi2'],
    avx512: ['-mavx512f', '-mavx512bw', '-mavx512dq', '-mavx512vl', '-mfma', '-mbmi2'],
  },
  arm64: { neon: [] },
};

const CROSS_COMPILERS = { arm64: 'aarch64-linux-gnu-g++', x64: 'x86_64-linux-gnu-g++' };

function findCompiler() {
  const tried = [];
  const names = crossing ? [CROSS_COMPILERS[options.arch]] : ['g++', 'clang++'];
  for (const name of [process.env.CXX, ...names]) {
    if (!name) continue;
    const { status, stdout } = spawnSync(name, ['--version'], { encoding: 'utf8' });
    if (status === 0) return { name, version: stdout.split('\n')[0], tried };
    tried.push(name);
  }
  return { name: null, version: '', tried };
}

function nodeApiHeaders() {
  const require = createRequire(import.meta.url);
  return require('node-api-headers').include_dir;
}

const sources = (dir) =>
  readdirSync(dir)
    .filter((file) => file.endsWith('.cc'))
    .sort()
    .map((file) => join(dir, file));

function digest(parts) {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part).update('\0');
  return hash.digest('hex');
}

/** The source of a job and what it includes, as the compiler listed it when it last compiled it. */
function included({ source, object }) {
  const list = object.replace(/\.o$/, '.d');
  if (!existsSync(list)) return [source];
  const text = readFileSync(list, 'utf8').replaceAll('\\\n', ' ');
  const names = text.slice(text.indexOf(': ') + 2).match(/(?:\\ |\S)+/g) ?? [];
  return names.map((name) => name.replaceAll('\\ ', ' '));
}

/** Runs the compiler; resolves to its messages, or throws them. */
function compile(compiler, args) {
  return new Promise((resolve, reject) => {
    const child = spawn(compiler, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    let messages = '';
    child.stderr.on('data', (chunk) => {
      messages += chunk;
    });
    child.on('error', reject);
    child.on('close', (code, signal) => {
      if (code === 0) resolve(messages);
      else reject(new Error(messages || `${compiler} ended with ${signal ?? `exit code ${code}`}`));
    });
  });
}

/** Runs `work` on all items, as many at a time as there are cores. */
async function inParallel(items, work) {
  const queue = [...items];
  const worker = async () => {
    for (let item = queue.shift(); item; item = queue.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: os.availableParallelism() }, worker));
}

async function build() {
  const isas = ISAS[options.arch];
  if (!isas) {
    console.log(`native: no kernels for ${options.arch}; the slow reference engine will be used.`);
    return;
  }
  const compiler = findCompiler();
  if (!compiler.name) {
    console.log(
      `native: no C++ compiler found (tried ${compiler.tried.join(', ')}); the slow reference engine will be used.\n` +
        '        Install g++ or clang++ (C++20), or name one in CXX, and run `npm run build:native`.',
    );
    return;
  }
  console.log(
    `native: ${compiler.version}; ${Object.keys(isas).join(', ')}${variant === 'release' ? '' : `; ${variant}`}`,
  );

  const sanitize = options.sanitize ? [`-fsanitize=${options.sanitize}`, '-fno-omit-frame-pointer'] : [];
  const common = [
    '-std=c++20',
    ...(kind === 'release' ? ['-O3'] : ['-O1', '-g']),
    ...[
      '-fPIC',
      '-ffp-contract=off',
      '-fno-math-errno',
      // Where a short loop begins within a line of code decides a twentieth of its time.
      '-falign-loops=64',
      '-fvisibility=hidden',
      '-Wall',
      '-Wextra',
      '-pthread',
    ],
    ...sanitize,
  ];
  const engineFlags = [
    '-DNAPI_VERSION=8',
    `-I${nodeApiHeaders()}`,
    ...Object.keys(isas).map((isa) => `-DSOMA_HAS_${isa.toUpperCase()}`),
  ];
  const jobs = sources(sourceDir).map((source) => ({
    source,
    name: basename(source, '.cc'),
    flags: [...common, ...engineFlags],
  }));
  for (const [isa, flags] of Object.entries(isas))
    for (const source of sources(join(sourceDir, 'kernels')))
      jobs.push({
        source,
        name: `${basename(source, '.cc')}.${isa}`,
        flags: [...common, ...flags, `-DSOMA_ISA=${isa}`],
      });

  mkdirSync(objectDir, { recursive: true });
  for (const job of jobs) job.object = join(objectDir, `${job.name}.o`);
  const known = (path) => (existsSync(path) ? readFileSync(path, 'utf8') : '');
  // With the path of the source: what was compiled in another folder lists the files of that one.
  const current = (job) => digest([compiler.version, job.source, ...job.flags, ...included(job).map(known)]);
  const stale = jobs.filter(
    (job) => !existsSync(job.object) || known(`${job.object}.digest`) !== current(job),
  );
  const started = performance.now();
  await inParallel(stale, async (job) => {
    rmSync(`${job.object}.digest`, { force: true });
    let messages;
    try {
      messages = await compile(compiler.name, [...job.flags, '-MMD', '-c', job.source, '-o', job.object]);
    } catch (error) {
      throw new Error(`${relative(root, job.source)} (${job.name}) does not compile:\n${error.message}`);
    }
    if (messages) process.stderr.write(messages);
    writeFileSync(`${job.object}.digest`, current(job));
  });
  console.log(
    `native: compiled ${stale.length} of ${jobs.length} objects in ${((performance.now() - started) / 1000).toFixed(1)} s`,
  );

  // Where two objects hold the same inline function the linker keeps the first: the plainest
  // instruction set must come first, so that no newer instruction runs on an older processor.
  const objects = jobs.map((job) => job.object);
  const linked = digest(jobs.map((job) => known(`${job.object}.digest`)));
  if (existsSync(target) && known(`${target}.digest`) === linked) {
    console.log(`native: ${relative(root, target)} is up to date`);
    return;
  }
  const shared = process.platform === 'darwin' ? ['-bundle', '-undefined', 'dynamic_lookup'] : ['-shared'];
  await compile(compiler.name, [...shared, '-pthread', ...sanitize, ...objects, '-o', `${target}.new`]);
  // Renamed into place: a process that has the old one mapped keeps it.
  renameSync(`${target}.new`, target);
  writeFileSync(`${target}.digest`, linked);
  console.log(`native: linked ${relative(root, target)}`);
}

try {
  await build();
} catch (error) {
  console.error(`native: ${error.message}`);
  process.exitCode = 1;
}
