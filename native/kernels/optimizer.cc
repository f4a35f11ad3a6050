// Parameter updates in place: SGD with momentum, Adam, AdamW (src/ops/optimizer.ts has the equations).
#include <algorithm>
#include <cmath>
#include <type_traits>
#include "../kernel.h"
#include "../simd.h"
#include "scratch.h"
#include "tables.h"

namespace soma::SOMA_ISA {
namespace {

inline Vec squareRoot(Vec x) {
#if defined(__AVX512F__)
  return (Vec)_mm512_maskz_sqrt_ps(0xffff, (__m512)x);
#elif defined(__AVX2__)
  return (Vec)_mm256_sqrt_ps((__m256)x);
#elif defined(__SSE2__)
  return (Vec)_mm_sqrt_ps((__m128)x);
#else
  for (int l = 0; l < VL; l++) x[l] = std::sqrt(x[l]);
  return x;
#endif
}

// Calls body(i, n) for registers of n floats from i. `n` is a constant where they are whole.
template <class Body>
void forParameters(const Call& call, const Body& body) {
  constexpr int PIECE = 1 << 13;
  const int total = call.ints[0];
  call.pool->run(divideUp(total, PIECE), [&](int task, int) {
    const int end = smaller(total, (task + 1) * PIECE);
    int i = task * PIECE;
    for (; i + VL <= end; i += VL) body(i, std::integral_constant<int, VL>());
    if (i < end) body(i, end - i);
  });
}

// [parameter, g, velocity | null, lr]; ints: [elements, nesterov]; floats: [momentum, weight decay]
void sgd(const Call& call) {
  float *parameter = call.f32(0), *velocity = call.f32(2);
  const float* g = call.f32(1);
  const bool nesterov = call.ints[1];
  const Vec momentum = broadcast(call.floats[0]), decay = broadcast(call.floats[1]), rate = broadcast(*call.f32(3));
  forParameters(call, [&](int i, auto n) {
    const Vec p = loadPart(parameter + i, n);
    Vec d = fma(decay, p, loadPart(g + i, n));
    if (velocity) {
      const Vec v = fma(momentum, loadPart(velocity + i, n), d);
      storePart(velocity + i, v, n);
      d = nesterov ? fma(momentum, v, d) : v;
    }
    storePart(parameter + i, p - rate * d, n);
  });
}

// [parameter, g, m, v, lr, step]; ints: [elements, decoupled, raw eps];
// floats: [beta1, its rest, 1 − beta1, beta2, its rest, 1 − beta2, eps, weight decay].
// 1 − beta^step is small at first, so beta comes as two floats whose sum is the double.
void adam(const Call& call) {
  float *parameter = call.f32(0), *first = call.f32(2), *second = call.f32(3);
  const float *g = call.f32(1), *f = call.floats;
  const double rate = *call.f32(4);
  const int step = *call.i32(5);
  const double correction1 = 1 - std::pow(double(f[0]) + f[1], step), correction2 = 1 - std::pow(double(f[3]) + f[4], step);
  const bool decoupled = call.ints[1];
  const Vec beta1 = broadcast(f[0]), rest1 = broadcast(f[2]), beta2 = broadcast(f[3]), rest2 = broadcast(f[5]);
  const Vec eps = broadcast(call.ints[2] ? float(f[6] / std::sqrt(correction2)) : f[6]);
  const Vec penalty = broadcast(decoupled ? 0 : f[7]);
  const Vec shrink = broadcast(decoupled ? float(rate * f[7]) : 0);
  const Vec size = broadcast(float(rate / correction1)), unbias = broadcast(float(1 / correction2));
  forParameters(call, [&](int i, auto n) {
    Vec p = loadPart(parameter + i, n);
    const Vec d = fma(penalty, p, loadPart(g + i, n));
    const Vec m = fma(beta1, loadPart(first + i, n), rest1 * d);
    const Vec v = fma(beta2, loadPart(second + i, n), rest2 * d * d);
    p = p - shrink * p;
    storePart(first + i, m, n);
    storePart(second + i, v, n);
    storePart(parameter + i, p - size * m / (squareRoot(v * unbias) + eps), n);
  });
}

const Kernel KERNELS[] = {
    {"sgd", 4, 2, 2, sgd, nullptr},
    {"adam", 6, 3, 8, adam, nullptr},
};

}  // namespace

KernelTable optimizerKernels() { return {KERNELS, sizeof KERNELS / sizeof *KERNELS}; }

}  // namespace soma::SOMA_ISA
