/**
 * Attention blocks by name, as drop-in layers [N, C, H, W] → the same shape for any network, spiking ones too. A new
 * block is a file beside this and a row here.
 */
import type { Value } from '../../graph/value.ts';
import type { Net } from '../net.ts';
import { channelAttention } from './channel-attention.ts';
import { spatialAttention } from './spatial-attention.ts';
import { squeezeExcite } from './squeeze-excite.ts';

export interface AttentionOptions {
  /** r: hidden units of channel attention are C/r. */
  readonly reduction: number;
}

type AttentionBlock = (net: Net, name: string, x: Value, options: AttentionOptions) => Value;

/** Channels first, then places: CBAM. */
const cbam =
  (shared: boolean): AttentionBlock =>
  (net, name, x, options) =>
    net.layer(name, () => {
      const weighted = channelAttention(net, 'channel', x, { ...options, shared });
      return spatialAttention(net, 'spatial', weighted);
    });

const blocks = {
  none: (_net, _name, x) => x,
  /** What paper (c) calls squeeze-and-excitation: mean and maximum, each through a network of its own. */
  channel: (net, name, x, options) => channelAttention(net, name, x, options),
  /** One network for both, as Woo et al. have it. */
  'shared-channel': (net, name, x, options) => channelAttention(net, name, x, { ...options, shared: true }),
  /** Hu, Shen and Sun, whose code has no bias; `squeezeExcite` alone has one unless told otherwise. */
  'squeeze-excite': (net, name, x, options) => squeezeExcite(net, name, x, { ...options, bias: false }),
  spatial: (net, name, x) => spatialAttention(net, name, x),
  /** `channel`, then `spatial`: as coded by paper (c). */
  cbam: cbam(false),
  /** `shared-channel`, then `spatial`: as published by Woo et al. */
  'shared-cbam': cbam(true),
} satisfies Record<string, AttentionBlock>;

export type AttentionName = keyof typeof blocks;
export const ATTENTION: Readonly<Record<AttentionName, AttentionBlock>> = blocks;
export const ATTENTION_NAMES = Object.keys(blocks) as [AttentionName, ...AttentionName[]];
