/** Parameter counts of every system against those of its paper, or counted by hand. */
import { describe, expect, it } from 'vitest';
import { elements, f32 } from '../graph/value.ts';
import { surrogateDerivative } from '../neurons/surrogate.ts';
import { Net } from '../nn/net.ts';
import type { AlifAttrs } from '../ops/alif.ts';
import { autoclassifier } from './autoclassifier.ts';
import { findSystem, SYSTEMS } from './registry.ts';

function trace(name: string, size: number, classes = 8, options: object = {}, channels = 3): Net {
  const system = findSystem(name);
  const net = new Net({ framework: system.framework, training: true, seed: 0 });
  const image = net.graph.input('images', f32([2, channels, size, size]));
  const logits = system.build(net, { image, classes }, system.options.parse(options));
  expect(logits.shape).toEqual([2, classes]);
  expect(logits.time).toBeNull();
  return net;
}

function parameters(...network: Parameters<typeof trace>): number {
  return trace(...network).parameterCount;
}

/** As Keras counts: running means and variances too. */
function total(...network: Parameters<typeof trace>): number {
  const net = trace(...network);
  return net.parameterCount + net.stateCount;
}

describe('parameter counts', () => {
  it('SCNN, 28 px: 125,838', () => expect(parameters('scnn', 28)).toBe(125_838));
  it('SCNN, 64 px: 337,806', () => expect(parameters('scnn', 64)).toBe(337_806));
  it('SCNN with fixed β and θ has 6 fewer', () =>
    expect(parameters('scnn', 28, 8, { learnBeta: false, learnThreshold: false })).toBe(125_832));
  it('AE-CNN: 430,696', () => expect(parameters('ae-cnn', 64)).toBe(430_696));
  it('AE-CNN without attention: 422,344', () =>
    expect(parameters('ae-cnn', 64, 8, { attention: false })).toBe(422_344));
  it('SE-CNN: 466,632', () => expect(total('se-cnn', 64)).toBe(466_632));
  it('SE-CNN with one network for mean and maximum: 444,872', () =>
    expect(total('se-cnn', 64, 8, { attention: 'shared-channel' })).toBe(444_872));
  it('SE-CNN with classical squeeze-and-excitation: 444,872', () =>
    expect(total('se-cnn', 64, 8, { attention: 'squeeze-excite' })).toBe(444_872));
  it('SE-CNN without attention, the stride-2 CNN: 423,112', () =>
    expect(total('se-cnn', 64, 8, { attention: 'none' })).toBe(423_112));
  it.each([
    ['cnn', 8_778_952],
    ['cnn-stride2', 423_112],
    ['cnn-ablation-1', 4_287_560],
    ['cnn-ablation-2', 4_287_560],
    ['cnn-ablation-3', 8_777_032],
    ['cnn-ablation-4', 8_777_032],
    ['cnn-ablation-5', 8_778_952],
    ['cnn-ablation-6', 67_203_272],
    ['cnn-ablation-7', 134_313_288],
    ['cnn-ablation-8', 67_203_272],
    ['cnn-ablation-9', 134_313_288],
    ['cnn-ablation-10', 134_607_304],
    ['cnn-ablation-11', 268_826_184],
    ['cnn-ablation-12', 134_607_304],
    ['cnn-ablation-13', 268_826_184],
    ['vgg', 1_208_872],
    ['vgg8', 4_617_000],
    ['vgg12', 3_998_248],
    ['vgg15', 8_855_592],
    ['vgg18', 15_154_728],
    ['inception', 15_586_888],
    ['resnet34', 21_314_312],
    ['autoclassifier', 2_245_224],
    ['sa-cnn', 423_504],
    ['cbam-cnn', 467_024],
    ['se-vgg15', 7_273_000],
    ['sa-vgg15', 7_098_898],
    ['cbam-vgg15', 7_273_490],
  ])('%s of paper (c), moving statistics included: %i', (name, count) => {
    expect(total(name, 64)).toBe(count);
  });
  it('the AutoClassifier trains 1,590,696 behind an auto-encoder of 652,544 + 654,403', () => {
    const net = trace('autoclassifier', 64);
    expect(net.trainable.reduce((sum, { shape }) => sum + elements(f32(shape)), 0)).toBe(1_590_696);
    expect(trace('autoclassifier', 64, 8, { freeze: false }).trainable).toEqual(
      expect.arrayContaining([expect.objectContaining({ shape: [64, 4096] })]),
    );
    const { pretraining, options } = autoclassifier;
    const both = new Net({ framework: 'keras', training: true, seed: 0 });
    const image = both.graph.input('images', f32([2, 3, 64, 64]));
    const again = pretraining?.build(both, { image, classes: 8 }, options.parse({}));
    expect(again?.shape).toEqual([2, 3, 64, 64]);
    const count = (part: string) =>
      both.variables
        .filter(({ name }) => name.startsWith(part))
        .reduce((sum, { shape }) => sum + elements(f32(shape)), 0);
    expect([count('encoder.'), count('decoder.')]).toEqual([652_544, 654_403]);
    expect(both.parameterCount + both.stateCount).toBe(1_306_947);
  });
  it('the dilated CNN has as many as the CNN', () =>
    expect(total('cnn', 64, 8, { dilated: true })).toBe(8_778_952));
  it.each([
    [16, 6_954],
    [8, 13_758],
    [4, 27_366],
  ])('BIASNN and LASNN, r = %i: %i more than MS-ResNet18', (reduction, more) => {
    for (const name of ['biasnn', 'lasnn'])
      expect(parameters(name, 32, 10, { reduction })).toBe(11_181_642 + more);
  });
  it('NeurALLNet stand-in, 4 classes: 336,548, of which 800 are of BatchNorm', () => {
    expect(parameters('neurallnet', 96, 4)).toBe(336_548);
    expect(parameters('neurallnet', 64, 8)).toBe(336_548 + 1_028);
    expect(parameters('neurallnet', 96, 4, { attention: 'none' })).toBe(336_548 - 64 - 4_096 - 16_384);
  });
  it.each([
    ['scnn', 'squeeze-excite', 64 * 8 * 2 + 128 * 16 * 2],
    ['scnn', 'shared-cbam', 64 * 8 * 2 + 128 * 16 * 2 + 2 * 98],
    ['ms-resnet18', 'spatial', 3 * 98],
    ['ms-resnet18', 'squeeze-excite', 2 * (64 * 4 + 128 * 8 + 256 * 16)],
    ['ms-resnet18', 'alif-mask', 6_954],
    ['biasnn', 'none', -6_954],
    ['lasnn', 'alif-mask', 0],
    ['neurallnet', 'none', -64 - 4_096 - 16_384],
  ])('%s with attention=%s: %i more', (name, attention, more) => {
    expect(parameters(name, 32, 10, { attention }) - parameters(name, 32, 10)).toBe(more);
  });
  it.each([
    ['none', 475_752],
    ['squeeze-excite', 475_752 + 2 * (64 * 8 + 96 * 12 + 128 * 16)],
    ['cbam', 475_752 + 4 * (64 * 8 + 96 * 12 + 128 * 16) + 3 * 98],
    ['alif-mask', 475_752 + 970 + 1_814 + 2_914],
  ])('spiking attention net with %s: %i, also in its dense twin', (attention, count) => {
    expect(parameters('spiking-attention-net', 64, 8, { attention })).toBe(count);
    const twin = trace('spiking-attention-net', 64, 8, { attention, neuron: 'relu' });
    expect([twin.parameterCount, twin.spikes.size]).toEqual([count, 0]);
    expect(count).toBeLessThan(500_000);
  });
  it('MS-ResNet18, CIFAR-10: 11,181,642', () => expect(parameters('ms-resnet18', 32, 10)).toBe(11_181_642));
  it('MS-ResNet18, CIFAR-100: 11,227,812', () =>
    expect(parameters('ms-resnet18', 32, 100, { normalization: 'cifar100' })).toBe(11_227_812));
  it('MS-ResNet18, Fashion-MNIST: 11,175,370', () =>
    expect(parameters('ms-resnet18', 28, 10, { normalization: 'fashion-mnist' }, 1)).toBe(11_175_370));
  it.each([
    ['vision-cnn', 546_688, 569_818],
    ['attention-cnn1', 546_694, 569_824],
    ['attention-cnn2', 546_835, 569_965],
    ['attention-cnn3', 983_384, 1_006_514],
  ])('%s, CIFAR-10: %i, CIFAR-100: %i', (name, ten, hundred) => {
    expect(parameters(name, 32, 10)).toBe(ten);
    expect(parameters(name, 32, 100)).toBe(hundred);
  });
  it.each([
    ['vgg16', 32, 14_714_688, 512, 2_359_808],
    ['resnet50', 32, 23_587_712, 2048, 0],
    ['xception', 71, 20_861_480, 2048, 4096],
  ])(
    '%s at %i px: %i and a head on %i, of which %i train with freeze=transfer',
    (name, size, base, features, trained) => {
      for (const classes of [10, 100]) {
        const head = (features + 1) * classes;
        expect(total(name, size, classes)).toBe(base + head);
        const net = trace(name, size, classes, { freeze: 'transfer' });
        expect(net.parameterCount + net.stateCount).toBe(base + head);
        expect(net.trainable.reduce((sum, { shape }) => sum + elements(f32(shape)), 0)).toBe(trained + head);
      }
    },
  );
  it('Attention-CNN 1 without biases: 546,691', () =>
    expect(parameters('attention-cnn1', 32, 10, { qkvBias: false })).toBe(546_691));
});

