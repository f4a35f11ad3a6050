// The stored features of a dense layer in pieces, and the squares of 16 channels x 16 pixels that they are made of where
// the input is a map: w has those as 16 short rows of pixels, far apart, the map as pixels of 16 channels.
#pragma once
#include "conv_pack.h"
#include "dense_shape.h"
#include "turned.h"

namespace soma::SOMA_ISA {

// Rows of so many features are long: their operands are larger than caches, which decides how they are walked.
constexpr int LONG_ROW = 8192;

struct DensePiece {
  int first, count;  // stored features
  // Where it is turned in w: its first feature there, its channels and pixels.
  int feature, channels, pixels;
};

struct DensePieces {
  static constexpr int MOST = 64 * LANES;  // features; w is read in runs of 64 pixels

  const DenseShape s;
  const bool turned;
  const int pixels, inBlock;  // of a piece that is turned; pieces of a block of channels

  explicit DensePieces(const DenseShape& shape)
      : s(shape), turned(!shape.canonicalOrder()), pixels(isLong() ? 64 : 16), inBlock(divideUp(shape.HW, pixels)) {}

  bool isLong() const { return s.stored() > LONG_ROW; }
  int floats() const { return turned ? pixels * LANES : isLong() ? MOST : 64; }
  int count() const { return turned ? blocks(s.C) * inBlock : divideUp(s.stored(), floats()); }

  DensePiece operator[](int i) const {
    if (!turned) {
      const int first = i * floats();
      return {first, smaller(floats(), s.stored() - first), first, 0, 0};
    }
    const int channel = i / inBlock * LANES, p = i % inBlock * pixels;
    const int here = smaller(pixels, s.HW - p);
    return {channel * s.HW + p * LANES, here * LANES, channel * s.HW + p, smaller(LANES, s.C - channel), here};
  }
};

// A turned piece of one row of w, as the map has it: [pixel][16], zeros in the lanes of no channel. Asks for what is
// `next` floats on, as the processor itself does not where rows of pixels are short and far apart.
static inline void turnRow(const DensePiece& piece, int HW, const float* row, size_t next, float* to) {
  for (int lane = 0; lane < LANES; lane += VL)
    scatterColumns(row + piece.feature + ptrdiff_t(lane) * HW, HW, piece.channels - lane, piece.pixels,
                   [&](int pixel) { return to + pixel * LANES + lane; }, next);
}

// Writes a turned piece of one row of the gradient of w.
static inline void turnRowBack(const DensePiece& piece, int HW, const float* sums, float* row) {
  for (int lane = 0; lane < piece.channels; lane += VL)
    storeTurned(smaller(VL, piece.channels - lane), piece.pixels, HW, row + piece.feature + size_t(lane) * HW,
                [&](int pixel) { return load(sums + pixel * LANES + lane); });
}

}  // namespace soma::SOMA_ISA
