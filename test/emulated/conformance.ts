/**
 * The conformance suite without a test runner, for a processor that is only emulated (run.sh): Node from 22.18 on
 * runs TypeScript as it is, so no compiled package is needed there.
 */
import { FUSED_CASES, OP_CASES } from '../../src/engine/conformance/cases.ts';
import {
  checkCase,
  contestants,
  NETWORK_TOLERANCE,
  OP_TOLERANCE,
} from '../../src/engine/conformance/check.ts';
import { requireAddon } from '../../src/engine/native/addon.ts';

const isas = requireAddon().isas();
const native = contestants(isas);
let passed = 0;
let failed = 0;
for (const [suites, tolerance] of [
  [OP_CASES, OP_TOLERANCE],
  [FUSED_CASES, NETWORK_TOLERANCE],
] as const)
  for (const [suite, cases] of Object.entries(suites)) {
    const start = performance.now();
    for (const item of cases) {
      try {
        await checkCase(item, tolerance, native);
        passed++;
      } catch (error) {
        failed++;
        console.error(`${suite} ${item.name}: ${(error as Error).message}`);
      }
    }
    console.log(`${suite}: ${cases.length} cases, ${((performance.now() - start) / 1000).toFixed(1)} s`);
  }
console.log(`${process.arch}, ${isas.join(', ')}: ${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
