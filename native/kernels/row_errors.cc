// Differences of two batches, row by row: the mean of their squares and of their absolute values, and the gradient.
// Lanes beyond the last channel are zero in both, so that rows are summed as they are stored.
//   ints: [N, stored floats of a row, elements of a row]
#include <cmath>
#include "../kernel.h"
#include "../simd.h"
#include "tables.h"

namespace soma::SOMA_ISA {
namespace {

// Floats that are summed in single precision before they go into a double.
constexpr int RUN = 64 * VL;

inline Vec absolute(Vec x) { return select(x < Vec{}, -x, x); }

inline double total(Vec v) {
  double sum = 0;
  for (int l = 0; l < VL; l++) sum += v[l];
  return sum;
}

// [x, target, squared | null, absolute | null]
void rowErrors(const Call& call) {
  const int N = call.ints[0];
  const ptrdiff_t stored = call.ints[1];
  const double elements = call.ints[2];
  call.pool->run(N, [&](int n, int) {
    const float *x = call.f32(0) + n * stored, *t = call.f32(1) + n * stored;
    double squares = 0, values = 0;
    for (ptrdiff_t from = 0; from < stored; from += RUN) {
      const ptrdiff_t to = from + RUN < stored ? from + RUN : stored;
      Vec square{}, value{};
      ptrdiff_t i = from;
      for (; i + VL <= to; i += VL) {
        const Vec d = load(x + i) - load(t + i);
        square = fma(d, d, square);
        value = value + absolute(d);
      }
      if (i < to) {
        const Vec d = loadPart(x + i, int(to - i)) - loadPart(t + i, int(to - i));
        square = fma(d, d, square);
        value = value + absolute(d);
      }
      squares += total(square);
      values += total(value);
    }
    if (call.f32(2)) call.f32(2)[n] = float(squares / elements);
    if (call.f32(3)) call.f32(3)[n] = float(values / elements);
  });
}

// [x, target, g of squared | null, g of absolute | null, dx]
void rowErrorsGrad(const Call& call) {
  const int N = call.ints[0];
  const ptrdiff_t stored = call.ints[1];
  const float share = 1.0f / float(call.ints[2]);
  call.pool->run(N, [&](int n, int) {
    const float *x = call.f32(0) + n * stored, *t = call.f32(1) + n * stored;
    float* dx = call.f32(4) + n * stored;
    const Vec slope = broadcast(call.f32(2) ? 2 * call.f32(2)[n] * share : 0);
    const Vec step = broadcast(call.f32(3) ? call.f32(3)[n] * share : 0);
    const auto gradient = [&](Vec d) {
      const Vec sign = select(d > Vec{}, step, select(d < Vec{}, -step, Vec{}));
      return fma(slope, d, sign);
    };
    ptrdiff_t i = 0;
    for (; i + VL <= stored; i += VL) store(dx + i, gradient(load(x + i) - load(t + i)));
    const int rest = int(stored - i);
    if (rest > 0) storePart(dx + i, gradient(loadPart(x + i, rest) - loadPart(t + i, rest)), rest);
  });
}

const Kernel KERNELS[] = {
    {"row_errors", 4, 3, 0, rowErrors, nullptr},
    {"row_errors_grad", 5, 3, 0, rowErrorsGrad, nullptr},
};

}  // namespace

KernelTable rowErrorKernels() { return {KERNELS, sizeof KERNELS / sizeof *KERNELS}; }

}  // namespace soma::SOMA_ISA
