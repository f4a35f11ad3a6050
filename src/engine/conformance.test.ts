/**
 * One suite for all engines: every op and every fused step, on odd shapes, is executed by the reference engine
 * and by the native one, for each instruction set of this machine and for one, two and three threads.
 * conformance/check.ts says what is compared.
 */
import { describe, expect, test } from 'vitest';
import type { Case } from './conformance/case.ts';
import { FUSED_CASES, OP_CASES } from './conformance/cases.ts';
import { checkCase, contestants, NETWORK_TOLERANCE, OP_TOLERANCE } from './conformance/check.ts';
import { loadAddon } from './native/addon.ts';

const loaded = loadAddon();
const isas = 'addon' in loaded ? loaded.addon.isas() : [];
if ('failure' in loaded) console.warn(`conformance: ${loaded.failure}`);
const native = contestants(isas);

describe.skipIf(isas.length === 0)(`native (${isas.join(', ')}) against reference`, () => {
  const suite = (name: string, cases: readonly Case[], tolerance: number) =>
    describe(name, () => {
      test.each(cases)('$name', (item) =>
        expect(checkCase(item, tolerance, native)).resolves.toBeUndefined(),
      );
    });
  for (const [op, cases] of Object.entries(OP_CASES)) suite(op, cases, OP_TOLERANCE);
  for (const [network, cases] of Object.entries(FUSED_CASES)) suite(network, cases, NETWORK_TOLERANCE);
});
