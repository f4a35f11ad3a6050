// A network in onnxruntime-node, to be timed: onnx-worker.mjs '{"file", "size", "batch", "threads"}'.
import ort from 'onnxruntime-node';
import packageJson from 'onnxruntime-node/package.json' with { type: 'json' };
import { idleMib, serve } from '../../protocol.mjs';

const { file, size, batch, threads } = JSON.parse(process.argv[2]);
const idle = idleMib();
const session = await ort.InferenceSession.create(file, {
  executionProviders: ['cpu'],
  intraOpNumThreads: threads,
  interOpNumThreads: 1,
  graphOptimizationLevel: 'all',
});
const data = Float32Array.from({ length: batch * 3 * size * size }, () => Math.random());
const images = new ort.Tensor('float32', data, [batch, 3, size, size]);
await serve(() => session.run({ images }), idle, {
  'onnxruntime-node': packageJson.version,
  node: process.version,
});
