// Sums whose lanes are channels, turned round into gradients of weights, in which channels are rows.
#pragma once
#include "../kernel.h"
#include "../simd.h"
#include "scratch.h"

namespace soma::SOMA_ISA {

// Writes `rows` <= VL rows of `columns` floats, `rowStride` apart: column(i) is the register of column i, lanes are rows.
// The rows lie far apart, and no cache has them: each is asked for before it is written to.
template <class Column>
static inline void storeTurned(int rows, int columns, size_t rowStride, float* to, const Column& column) {
  constexpr int AHEAD = 32;  // floats
  for (int first = 0; first < columns; first += VL) {
    const int width = smaller(VL, columns - first);
    Vec square[VL] = {};
    for (int i = 0; i < width; i++) square[i] = column(first + i);
    transpose(square);
    for (int row = 0; row < rows; row++) {
      float* at = to + row * rowStride + first;
      storePart(at, square[row], width);
      __builtin_prefetch(at + AHEAD, 1);
    }
  }
}

// The same for sums of one block of outputs, [tap][a stride of channels][16].
static inline void storeTaps(const float* sums, int taps, int channelStride, int channels, int outputs, size_t rowStride,
                             float* to) {
  for (int lane = 0; lane < outputs; lane += VL)
    storeTurned(smaller(VL, outputs - lane), channels * taps, rowStride, to + lane * rowStride, [&](int column) {
      return load(sums + (size_t(column % taps) * channelStride + column / taps) * LANES + lane);
    });
}

}  // namespace soma::SOMA_ISA
