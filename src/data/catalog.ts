/**
 * Data sets that Soma knows by name: where to get them, their classes and checksums. Nothing is downloaded:
 * the commands name the place, and the readers recognise the files by their name.
 */
import { basename } from 'node:path';
import { SMEAR_CLASSES } from './smear/classes.ts';

export interface KnownData {
  readonly name: string;
  readonly title: string;
  readonly images: number;
  /** Sizes in which it is published, e.g. `28×28`. */
  readonly sizes: string;
  /** 1 (grey) or 3 (RGB). */
  readonly channels: 1 | 3;
  /** In the order of the labels; empty where there are too many to list. */
  readonly classes: readonly string[];
  readonly source: string;
  readonly licence: string;
  /** MD5 of published files. */
  readonly md5: Readonly<Record<string, string>>;
  /** Recognises a file or folder whose labels are bare numbers, so that its classes get their names. */
  readonly files?: RegExp;
}

/** BloodMNIST's numbering, which the smear follows. */
const BLOOD_CELLS = SMEAR_CLASSES;

const DIGITS = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'];

export const CATALOG: readonly KnownData[] = [
  {
    name: 'bloodmnist',
    title: 'BloodMNIST: peripheral blood cells, official split (ig: immature granulocytes)',
    images: 17_092,
    sizes: '28×28, 64×64, 128×128, 224×224',
    channels: 3,
    classes: BLOOD_CELLS,
    source: 'https://zenodo.org/records/10519652',
    licence: 'CC BY 4.0',
    md5: {
      'bloodmnist.npz': '7053d0359d879ad8a5505303e11de1dc',
      'bloodmnist_64.npz': '2b94928a2ae4916078ca51e05b6b800b',
      'bloodmnist_128.npz': 'adace1e0ed228fccda1f39692059dd4c',
      'bloodmnist_224.npz': 'b718ff6835fcbdb22ba9eacccd7b2601',
    },
    files: /^(pbc[-_]?)?blood/i,
  },
  {
    name: 'pbc',
    title: 'PBC: the peripheral blood cells that BloodMNIST was made from (Acevedo et al. 2020)',
    images: 17_092,
    sizes: '360×363',
    channels: 3,
    classes: BLOOD_CELLS,
    source: 'https://data.mendeley.com/datasets/snkd93bnjr/1',
    licence: 'CC BY 4.0',
    md5: {},
  },
  {
    name: 'all-leukemia',
    title: 'Acute lymphoblastic leukemia (ALL) image data set of 89 patients, folders class/*.jpg',
    images: 3_256,
    sizes: '224×224',
    channels: 3,
    classes: ['benign', 'early', 'pre', 'pro'],
    source: 'https://www.kaggle.com/datasets/mehradaria/leukemia',
    licence: 'none stated',
    md5: {},
  },
  {
    name: 'fashion-mnist',
    title: 'Fashion-MNIST: articles of clothing, four IDX files (Debian: dataset-fashion-mnist)',
    images: 70_000,
    sizes: '28×28',
    channels: 1,
    classes: [
      't-shirt/top',
      'trouser',
      'pullover',
      'dress',
      'coat',
      'sandal',
      'shirt',
      'sneaker',
      'bag',
      'ankle boot',
    ],
    source: 'https://github.com/zalandoresearch/fashion-mnist',
    licence: 'MIT',
    md5: {
      'train-images-idx3-ubyte.gz': '8d4fb7e6c68d591d4c3dfef9ec88bf0d',
      'train-labels-idx1-ubyte.gz': '25c81989df183df01b3e8a0aad5dffbe',
      't10k-images-idx3-ubyte.gz': 'bef4ecab320f06d8554ea6380940ec79',
      't10k-labels-idx1-ubyte.gz': 'bb300cfdad3c16e7a12a480ee83cd310',
    },
    files: /^fashion/i,
  },
  {
    name: 'mnist',
    title: 'MNIST: handwritten digits, four IDX files',
    images: 70_000,
    sizes: '28×28',
    channels: 1,
    classes: DIGITS,
    source: 'http://yann.lecun.com/exdb/mnist',
    licence: 'none stated',
    md5: {},
    files: /^mnist/i,
  },
  {
    name: 'cifar10',
    title: 'CIFAR-10: its binary version unpacked, or folders split/class/* of images',
    images: 60_000,
    sizes: '32×32',
    channels: 3,
    classes: ['airplane', 'automobile', 'bird', 'cat', 'deer', 'dog', 'frog', 'horse', 'ship', 'truck'],
    source: 'https://www.cs.toronto.edu/~kriz/cifar.html',
    licence: 'none stated',
    md5: {},
    files: /^cifar-?10(?!0)/i,
  },
  {
    name: 'cifar100',
    title: 'CIFAR-100, 100 classes: its binary version unpacked, or folders split/class/* of images',
    images: 60_000,
    sizes: '32×32',
    channels: 3,
    classes: [],
    source: 'https://www.cs.toronto.edu/~kriz/cifar.html',
    licence: 'none stated',
    md5: {},
  },
];

/**
 * Names of numbered classes, when a file or folder is called like a known data set and its training labels
 * hold every class of that set. Labels beyond them are then a fault.
 */
export function classesOf(path: string, trainLabels: ReadonlySet<number>): readonly string[] | undefined {
  const name = basename(path);
  return CATALOG.find(
    (known) => known.files?.test(name) && known.classes.every((_, label) => trainLabels.has(label)),
  )?.classes;
}
