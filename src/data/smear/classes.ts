/**
 * The eight cell types of the synthetic smear, in the order of the peripheral-blood-cell data set of
 * Acevedo et al. (Data in Brief 30, 2020) as BloodMNIST numbers them, so that a network trained on the one
 * can be asked about the other.
 */

export const SMEAR_CLASSES = [
  'basophil',
  'eosinophil',
  'erythroblast',
  'ig',
  'lymphocyte',
  'monocyte',
  'neutrophil',
  'platelet',
] as const;
export type SmearClass = (typeof SMEAR_CLASSES)[number];

/** How many images of each class the data set of Acevedo et al. holds: 17,092 in all. */
export const PBC_COUNTS: Readonly<Record<SmearClass, number>> = {
  basophil: 1218,
  eosinophil: 3117,
  erythroblast: 1551,
  ig: 2895,
  lymphocyte: 1214,
  monocyte: 1420,
  neutrophil: 3329,
  platelet: 2348,
};
