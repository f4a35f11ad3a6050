// Derivatives that stand in for that of a spike, at a distance x from the threshold: src/neurons/surrogate.ts.
#pragma once
#include <numbers>
#include "../simd.h"

namespace soma::SOMA_ISA {

struct Surrogate {
  // In the order of SURROGATES.
  enum Kind { FAST_SIGMOID, ARCTAN, RECTANGLE, TRIANGLE, STRAIGHT_THROUGH };

  int kind;
  float parameter, scale;

  Vec operator()(Vec x) const {
    const Vec one = broadcast(1.0f), distance = max(x, -x);
    switch (kind) {
      case FAST_SIGMOID: {
        const Vec d = one + parameter * distance;
        return scale / (d * d);
      }
      case ARCTAN: {
        const Vec z = std::numbers::pi_v<float> / 2 * parameter * x;
        return scale * (parameter / 2) / (one + z * z);
      }
      case RECTANGLE: return select(broadcast(parameter / 2) > distance, broadcast(scale / parameter), Vec{});
      case TRIANGLE: return scale / parameter * max(Vec{}, one - distance / parameter);
      default: return broadcast(scale);
    }
  }
};

}  // namespace soma::SOMA_ISA
