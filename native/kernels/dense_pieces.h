// The stored features of a dense layer in pieces, and the squares of 16 channels x 16 pixels that they are made of where
// the input is a map: w has those as 16 short rows of pixels, far apart, the map as pixels of 16 channels.
#pragma once
#include "turned.h"
#include "dense_shape.h"

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
  const float* from = row + piece.feature;
  for (int lane = 0; lane < LANES; lane += VL)
    for (int p = 0; p < piece.pixels; p += VL) {
      const int channels = smaller(VL, piece.channels - lane), width = smaller(VL, piece.pixels - p);
      const float* corner = from + ptrdiff_t(lane) * HW + p;
      if (width < VL) {
        for (int i = 0; i < width; i++)
          for (int c = 0; c < VL; c++) to[(p + i) * LANES + lane + c] = c < channels ? corner[c * HW + i] : 0;
        continue;
      }
      Vec square[VL] = {};
      for (int c = 0; c < channels; c++) {
        square[c] = load(corner + size_t(c) * HW);
        __builtin_prefetch(corner + size_t(c) * HW + next);
      }
      transpose(square);
      for (int i = 0; i < VL; i++) store(to + (p + i) * LANES + lane, square[i]);
    }
}

// Writes a turned piece of one row of the gradient of w.
static inline void turnRowBack(const DensePiece& piece, int HW, const float* sums, float* row) {
  for (int lane = 0; lane < piece.channels; lane += VL)
    storeTurned(smaller(VL, piece.channels - lane), piece.pixels, HW, row + piece.feature + size_t(lane) * HW,
                [&](int pixel) { return load(sums + pixel * LANES + lane); });
}

}  // namespace soma::SOMA_ISA
