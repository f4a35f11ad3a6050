// Tiles of matrix products, small enough that their sums stay in registers: of dot products, for operands that
// both lie along the sum, and of outer products, whose lanes are columns of the result. Each sum has a fixed order.
#pragma once
#include "../simd.h"
#include "parts.h"

namespace soma::SOMA_ISA {

// ---- Dot products

// y[r][o] += x[r] . w[o] over `count` features, for R rows and N outputs.
template <int R, int N>
void dotTile(const float* x, size_t xStride, const float* w, size_t wStride, int count, float* y, size_t yStride) {
  Vec sum[R][N] = {};
  const auto step = [&](int i, const auto& loadAt) {
    Vec weights[N];
#pragma GCC unroll 8
    for (int n = 0; n < N; n++) weights[n] = loadAt(w + n * wStride + i);
#pragma GCC unroll 8
    for (int r = 0; r < R; r++) {
      const Vec value = loadAt(x + r * xStride + i);
#pragma GCC unroll 8
      for (int n = 0; n < N; n++) sum[r][n] = fma(value, weights[n], sum[r][n]);
    }
  };
  int i = 0;
  for (; i + VL <= count; i += VL) step(i, [](const float* p) { return load(p); });
  if (i < count) step(i, [&](const float* p) { return loadFirst(p, count - i); });
  // As many sums at once as a register has lanes.
#pragma GCC unroll 8
  for (int first = 0; first < R * N; first += VL) {
    Vec square[VL] = {};
#pragma GCC unroll 16
    for (int s = 0; s < VL; s++)
      if (first + s < R * N) square[s] = sum[(first + s) / N][(first + s) % N];
    float totals[VL];
    store(totals, sumLanesOfRows(square));
    for (int s = 0; s < smaller(VL, R * N - first); s++) y[(first + s) / N * yStride + (first + s) % N] += totals[s];
  }
}

constexpr int DOT_ROWS = 4, DOT_OUTPUTS = VL == 16 ? 6 : 2;

// y[r][o] += x[r] . w[o] over `count` numbers, for all rows and outputs.
inline void dotTiles(int rows, const float* x, size_t xStride, int outputs, const float* w, size_t wStride, int count,
                     float* y, size_t yStride) {
  inParts<DOT_OUTPUTS>(outputs, [&]<int N>(int o) {
    const auto tile = [&]<int R>(int r) {
      dotTile<R, N>(x + size_t(r) * xStride, xStride, w + size_t(o) * wStride, wStride, count,
                    y + size_t(r) * yStride + o, yStride);
    };
    int r = 0;
    for (; r + DOT_ROWS <= rows; r += DOT_ROWS) tile.template operator()<DOT_ROWS>(r);
    for (; r < rows; r++) tile.template operator()<1>(r);
  });
}

// ---- Outer products

constexpr int OUTER_REGISTERS = VL == 16 ? 4 : 2, OUTER_ROWS = VL == 16 ? 6 : 4;
constexpr int STRIP = OUTER_REGISTERS * VL;  // columns in a strip

// Copies `count` columns of `depth` rows to strip[depth][STRIP], with zeros beyond them: rows that lie apart by a power
// of two would push one another out of the cache while they are summed.
static inline void packStrip(int depth, const float* b, size_t bStride, int count, float* strip) {
  for (int k = 0; k < depth; k++)
    for (int v = 0; v < OUTER_REGISTERS; v++)
      store(strip + k * STRIP + v * VL, loadFirst(b + k * bStride + v * VL, count - v * VL));
}

// out[m][0 … count) = sum over k < depth of a[m * aRow + k * aStep] * strip[k][0 … count), for M rows m.
template <int M>
void outerTile(int depth, const float* a, size_t aRow, size_t aStep, const float* strip, int count, float* out,
               size_t outStride) {
  Vec sum[M][OUTER_REGISTERS] = {};
  for (int k = 0; k < depth; k++) {
    Vec values[OUTER_REGISTERS];
#pragma GCC unroll 8
    for (int v = 0; v < OUTER_REGISTERS; v++) values[v] = load(strip + k * STRIP + v * VL);
#pragma GCC unroll 8
    for (int m = 0; m < M; m++) {
      const Vec factor = broadcast(a[m * aRow + k * aStep]);
#pragma GCC unroll 8
      for (int v = 0; v < OUTER_REGISTERS; v++) sum[m][v] = fma(factor, values[v], sum[m][v]);
    }
  }
  for (int m = 0; m < M; m++)
    for (int v = 0; v < OUTER_REGISTERS; v++) storeFirst(out + m * outStride + v * VL, sum[m][v], count - v * VL);
}

// All rows of one packed strip of columns.
inline void outerStrip(int rows, int depth, const float* a, size_t aRow, size_t aStep, const float* strip, int count,
                       float* out, size_t outStride) {
  inParts<OUTER_ROWS>(rows, [&]<int M>(int m) {
    outerTile<M>(depth, a + m * aRow, aRow, aStep, strip, count, out + m * outStride, outStride);
  });
}

}  // namespace soma::SOMA_ISA
