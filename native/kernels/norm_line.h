// y of a normalisation, by lane. All kernels that compute it use this, so that the backward pass finds the same signs,
// maxima and spikes.
#pragma once
#include "../simd.h"

namespace soma::SOMA_ISA {

static inline Vec normalised(Vec x, Vec mean, Vec slope, Vec shift) { return fma(x - mean, slope, shift); }

// Constants of sixteen lanes: slope = γ/σ, shift = β.
struct NormLine {
  Block mean, slope, shift;

  Vec operator()(Vec x, int part) const { return normalised(x, mean.part[part], slope.part[part], shift.part[part]); }
};

}  // namespace soma::SOMA_ISA
