/** What the studies of paper (b) on Fashion-MNIST have in common: a width that two cores can train, 3 minutes an epoch. */
export const FASHION = {
  what: 'Fashion-MNIST: the folder with its four IDX files (Debian: dataset-fashion-mnist)',
  channels: 1,
  split: { seed: 0 },
} as const;

/** Sixteen channels in the first stage where the paper has 64; as many epochs for all. */
const NARROW = { width: 16, epochs: 10, normalization: 'fashion-mnist' };

export function fashionArm(
  name: string,
  title: string,
  system: 'ms-resnet18' | 'biasnn' | 'lasnn',
  set: Record<string, unknown> = {},
) {
  return { name, title, system, data: 'fashion', size: 28, set: { ...NARROW, ...set } };
}
