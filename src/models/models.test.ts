/** Parameter counts of every system against the master table of the systems sheet (section I). */
import { describe, expect, it } from 'vitest';
import { f32 } from '../graph/value.ts';
import { Net } from '../nn/net.ts';
import { findSystem, SYSTEMS } from './registry.ts';

function parameters(name: string, size: number, classes = 8, options: object = {}): number {
  const system = findSystem(name);
  const net = new Net({ framework: system.framework, training: true, seed: 0 });
  const image = net.graph.input('images', f32([2, 3, size, size]));
  const logits = system.build(net, { image, classes }, system.options.parse(options));
  expect(logits.shape).toEqual([2, classes]);
  expect(logits.time).toBeNull();
  return net.parameterCount;
}

describe('parameter counts', () => {
  it('SCNN, 28 px: 125,838', () => expect(parameters('scnn', 28)).toBe(125_838));
  it('SCNN, 64 px: 337,806', () => expect(parameters('scnn', 64)).toBe(337_806));
  it('SCNN with fixed β and θ has 6 fewer', () =>
    expect(parameters('scnn', 28, 8, { learnBeta: false, learnThreshold: false })).toBe(125_832));
  it('AE-CNN: 430,696', () => expect(parameters('ae-cnn', 64)).toBe(430_696));
  it('AE-CNN without attention: 422,344', () =>
    expect(parameters('ae-cnn', 64, 8, { attention: false })).toBe(422_344));
});

describe('registry', () => {
  it('answers a wrong name with the nearest one', () => {
    expect(() => findSystem('scn')).toThrow(/expected scnn or ae-cnn, got scn; did you mean scnn\?/);
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
