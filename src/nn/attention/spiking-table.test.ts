/** Attention as drop-in blocks of spiking networks: where time is, what stays binary, and that each block does something. */
import { describe, expect, it } from 'vitest';
import { compile } from '../../compile/compile.ts';
import { createReferenceEngine } from '../../engine/reference.ts';
import { f32, size, type Value } from '../../graph/value.ts';
import { broadcastTo } from '../../ops/reduce.ts';
import { conv } from '../layers.ts';
import { Net } from '../net.ts';
import { ALIF } from '../spiking/alif.ts';
import { lif } from '../spiking/lif.ts';
import { spikeAttention } from './spike-attention.ts';
import { SPIKING_ATTENTION, SPIKING_ATTENTION_NAMES } from './spiking-table.ts';
import { ATTENTION_NAMES } from './table.ts';

const SHAPE = [2, 4, 6, 6];
const T = 3;
const WAVE = Float32Array.from({ length: size(SHAPE) }, (_, i) => Math.sin(i * i + 1));

const newNet = () => new Net({ framework: 'torch', training: false, seed: 3 });

/** What `build` makes of currents that are the same at every step, or have no time. */
async function run(timed: boolean, build: (net: Net, x: Value) => Value) {
  const net = newNet();
  const x = net.graph.input('x', f32(SHAPE));
  const y = build(net, timed ? broadcastTo(x, SHAPE, T) : x);
  net.graph.output('y', y);
  const program = createReferenceEngine().createSession().load(compile(net.graph));
  await program.run({ x: WAVE });
  return { time: y.time, shape: y.shape, y: [...program.read('y')] as number[] };
}

const isMask = (name: string) => name.endsWith('-mask');
const attend = (name: (typeof SPIKING_ATTENTION_NAMES)[number]) => (net: Net, x: Value) =>
  SPIKING_ATTENTION[name](net, 'a', x, { steps: T, reduction: 2 });

describe('SPIKING_ATTENTION', () => {
  it('has all blocks for any network, and the masks', () => {
    expect(SPIKING_ATTENTION_NAMES).toEqual([...ATTENTION_NAMES, 'alif-mask', 'lif-mask']);
  });

  it.each(SPIKING_ATTENTION_NAMES)('%s: a current with time keeps its shape', async (name) => {
    const { time, shape, y } = await run(true, attend(name));
    expect([time, shape]).toEqual([T, SHAPE]);
    const unchanged = y.every((value, i) => value === WAVE[i % WAVE.length]);
    expect(unchanged).toBe(name === 'none');
  });

  it.each(SPIKING_ATTENTION_NAMES.filter((name) => name !== 'none'))(
    '%s: a static current is weighed once, or masked at each step',
    async (name) => {
      const still = await run(false, attend(name));
      expect(still.time).toBe(isMask(name) ? T : null);
      const timed = await run(true, attend(name));
      const step = WAVE.length;
      if (isMask(name)) expect(still.y).toEqual(timed.y);
      else for (let t = 0; t < T; t++) expect(timed.y.slice(t * step, (t + 1) * step)).toEqual(still.y);
    },
  );

  it.each(SPIKING_ATTENTION_NAMES)('%s before the neurons: what they pass on is binary', (name) => {
    const net = newNet();
    const x = net.graph.input('x', f32(SHAPE));
    const { spikes } = lif(net, 'lif', attend(name)(net, x), { steps: T, beta: 0.9 });
    conv(net, 'conv', spikes, { filters: 4, kernel: 3 });
    const [layer] = net.graph.nodes.filter(({ op }) => op.name === 'conv2d').slice(-1);
    expect(layer.inputs[0]?.dtype).toBe('spike');
  });

  it('masks are those of paper (b) unless they are told otherwise', async () => {
    const direct = await run(true, (net, x) =>
      spikeAttention(net, 'a', x, { ...ALIF, steps: T, reduction: 2, neuron: 'alif' }),
    );
    expect((await run(true, attend('alif-mask'))).y).toEqual(direct.y);
    const low = await run(true, (net, x) =>
      SPIKING_ATTENTION['alif-mask'](net, 'a', x, { steps: T, reduction: 2, mask: { threshold: 0.1 } }),
    );
    const silent = (y: readonly number[]) => y.filter((value) => value === 0).length;
    expect(silent(low.y)).toBeGreaterThan(silent(direct.y));
  });
});
