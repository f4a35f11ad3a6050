// Averages of 16 lanes that were summed in double.
#pragma once
#include "../simd.h"

namespace soma::SOMA_ISA {

static inline void storeQuotient(float* to, const DBlock& sums, double count) {
  for (int i = 0; i < 2 * PARTS; i++)
    *reinterpret_cast<HalfVec*>(to + i * (VL / 2)) = __builtin_convertvector(sums.part[i] / count, HalfVec);
}

}  // namespace soma::SOMA_ISA
