// Winograd's F(4x4, 3x3): a 4x4 tile of a 3x3 convolution with 36 multiplications instead of 144.
//
//   y  = At [ (G w Gt) * (Bt x B) ] A          x: 6x6 input, w: 3x3 weights, y: 4x4 output
//   dw = Gt [ (A g At) * (Bt x B) ] G          g: 4x4 gradient of y (the adjoint of the first line)
//
// where * multiplies the 36 points one by one and is where channels are summed. The second dimension of a
// transform is the first one again, on rows.
//
// The matrices evaluate polynomials at 0, ±a, ±b and infinity. Any a and b are right; they decide how fast
// rounding errors grow. a = 3/4, b = 3/2 has a third of the error of the textbook's 1 and 2, and all
// coefficients but those of G are exact. Against float64, over 512 channels of uniform numbers, the largest
// error is 2e-6 of the largest output (a direct convolution in the same floats: 2.6e-6), that of a gradient
// of weights over 16384 pixels 1e-6; src/engine/native/winograd.test.ts holds 3e-6. The algorithm: Lavin and
// Gray, arXiv:1509.09308. Why the points matter: Barabasz et al., arXiv:1803.10986.
#pragma once
#include "../kernel.h"
#include "../simd.h"

namespace soma::SOMA_ISA {

constexpr int WINOGRAD_INPUT = 6, WINOGRAD_OUTPUT = 4, WINOGRAD_KERNEL = 3;
constexpr int WINOGRAD_POINTS = WINOGRAD_INPUT * WINOGRAD_INPUT;

namespace winograd {

constexpr float a = 0.75f, a2 = a * a, a3 = a2 * a;
constexpr float b = 1.5f, b2 = b * b, b3 = b2 * b;
constexpr float product = a2 * b2, sum = a2 + b2;
// The scale of each row of G.
constexpr float atZero = float(1.0 / (double(a2) * b2));
constexpr float atA = float(1.0 / (2.0 * a2 * (double(a2) - b2)));
constexpr float atB = float(1.0 / (2.0 * b2 * (double(b2) - a2)));

// to[at] and to[at + 1]: the values at the points +x and -x of a polynomial with these even and odd parts.
template <size_t N>
static inline void pairOfPoints(Vec even, Vec odd, float x, Vec (&to)[N], int at) {
  to[at] = fma(broadcast(x), odd, even), to[at + 1] = fma(broadcast(-x), odd, even);
}

// One dimension of each transform.
static inline void input(const Vec (&d)[6], Vec (&to)[6]) {  // Bt
  to[0] = fma(broadcast(product), d[0], fma(broadcast(-sum), d[2], d[4]));
  pairOfPoints(fma(broadcast(-b2), d[2], d[4]), fma(broadcast(-b2), d[1], d[3]), a, to, 1);
  pairOfPoints(fma(broadcast(-a2), d[2], d[4]), fma(broadcast(-a2), d[1], d[3]), b, to, 3);
  to[5] = fma(broadcast(product), d[1], fma(broadcast(-sum), d[3], d[5]));
}

static inline void output(const Vec (&m)[6], Vec (&to)[4]) {  // At
  const Vec evenA = m[1] + m[2], oddA = m[1] - m[2], evenB = m[3] + m[4], oddB = m[3] - m[4];
  to[0] = m[0] + (evenA + evenB);
  to[1] = fma(broadcast(a), oddA, broadcast(b) * oddB);
  to[2] = fma(broadcast(a2), evenA, broadcast(b2) * evenB);
  to[3] = fma(broadcast(a3), oddA, fma(broadcast(b3), oddB, m[5]));
}

static inline void gradient(const Vec (&g)[4], Vec (&to)[6]) {  // A
  to[0] = g[0];
  pairOfPoints(fma(broadcast(a2), g[2], g[0]), fma(broadcast(a2), g[3], g[1]), a, to, 1);
  pairOfPoints(fma(broadcast(b2), g[2], g[0]), fma(broadcast(b2), g[3], g[1]), b, to, 3);
  to[5] = g[3];
}

static inline void weight(const Vec (&w)[3], Vec (&to)[6]) {  // G
  to[0] = w[0] * broadcast(atZero);
  pairOfPoints(fma(broadcast(a2), w[2], w[0]) * broadcast(atA), w[1] * broadcast(atA), a, to, 1);
  pairOfPoints(fma(broadcast(b2), w[2], w[0]) * broadcast(atB), w[1] * broadcast(atB), b, to, 3);
  to[5] = w[2];
}

static inline void weightGradient(const Vec (&m)[6], Vec (&to)[3]) {  // Gt
  const Vec evenA = (m[1] + m[2]) * broadcast(atA), oddA = (m[1] - m[2]) * broadcast(atA);
  const Vec evenB = (m[3] + m[4]) * broadcast(atB), oddB = (m[3] - m[4]) * broadcast(atB);
  to[0] = fma(broadcast(atZero), m[0], evenA + evenB);
  to[1] = fma(broadcast(a), oddA, broadcast(b) * oddB);
  to[2] = fma(broadcast(a2), evenA, fma(broadcast(b2), evenB, m[5]));
}

// Both dimensions of a transform from FROM x FROM to TO x TO vectors. read(row, column) gives one,
// write(row, column, vector) takes one. Inlined, so that what the two know stays in registers.
template <int FROM, int TO, void (&TRANSFORM)(const Vec (&)[FROM], Vec (&)[TO]), class Read, class Write>
__attribute__((always_inline)) static inline void both(const Read& read, const Write& write) {
  Vec half[TO][FROM];
#pragma GCC unroll 16
  for (int column = 0; column < FROM; column++) {
    Vec in[FROM], out[TO];
#pragma GCC unroll 16
    for (int row = 0; row < FROM; row++) in[row] = read(row, column);
    TRANSFORM(in, out);
#pragma GCC unroll 16
    for (int row = 0; row < TO; row++) half[row][column] = out[row];
  }
#pragma GCC unroll 16
  for (int row = 0; row < TO; row++) {
    Vec out[TO];
    TRANSFORM(half[row], out);
#pragma GCC unroll 16
    for (int column = 0; column < TO; column++) write(row, column, out[column]);
  }
}

}  // namespace winograd

// A tile of a channel block of a gradient, read(row, column, lane), to its points.
template <class Read>
static inline void winogradGradient(const Read& read, float* to, size_t pointStride) {
  for (int lane = 0; lane < LANES; lane += VL)
    winograd::both<4, 6, winograd::gradient>(
        [&](int row, int column) { return read(row, column, lane); },
        [&](int row, int column, Vec v) { store(to + (row * 6 + column) * pointStride + lane, v); });
}

// A tile of a channel block, read(row, column, lane), to its points: write(row, column, lane, vector).
template <class Algorithm, class Read, class Write>
static inline void winogradInput(const Read& read, const Write& write) {
  for (int lane = 0; lane < LANES; lane += VL)
    winograd::both<Algorithm::INPUT, Algorithm::SLOTS, Algorithm::input>(
        [&](int row, int column) { return read(row, column, lane); },
        [&](int row, int column, Vec v) { write(row, column, lane, v); });
}

// Points of VL channels, read(row, column), to a tile: write(row, column, vector).
template <class Algorithm, class Read, class Write>
static inline void winogradOutput(const Read& read, const Write& write) {
  winograd::both<Algorithm::SLOTS, Algorithm::OUTPUT, Algorithm::output>(read, write);
}

// One register of weights to its points; tap(t) gives the register of a tap, in order of rows.
template <class Algorithm, class Tap>
static inline void winogradWeight(const Tap& tap, float* to, size_t pointStride) {
  winograd::both<3, 6, Algorithm::weight>(
      [&](int row, int column) { return tap(row * 3 + column); },
      [&](int row, int column, Vec v) { store(to + (row * 6 + column) * pointStride, v); });
}
// The adjoint, for stride 1: points to taps, `tapStride` apart.
static inline void winogradWeightGradient(const float* from, size_t pointStride, float* taps, size_t tapStride) {
  winograd::both<6, 3, winograd::weightGradient>(
      [&](int row, int column) { return load(from + (row * 6 + column) * pointStride); },
      [&](int row, int column, Vec v) { store(taps + (row * 3 + column) * tapStride, v); });
}

}  // namespace soma::SOMA_ISA
