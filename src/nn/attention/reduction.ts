/** What the hidden layers of attention blocks have in common. */
import { mismatch } from '../../errors.ts';

/** ⌊C/r⌋ hidden units or channels, one at least. Throws where r is no number of 1 or more. */
export function hiddenUnits(where: string, channels: number, reduction: number): number {
  if (!(reduction >= 1 && Number.isFinite(reduction)))
    throw mismatch(where, 'a reduction of 1 or more', reduction);
  return Math.max(1, Math.floor(channels / reduction));
}
