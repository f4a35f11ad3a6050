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

  // Replaces distances by the derivative there; several side by side do not wait for each other's divisions. Inlined, so
  // that they stay in registers.
  template <int K>
  __attribute__((always_inline)) void replace(Vec (&x)[K]) const {
    const Vec one = broadcast(1.0f);
    const auto each = [&](const auto& slope) {
#pragma GCC unroll 4
      for (int k = 0; k < K; k++) x[k] = slope(x[k]);
    };
    switch (kind) {
      case FAST_SIGMOID:
        return each([&](Vec x) {
          const Vec d = one + parameter * absolute(x);
          return scale / (d * d);
        });
      case ARCTAN:
        return each([&](Vec x) {
          const Vec z = std::numbers::pi_v<float> / 2 * parameter * x;
          return scale * (parameter / 2) / (one + z * z);
        });
      case RECTANGLE:
        return each([&](Vec x) {
          return select(broadcast(parameter / 2) > absolute(x), broadcast(scale / parameter), Vec{});
        });
      case TRIANGLE:
        return each([&](Vec x) { return scale / parameter * max(Vec{}, one - absolute(x) / parameter); });
      default:
        return each([&](Vec) { return broadcast(scale); });
    }
  }

 private:
  static Vec absolute(Vec x) { return max(x, -x); }
};

}  // namespace soma::SOMA_ISA