describe('MS-ResNet18', () => {
  it('computes the stem once, and has 17 spiking layers with time', () => {
    const net = trace('ms-resnet18', 32, 10, { T: 3, width: 8 });
    const conv = (scope: string) =>
      net.graph.nodes.find((node) => node.scope === scope && node.op.name === 'conv2d');
    expect(conv('conv1')?.outputs[0].time).toBeNull();
    expect(conv('block1.conv1')?.outputs[0].time).toBe(3);
    expect(net.spikes.size).toBe(17);
    expect([...net.spikes.values()].map((s) => s.shape.slice(1).join())).toEqual(
      ['8,32,32', '16,16,16', '32,8,8', '64,4,4']
        .flatMap((map, i, maps) => (i === 0 ? [map, map, map, map] : [maps[i - 1], map, map, map]))
        .concat('64,4,4'),
    );
  });

  it('says what to do about images of one channel', () => {
    const normalization = 'cifar10';
    expect(() => trace('ms-resnet18', 28, 10, { normalization }, 1)).toThrow(
      /for normalization=cifar10, got 1; set normalization=fashion-mnist/,
    );
  });
});

describe('BIASNN', () => {
  it('has attention on maps of 64@32, 128@16 and 256@8, behind blocks 2, 4 and 6', () => {
    const net = trace('biasnn', 32, 10);
    const attended = net.graph.nodes.filter((node) => node.op.name === 'suppress');
    expect(attended.map((node) => [node.scope, ...node.outputs[0].shape.slice(1)])).toEqual([
      ['attention2', 64, 32, 32],
      ['attention4', 128, 16, 16],
      ['attention6', 256, 8, 8],
    ]);
    expect(attended.every((node) => node.outputs[0].time === 4)).toBe(true);
    expect(net.spikes.size).toBe(20);
  });

  it('has the surrogate that the paper prints, or snnTorch’s', () => {
    const slope = (options: object) => {
      const [node] = trace('biasnn', 32, 10, options).graph.nodes.filter(({ op }) => op.name === 'alif');
      return surrogateDerivative((node.attrs as AlifAttrs).surrogate, 0);
    };
    expect(slope({})).toBeCloseTo(1 / Math.PI, 12);
    expect(slope({ alpha: 4 })).toBeCloseTo(1 / Math.PI, 12);
    expect(slope({ alpha: 4, arctanScale: '1' })).toBeCloseTo(2, 12);
  });
});

