import { defineStudy } from '../study.ts';

const hybrid = (name: string, title: string, set: Record<string, unknown>) => ({
  name,
  title,
  system: 'spiking-attention-net',
  data: 'blood',
  set,
});

/** Its own network is compared with the dense twin under the same settings; se-cnn has those of its paper. */
export const hybrids = defineStudy({
  name: 'hybrids',
  title: 'Spiking with attention',
  question:
    'What does attention give a small spiking network, what do spikes cost it, and is it as accurate as the best dense network of the papers?',
  source: 'own; asked for as future work by papers (a) and (b)',
  data: { blood: 'BloodMNIST or a set like it, 64 px' },
  seeds: [0, 1, 2],
  arms: [
    hybrid('none', 'spiking, no attention', { attention: 'none' }),
    hybrid('squeeze-excite', 'spiking, squeeze-and-excitation', { attention: 'squeeze-excite' }),
    hybrid('cbam', 'spiking, CBAM', { attention: 'cbam' }),
    hybrid('alif-mask', 'spiking, ALIF mask', { attention: 'alif-mask' }),
    hybrid('dense-twin', 'dense twin, squeeze-and-excitation', {
      attention: 'squeeze-excite',
      neuron: 'relu',
    }),
    { name: 'se-cnn', system: 'se-cnn', data: 'blood', paper: { accuracy: 0.9819 } },
  ],
  // Settled before any test image was read.
  ensembles: [
    { name: 'spiking-seeds', title: 'spiking, all seeds', of: ['squeeze-excite'], over: 'seeds' },
    { name: 'se-cnn-seeds', title: 'SE-CNN, all seeds', of: ['se-cnn'], over: 'seeds' },
    { name: 'spiking-and-dense', title: 'spiking and SE-CNN', of: ['squeeze-excite', 'se-cnn'] },
    {
      name: 'attentions',
      title: 'majority of the three attentions',
      of: ['squeeze-excite', 'cbam', 'alif-mask'],
      vote: 'majority',
    },
  ],
  pairs: [
    ['squeeze-excite', 'none'],
    ['cbam', 'none'],
    ['alif-mask', 'none'],
    ['squeeze-excite', 'dense-twin'],
    ['squeeze-excite', 'se-cnn'],
    // What validation chooses; named when the results above were known.
    ['none', 'se-cnn'],
    ['spiking-seeds', 'se-cnn-seeds'],
    ['spiking-and-dense', 'se-cnn'],
    ['attentions', 'squeeze-excite'],
  ],
});
