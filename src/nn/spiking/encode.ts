/** How an image becomes what the first layer sees. */
import { mismatch } from '../../errors.ts';
import type { Value } from '../../graph/value.ts';
import { latencyEncode, rateEncode } from '../../ops/encode.ts';
import type { Net } from '../net.ts';

export const ENCODINGS = ['direct', 'rate', 'latency'] as const;
export type Encoding = (typeof ENCODINGS)[number];

/**
 * `direct`: the image itself, without time; its first layers are computed once and their current is
 * presented at every step. `rate`: Bernoulli spikes with the pixel as probability. `latency`: one spike a
 * pixel, the brighter the earlier, none below 0.01. A dense twin sees the image itself in any case.
 */
export function encode(net: Net, image: Value, encoding: Encoding, steps: number): Value {
  if (!ENCODINGS.includes(encoding)) throw mismatch('encode()', ENCODINGS.join(' or '), encoding);
  switch (net.twin ? 'direct' : encoding) {
    case 'direct':
      return image;
    case 'rate':
      return rateEncode(image, net.rng, { steps, stream: net.nextStream() });
    case 'latency':
      return latencyEncode(image, { steps, threshold: 0.01 });
  }
}
