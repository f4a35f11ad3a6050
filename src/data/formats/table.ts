/** The data formats, in the order in which they are tried. A new format is one file and one row here. */
import { cifar } from './cifar.ts';
import { folder } from './folder.ts';
import type { DataFormat } from './format.ts';
import { idx } from './idx.ts';
import { npz } from './npz.ts';

export const FORMATS: readonly DataFormat[] = [npz, idx, cifar, folder];
