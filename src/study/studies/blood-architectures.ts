import { defineStudy } from '../study.ts';

export const bloodArchitectures = defineStudy({
  name: 'blood-architectures',
  title: 'Architectures for blood cells',
  question: 'Which architecture of paper (c) tells blood cells apart best, and at what cost?',
  source: 'paper (c), table 3; accuracy is its recall column, which is the accuracy of the predictions',
  data: { blood: 'BloodMNIST or a set like it, 64 px' },
  arms: [
    { name: 'cbam-vgg15', system: 'cbam-vgg15', data: 'blood', paper: { accuracy: 0.9825 } },
    { name: 'se-vgg15', system: 'se-vgg15', data: 'blood', paper: { accuracy: 0.9822 } },
    { name: 'se-cnn', system: 'se-cnn', data: 'blood', paper: { accuracy: 0.9819 } },
    { name: 'cbam-cnn', system: 'cbam-cnn', data: 'blood', paper: { accuracy: 0.9787 } },
    { name: 'sa-vgg15', system: 'sa-vgg15', data: 'blood', paper: { accuracy: 0.9763 } },
    { name: 'sa-cnn', system: 'sa-cnn', data: 'blood', paper: { accuracy: 0.9775 } },
    { name: 'cnn', system: 'cnn', data: 'blood', paper: { accuracy: 0.9643 } },
    { name: 'vgg', system: 'vgg', data: 'blood', paper: { accuracy: 0.9336 } },
    { name: 'inception', system: 'inception', data: 'blood', paper: { accuracy: 0.9293 } },
    { name: 'resnet34', system: 'resnet34', data: 'blood', paper: { accuracy: 0.8834 } },
    { name: 'autoclassifier', system: 'autoclassifier', data: 'blood', paper: { accuracy: 0.8515 } },
    // The control that the paper lacks: the same network without an auto-encoder before it.
    {
      name: 'autoclassifier-end-to-end',
      title: 'AutoClassifier, end to end',
      system: 'autoclassifier',
      data: 'blood',
      set: { pretraining: null, freeze: false },
    },
  ],
  pairs: [
    ['cbam-vgg15', 'se-vgg15'],
    ['cbam-vgg15', 'se-cnn'],
    ['se-cnn', 'cnn'],
    ['autoclassifier', 'autoclassifier-end-to-end'],
  ],
});
