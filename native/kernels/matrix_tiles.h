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
  for (int r = 0; r < R; r++)
    for (int n = 0; n < N; n++) y[r * yStride + n] += sumLanes(sum[r][n]);
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

constexpr int OUTER_REGISTERS = VL == 16 ? 4 : 2;
constexpr int STRIP = OUTER_REGISTERS * VL;  // columns in a strip

// out[m][0 … count) = sum over k < depth of a[m * aRow + k * aStep] * b[k][0 … count), for M rows m.
template <int M>
void outerTile(int depth, const float* a, size_t aRow, size_t aStep, const float* b, size_t bStride, int count,
               float* out, size_t outStride) {
  Vec sum[M][OUTER_REGISTERS] = {};
  const auto accumulate = [&](const auto& loadAt) {
    for (int k = 0; k < depth; k++) {
      Vec values[OUTER_REGISTERS];
#pragma GCC unroll 8
      for (int v = 0; v < OUTER_REGISTERS; v++) values[v] = loadAt(b + k * bStride, v * VL);
#pragma GCC unroll 8
      for (int m = 0; m < M; m++) {
        const Vec factor = broadcast(a[m * aRow + k * aStep]);
#pragma GCC unroll 8
        for (int v = 0; v < OUTER_REGISTERS; v++) sum[m][v] = fma(factor, values[v], sum[m][v]);
      }
    }
  };
  if (count == STRIP)
    accumulate([](const float* p, int at) { return load(p + at); });
  else
    accumulate([&](const float* p, int at) { return loadFirst(p + at, count - at); });
  for (int m = 0; m < M; m++)
    for (int v = 0; v < OUTER_REGISTERS; v++) storeFirst(out + m * outStride + v * VL, sum[m][v], count - v * VL);
}

// All rows of one strip of columns.
inline void outerStrip(int rows, int depth, const float* a, size_t aRow, size_t aStep, const float* b, size_t bStride,
                int count, float* out, size_t outStride) {
  int m = 0;
  for (; m + 4 <= rows; m += 4)
    outerTile<4>(depth, a + m * aRow, aRow, aStep, b, bStride, count, out + m * outStride, outStride);
  for (; m < rows; m++)
    outerTile<1>(depth, a + m * aRow, aRow, aStep, b, bStride, count, out + m * outStride, outStride);
}

}  // namespace soma::SOMA_ISA
