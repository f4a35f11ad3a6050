/** Which convolutions can be driven by events, that is by spikes or by gradients that are not zero. */
import type { Node } from '../graph/value.ts';
import type { Conv2dGradAttrs, ConvGeometry } from '../ops/conv2d.ts';
import { convGeometry } from '../ops/conv2d.ts';

/**
 * 3×3, stride 1, and padding small enough that all outputs lie in the map that is one pixel larger on each side:
 * where the event-driven kernels work (native/kernels/conv_scatter.h).
 */
export function canBeEventDriven(geometry: ConvGeometry): boolean {
  const { c, o, h, w, oh, ow, kh, kw, stride, padding, dilation, groups } = geometry;
  const blocked = c > 4 && o > 4 && groups === 1;
  const three = [kh, kw].every((n) => n === 3) && [...stride, ...dilation].every((n) => n === 1);
  const [top, , left] = padding;
  const fits = (size: number, out: number, before: number) =>
    before <= 2 && out <= size + before && size + before <= out + 2;
  return blocked && three && fits(h, oh, top) && fits(w, ow, left);
}

/** Whether the gradient of weights is made from spikes, event by event where these are few. */
export function isEventDrivenWeightGradient({ inputs, attrs }: Node): boolean {
  const [x] = inputs;
  const target = attrs as Conv2dGradAttrs;
  return x?.dtype === 'spike' && canBeEventDriven(convGeometry(x.shape, target.target, target, x.time));
}