describe('spiking attention net', () => {
  it('has 7 spiking layers, none with time above a quarter of the pixels; its twin has neither', () => {
    const net = trace('spiking-attention-net', 64);
    const maps = [...net.spikes.values()].map(({ shape }) => shape.slice(1, 3).join('@'));
    expect(maps).toEqual(['32@32', '64@16', '64@16', '96@8', '96@8', '128@4', '128@4']);
    const twin = trace('spiking-attention-net', 64, 8, { neuron: 'relu' });
    expect(twin.spikes.size).toBe(0);
    expect(twin.graph.nodes.every(({ outputs }) => outputs.every(({ time }) => time === null))).toBe(true);
  });

  it.each(['squeeze-excite', 'cbam', 'alif-mask'])(
    'reads spikes in all 3×3 convolutions behind %s',
    (attention) => {
      const { nodes } = trace('spiking-attention-net', 64, 8, { attention }).graph;
      const convolutions = nodes.filter(
        ({ op, scope }) => op.name === 'conv2d' && /^block\d\.conv\d$/.test(scope),
      );
      expect(convolutions.map(({ inputs }) => inputs[0]?.dtype)).toEqual(Array(6).fill('spike'));
    },
  );

  it('has more blocks with depth', () => {
    expect(trace('spiking-attention-net', 64, 8, { depth: 2, width: 16 }).spikes.size).toBe(13);
  });
});

