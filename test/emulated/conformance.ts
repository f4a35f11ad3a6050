/**
 * The conformance suite without a test runner, for a processor that is only emulated (run.sh): Node from 22.18 on
 * runs TypeScript as it is, so no compiled package is needed there. Emulation is slow: `conformance.ts 1 2` runs the
 * second half of the cases, for a processor each.
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
const native = contestants(isas, [1, 3]);
const [share, shares] = process.argv.length > 2 ? process.argv.slice(2).map(Number) : [0, 1];
let count = 0;
let passed = 0;
let failed = 0;
for (const [suites, tolerance] of [
  [OP_CASES, OP_TOLERANCE],
  [FUSED_CASES, NETWORK_TOLERANCE],
] as const)
  for (const [suite, cases] of Object.entries(suites)) {
    for (const item of cases) {
      if (count++ % shares !== share) continue;
      try {
        await checkCase(item, tolerance, native);
        passed++;
      } catch (error) {
        failed++;
        console.error(`${suite} ${item.name}: ${(error as Error).message}`);
      }
    }
  }
console.log(`${process.arch}, ${isas.join(', ')}: ${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
