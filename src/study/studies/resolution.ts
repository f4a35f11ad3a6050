import { defineStudy } from '../study.ts';

export const resolution = defineStudy({
  name: 'resolution',
  title: 'Resolution',
  question: 'What do 64 instead of 28 pixels bring, for the spiking network and for the attention network?',
  source: 'paper (a), section IV',
  data: { 'blood-28': 'BloodMNIST or a set like it, 28 px', 'blood-64': 'the same images, 64 px' },
  arms: [
    {
      name: 'scnn-28',
      title: 'SCNN, 28 px',
      system: 'scnn',
      data: 'blood-28',
      size: 28,
      paper: { accuracy: 0.9 },
    },
    {
      name: 'scnn-64',
      title: 'SCNN, 64 px',
      system: 'scnn',
      data: 'blood-64',
      size: 64,
      paper: { accuracy: 0.9523 },
    },
    { name: 'ae-cnn-28', title: 'AE-CNN, 28 px', system: 'ae-cnn', data: 'blood-28', size: 28 },
    {
      name: 'ae-cnn-64',
      title: 'AE-CNN, 64 px',
      system: 'ae-cnn',
      data: 'blood-64',
      size: 64,
      paper: { accuracy: 0.943 },
    },
  ],
});
