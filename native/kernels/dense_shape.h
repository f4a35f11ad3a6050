// The shape of a fully connected layer: [TN, C, HW, O]. It has F = C * HW features; w is [O][F] with
// feature c * HW + p. With HW > 1 the input is a map, so flattening costs nothing: the kernels walk the
// features in stored order (the map's own), and the weights are brought into that order first.
#pragma once
#include "../kernel.h"
#include "conv_source.h"

namespace soma::SOMA_ISA {

struct DenseShape {
  static constexpr int INTS = 4;

  int rows, C, HW, O;

  explicit DenseShape(const int32_t* i) : rows(i[0]), C(i[1]), HW(i[2]), O(i[3]) {}

  int features() const { return C * HW; }
  // Floats of a stored row of x, and whether they lie in the order of w's features.
  int stored() const { return HW > 1 ? int(mapSize(C, HW)) : C; }
  bool canonicalOrder() const { return HW == 1 || !isBlocked(C); }

  // Spike words of a stored row, the feature of a bit, and whether there is one.
  int words() const { return HW > 1 ? blocks(C) * HW : blocks(C); }
  int spikeFeature(int word, int bit) const {
    return HW > 1 ? (word / HW * LANES + bit) * HW + word % HW : word * LANES + bit;
  }
  bool spikeExists(int word, int bit) const { return (HW > 1 ? word / HW : word) * LANES + bit < C; }
};

}  // namespace soma::SOMA_ISA
