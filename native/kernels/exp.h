// The exponential of a register of floats, within 2 units in the last place from -87 to 88 and constant beyond.
//
// x = n·ln 2 + r with |r| ≤ ln 2 / 2; e^x = 2^n · e^r, and e^r by its Taylor polynomial of degree 7, whose
// rest is below half a unit there. ln 2 is taken in two parts, so that r is exact. NaN stays NaN.
#pragma once
#include "../simd.h"

namespace soma::SOMA_ISA {

// 2^n, and (e^r − 1) / r.
struct ExponentialParts {
  Vec power, r, quotient;

  explicit ExponentialParts(Vec x) {
    constexpr float LOWEST = -87.0f, HIGHEST = 88.0f;
    constexpr float ROUND = 12582912.0f;  // 1.5 · 2^23: adding it leaves an integer in the low bits
    constexpr float LN2_HIGH = 0.693359375f, LN2_LOW = -2.12194440e-4f;
    x = select(x < broadcast(LOWEST), broadcast(LOWEST), x);
    x = select(x > broadcast(HIGHEST), broadcast(HIGHEST), x);
    const Vec shifted = x * broadcast(1.44269504f) + broadcast(ROUND);
    const Vec n = shifted - broadcast(ROUND);
    r = (x - n * broadcast(LN2_HIGH)) - n * broadcast(LN2_LOW);
    Vec p = broadcast(1.0f / 5040);
    p = fma(p, r, broadcast(1.0f / 720));
    p = fma(p, r, broadcast(1.0f / 120));
    p = fma(p, r, broadcast(1.0f / 24));
    p = fma(p, r, broadcast(1.0f / 6));
    p = fma(p, r, broadcast(0.5f));
    quotient = fma(p, r, broadcast(1.0f));
    const VecI exponent = ((VecI)shifted - (VecI)broadcast(ROUND) + 127) << 23;
    power = (Vec)exponent;
  }
};

static inline Vec exponential(Vec x) {
  const ExponentialParts e(x);
  return fma(e.quotient, e.r, broadcast(1.0f)) * e.power;
}

// e^x − 1, as exact for small x as for large: 2^n·(e^r − 1) + (2^n − 1), of which the second is 0 for |x| < ln 2 / 2.
static inline Vec exponentialMinusOne(Vec x) {
  const ExponentialParts e(x);
  return fma(e.quotient * e.r, e.power, e.power - broadcast(1.0f));
}

}  // namespace soma::SOMA_ISA
