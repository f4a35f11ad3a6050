import { defineStudy } from '../study.ts';

export const scnnVsAecnn = defineStudy({
  name: 'scnn-vs-aecnn',
  title: 'Spiking against attention',
  question: 'Is the spiking network of paper (a) as accurate as its attention network?',
  source: 'paper (a), tables 3 and 4',
  data: { blood: 'BloodMNIST or a set like it, 64 px' },
  arms: [
    { name: 'scnn', system: 'scnn', data: 'blood', size: 64, paper: { accuracy: 0.9523, macroF1: 0.95 } },
    { name: 'ae-cnn', system: 'ae-cnn', data: 'blood', paper: { accuracy: 0.943, macroF1: 0.935 } },
  ],
  pairs: [['scnn', 'ae-cnn']],
});
