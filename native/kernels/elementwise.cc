// Element by element, with broadcasting.
//
// A call walks six axes, d[0] … d[5], in the order in which y is stored; y is contiguous, an operand has a
// stride for each axis, 0 where it is stretched. Lowering merges axes as far as all operands allow, so that
// most calls are one long line. For channel-blocked maps whose lanes need care, d[blockAxis] counts the
// blocks and d[5] the 16 lanes: lanes beyond C are not read and written as zero.
//   ints: [blockAxis or -1, C, d 0…5, strides of a 0…5, strides of b 0…5]
#include <algorithm>
#include "../kernel.h"
#include "../simd.h"
#include "exp.h"
#include "scratch.h"
#include "tables.h"

namespace soma::SOMA_ISA {
namespace {

constexpr int AXES = 6, LAST = AXES - 1;
constexpr int PIECE = 1 << 14;  // elements of a task, more or less

struct Walk {
  int blockAxis, C;
  const int32_t* size;
  size_t lines;  // product of all axes but the last
  int length;    // of the last axis

  explicit Walk(const int32_t* ints) : blockAxis(ints[0]), C(ints[1]), size(ints + 2), lines(1), length(ints[2 + LAST]) {
    for (int axis = 0; axis < LAST; axis++) lines *= size_t(size[axis]);
  }
};

// Lanes 0 … n-1 of an operand with any stride.
template <int STRIDE>
inline Vec take(const float* p, ptrdiff_t i, ptrdiff_t stride, int n) {
  if constexpr (STRIDE == 0) return broadcast(*p);
  if constexpr (STRIDE == 1) return loadPart(p + i, n);
  Vec v{};
  for (int l = 0; l < n; l++) v[l] = p[(i + l) * stride];
  return v;
}

template <int A, int B, class Op>
inline void line(const Op& op, float* y, const float* a, ptrdiff_t sa, const float* b, ptrdiff_t sb, ptrdiff_t n) {
  ptrdiff_t i = 0;
  for (; i + VL <= n; i += VL) store(y + i, op(take<A>(a, i, sa, VL), take<B>(b, i, sb, VL)));
  if (i < n) storePart(y + i, op(take<A>(a, i, sa, int(n - i)), take<B>(b, i, sb, int(n - i))), int(n - i));
}

// The 16 lanes of a pixel of which `valid` are channels; the others become zero.
template <int A, int B, class Op>
inline void pixel(const Op& op, float* y, const float* a, ptrdiff_t sa, const float* b, ptrdiff_t sb, int valid) {
  for (int i = 0; i < LANES; i += VL) {
    const int n = larger(0, smaller(VL, valid - i));
    const Vec v = op(take<A>(a, i, sa, n), take<B>(b, i, sb, n));
    store(y + i, keepBits((1u << n) - 1, v));
  }
}

template <int A, int B, class Op>
void walk(const Call& call, const Walk& w, const Op& op, const float* a, const int32_t* sa, const float* b,
          const int32_t* sb, float* y) {
  const int pieces = divideUp(w.length, PIECE);
  const size_t linesPerTask = std::max(1, PIECE / std::max(1, w.length));
  const size_t lineTasks = (w.lines + linesPerTask - 1) / linesPerTask;
  call.pool->run(int(lineTasks) * pieces, [&](int task, int) {
    const size_t first = size_t(task / pieces) * linesPerTask, end = std::min(w.lines, first + linesPerTask);
    const ptrdiff_t start = ptrdiff_t(task % pieces) * PIECE;
    const ptrdiff_t stop = std::min<ptrdiff_t>(w.length, start + PIECE);
    int at[LAST];
    ptrdiff_t oa = 0, ob = 0;
    size_t rest = first;
    for (int axis = LAST - 1; axis >= 0; axis--) {
      at[axis] = int(rest % size_t(w.size[axis]));
      rest /= size_t(w.size[axis]);
      oa += ptrdiff_t(at[axis]) * sa[axis];
      ob += ptrdiff_t(at[axis]) * sb[axis];
    }
    for (size_t i = first; i < end; i++) {
      float* to = y + i * size_t(w.length);
      const float* pa = a + oa;
      const float* pb = b + ob;
      const int valid = w.blockAxis < 0 ? w.length : smaller(LANES, w.C - at[w.blockAxis] * LANES);
      if (valid < w.length) {
        pixel<A, B>(op, to, pa, sa[LAST], pb, sb[LAST], valid);
      } else if (w.length == LANES) {
        line<A, B>(op, to, pa, sa[LAST], pb, sb[LAST], LANES);
      } else {
        line<A, B>(op, to + start, pa + start * sa[LAST], sa[LAST], pb + start * sb[LAST], sb[LAST], stop - start);
      }
      for (int axis = LAST - 1; axis >= 0; axis--) {
        oa += sa[axis];
        ob += sb[axis];
        if (++at[axis] < w.size[axis]) break;
        oa -= ptrdiff_t(w.size[axis]) * sa[axis];
        ob -= ptrdiff_t(w.size[axis]) * sb[axis];
        at[axis] = 0;
      }
    }
  });
}

template <int A, class Op>
void chooseB(const Call& call, const Walk& w, const Op& op, const float* a, const int32_t* sa, const float* b,
             const int32_t* sb, float* y) {
  if (sb[LAST] == 0) return walk<A, 0>(call, w, op, a, sa, b, sb, y);
  if (sb[LAST] == 1) return walk<A, 1>(call, w, op, a, sa, b, sb, y);
  walk<A, 2>(call, w, op, a, sa, b, sb, y);
}

template <class Op>
void binary(const Call& call, const Op& op) {
  const Walk w(call.ints);
  if (w.lines == 0 || w.length == 0) return;
  const int32_t* sa = call.ints + 2 + AXES;
  const int32_t* sb = sa + AXES;
  const float *a = call.f32(0), *b = call.f32(1);
  float* y = call.f32(2);
  if (sa[LAST] == 0) return chooseB<0>(call, w, op, a, sa, b, sb, y);
  if (sa[LAST] == 1) return chooseB<1>(call, w, op, a, sa, b, sb, y);
  chooseB<2>(call, w, op, a, sa, b, sb, y);
}

template <class Op>
void unary(const Call& call, const Op& op) {
  const Walk w(call.ints);
  if (w.lines == 0 || w.length == 0) return;
  const int32_t* sa = call.ints + 2 + AXES;
  const int32_t none[AXES] = {};
  const float* a = call.f32(0);
  const auto ofFirst = [&](Vec x, Vec) { return op(x); };
  if (sa[LAST] == 0) return walk<0, 0>(call, w, ofFirst, a, sa, a, none, call.f32(1));
  if (sa[LAST] == 1) return walk<1, 0>(call, w, ofFirst, a, sa, a, none, call.f32(1));
  walk<2, 0>(call, w, ofFirst, a, sa, a, none, call.f32(1));
}

void add(const Call& call) {
  binary(call, [](Vec a, Vec b) { return a + b; });
}
void mul(const Call& call) {
  binary(call, [](Vec a, Vec b) { return a * b; });
}
void subtract(const Call& call) {
  binary(call, [](Vec a, Vec b) { return a - b; });
}
void divide(const Call& call) {
  binary(call, [](Vec a, Vec b) { return a / b; });
}
// e^(a − b)
void expDifference(const Call& call) {
  binary(call, [](Vec a, Vec b) { return exponential(a - b); });
}
// (y, g) → g where y > 0
void reluGrad(const Call& call) {
  binary(call, [](Vec y, Vec g) { return select(y > Vec{}, g, Vec{}); });
}
// (y, g) → g·y·(1 − y)
void sigmoidGrad(const Call& call) {
  binary(call, [](Vec y, Vec g) { return g * y * (broadcast(1) - y); });
}
// (y, g) → g where y > 0, else g·(y + α)
void eluGrad(const Call& call) {
  const Vec alpha = broadcast(call.floats[0]);
  binary(call, [&](Vec y, Vec g) { return select(y > Vec{}, g, g * (y + alpha)); });
}
// NaN stays NaN, so that a check finds where it came from.
void relu(const Call& call) {
  unary(call, [](Vec x) { return select(x <= Vec{}, Vec{}, x); });
}
void affine(const Call& call) {
  const Vec scale = broadcast(call.floats[0]), offset = broadcast(call.floats[1]);
  unary(call, [&](Vec x) { return fma(scale, x, offset); });
}
void sigmoid(const Call& call) {
  unary(call, [](Vec x) { return broadcast(1) / (broadcast(1) + exponential(-x)); });
}

void elu(const Call& call) {
  const Vec alpha = broadcast(call.floats[0]);
  unary(call, [&](Vec x) { return select(x > Vec{}, x, alpha * exponentialMinusOne(x)); });
}

constexpr int UNARY = 2 + 2 * AXES, BINARY = 2 + 3 * AXES;
const Kernel KERNELS[] = {
    {"add", 3, BINARY, 0, add, nullptr},
    {"mul", 3, BINARY, 0, mul, nullptr},
    {"subtract", 3, BINARY, 0, subtract, nullptr},
    {"divide", 3, BINARY, 0, divide, nullptr},
    {"exp_difference", 3, BINARY, 0, expDifference, nullptr},
    {"relu_grad", 3, BINARY, 0, reluGrad, nullptr},
    {"sigmoid_grad", 3, BINARY, 0, sigmoidGrad, nullptr},
    {"elu_grad", 3, BINARY, 1, eluGrad, nullptr},
    {"relu", 2, UNARY, 0, relu, nullptr},
    {"elu", 2, UNARY, 1, elu, nullptr},
    {"sigmoid", 2, UNARY, 0, sigmoid, nullptr},
    {"affine", 2, UNARY, 2, affine, nullptr},
};

}  // namespace

KernelTable elementwiseKernels() { return {KERNELS, sizeof KERNELS / sizeof *KERNELS}; }

}  // namespace soma::SOMA_ISA