describe('CNNs of paper (c)', () => {
  const maps = (name: string, options = {}) =>
    trace(name, 64, 8, options)
      .graph.nodes.filter((node) => node.op.name === 'maxPool2d')
      .map((node) => node.outputs[0].shape[2]);

  it('keeps the size of the maps where the paper says it halves them', () => {
    expect(maps('cnn')).toEqual([64, 64, 64, 64]);
    expect(maps('cnn-stride2')).toEqual([32, 16, 8, 4]);
    expect(maps('cnn', { poolStride: 2 })).toEqual(maps('cnn-stride2'));
  });

  it('pools behind every convolution but, without a final pool, the last', () => {
    expect(maps('cnn-ablation-3')).toHaveLength(3);
    expect(maps('cnn-ablation-4')).toHaveLength(4);
  });

  it('Inception joins branches of 384, 576, 1024, 1408 and 1536 maps', () => {
    const joined = trace('inception', 64).graph.nodes.filter((node) => node.op.name === 'concat');
    const shapes = joined.map((node) => node.outputs[0].shape.slice(1, 3).join('@'));
    expect([...new Set(shapes)]).toEqual(['384@32', '576@16', '1024@16', '1408@8', '1536@8']);
  });

  it('ResNet34 has 16 blocks on maps of 16, 8, 4 and 2', () => {
    const sums = trace('resnet34', 64).graph.nodes.filter((node) => node.op.name === 'add');
    expect(sums.map((node) => node.outputs[0].shape[2])).toEqual(
      [16, 8, 4, 2].flatMap((side, i) => Array([3, 4, 6, 3][i]).fill(side)),
    );
  });
});

describe('registry', () => {
  it('answers a wrong name with the nearest one', () => {
    expect(() => findSystem('scn')).toThrow(/expected scnn or ae-cnn or .*, got scn; did you mean scnn\?/);
  });

  it('has systems whose defaults are complete', () => {
    for (const [name, system] of Object.entries(SYSTEMS)) {
      expect(system.name).toBe(name);
      expect(system.options.safeParse({}).success).toBe(true);
      expect(system.training.lr).toBeGreaterThan(0);
    }
  });

  it('the auto-encoder says which sizes it halves without a rest', () => {
    const net = new Net({ framework: 'keras', training: true, seed: 0 });
    const image = net.graph.input('images', f32([2, 3, 28, 28]));
    const { pretraining, options } = autoclassifier;
    expect(() => pretraining?.build(net, { image, classes: 8 }, options.parse({}))).toThrow(
      /multiples of 16, got 28×28; set --size/,
    );
    expect(options.safeParse({ latent: 30 }).error?.issues[0].message).toMatch(/multiple of 4/);
  });

  it('refuses an unknown option', () => {
    expect(SYSTEMS.scnn.options.safeParse({ betta: 0.5 }).success).toBe(false);
  });
});
