/** Parameter counts of every system against the master table of the systems sheet (section I). */
import { describe, expect, it } from 'vitest';
import { elements, f32 } from '../graph/value.ts';
import { Net } from '../nn/net.ts';
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
    expect(() => trace('ms-resnet18', 28, 10, {}, 1)).toThrow(
      /for normalization=cifar10, got 1; set normalization=fashion-mnist/,
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

  it('refuses an unknown option', () => {
    expect(SYSTEMS.scnn.options.safeParse({ betta: 0.5 }).success).toBe(false);
  });
});
