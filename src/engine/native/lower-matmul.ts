/** Products of matrices, one a row of the batch, lowered to matmul.cc. */
import { type MatmulAttrs, matmulSizes } from '../../ops/matmul.ts';
import type { Lower } from './kernel-call.ts';
import { flag, images, needed } from './kernel-call.ts';

export const lowerMatmul: Lower = ({ root }) => {
  const [a, b] = [needed(root, 0), needed(root, 1)];
  const attrs = root.attrs as MatmulAttrs;
  const { m, k, p } = matmulSizes(a, b, attrs);
  const ints = [images(a), m, k, p, flag(attrs.transposeA), flag(attrs.transposeB)];
  return [{ kernel: 'matmul', buffers: [a, b, root.outputs[0]], ints }];
};
