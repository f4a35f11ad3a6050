import { defineStudy } from '../study.ts';

export const visionnet = defineStudy({
  name: 'visionnet',
  title: 'VisionNet',
  question:
    'Do the attention networks of VisionNet see more than the CNN without attention? As coded, the softmax of architecture 2 runs over the whole batch, which leaves next to nothing of its attention: the control.',
  source: 'paper (d), table 1, CIFAR-10; 45,000 images for training and 5,000 for validation',
  data: {
    cifar10: {
      what: 'CIFAR-10: its binary version (cifar-10-binary.tar.gz) or train/class/* and test/class/* of images, unpacked in any case',
      split: { seed: 0, ratios: { train: 90, val: 10, test: 0 } },
    },
  },
  seeds: [0, 1, 2],
  arms: [
    { name: 'cnn', system: 'vision-cnn', data: 'cifar10', paper: { accuracy: 0.7128 } },
    { name: 'attention1', system: 'attention-cnn1', data: 'cifar10', paper: { accuracy: 0.716 } },
    { name: 'attention2', system: 'attention-cnn2', data: 'cifar10', paper: { accuracy: 0.728 } },
    { name: 'attention3', system: 'attention-cnn3', data: 'cifar10', paper: { accuracy: 0.6585 } },
    {
      name: 'attention1-batch',
      title: 'Attention-CNN 1, softmax over the batch',
      system: 'attention-cnn1',
      data: 'cifar10',
      set: { softmaxScope: 'batch' },
      paper: { accuracy: 0.716 },
    },
    {
      name: 'attention2-batch',
      title: 'Attention-CNN 2, softmax over the batch, as coded',
      system: 'attention-cnn2',
      data: 'cifar10',
      set: { softmaxScope: 'batch' },
      paper: { accuracy: 0.728 },
    },
  ],
  pairs: [
    ['attention1', 'cnn'],
    ['attention2', 'cnn'],
    ['attention3', 'cnn'],
    ['attention1-batch', 'cnn'],
    ['attention2-batch', 'cnn'],
    ['attention1', 'attention1-batch'],
    ['attention2', 'attention2-batch'],
  ],
});
