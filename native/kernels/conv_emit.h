// The end of a convolution that was summed in scratch: bias, 2x2 maximum, clamp, and the layout of y.
#pragma once
#include "conv_source.h"
#include "stream.h"

namespace soma::SOMA_ISA {

// Sums of one image's rows for `channels` output channels from `firstChannel` on, as blocks of 16.
struct ConvSums {
  const float* data;            // row `firstRow`, column 0, block 0
  size_t blockStride, rowStride;  // in floats; pixels lie next to each other
  int firstChannel, channels;
  int firstRow, rows;           // of the convolution's output; both even where it is pooled
  const float* bias;            // the same channels padded to blocks, or null
};

class ConvEmitter {
 public:
  ConvEmitter(const ConvShape& shape, float* y, uint8_t* argmax)
      : s_(shape), y_(y), argmax_(argmax),
        streams_(leavesCaches(y, shape.images * mapSize(shape.O, shape.OH * shape.OW))) {}

  void emit(int image, const ConvSums& sums) const {
    const int end = sums.firstChannel + sums.channels;
    const bool wholeBlocks = isBlocked(s_.O) && sums.firstChannel % LANES == 0 &&
                             (sums.channels % LANES == 0 || end == s_.O);
    const int step = s_.pool2 ? 2 : 1;
    for (int b = 0; b < blocks(sums.channels); b++) {
      const Block bias = sums.bias ? loadBlock(sums.bias + b * LANES) : Block{};
      for (int r = 0; r < sums.rows; r += step) {
        const float* row = sums.data + b * sums.blockStride + r * sums.rowStride;
        const int yRow = (sums.firstRow + r) / step;
        for (int x = 0; x < s_.yW(); x++) {
          const Pixel pixel = finish(row + size_t(x) * step * LANES, sums.rowStride, bias);
          if (wholeBlocks)
            storeWhole(image, sums.firstChannel / LANES + b, yRow * s_.yW() + x, pixel);
          else
            storeChannels(image, sums.firstChannel + b * LANES, smaller(LANES, sums.channels - b * LANES),
                          yRow * s_.yW() + x, pixel);
        }
      }
    }
  }

  // Register `part` of block `block` of SIDE x SIDE outputs of a blocked map from (row, column) on, as far as they
  // lie within the map. Where it is pooled, SIDE, row and column are even. Inlined, so that it is in registers.
  template <int SIDE>
  __attribute__((always_inline)) void emitTile(int image, int block, int part, int row, int column,
                                               const Vec (&tile)[SIDE][SIDE], Vec bias) const {
    const int step = s_.pool2 ? 2 : 1;
    const int firstRow = row / step, firstColumn = column / step;
    const bool inside = firstRow >= 0 && firstColumn >= 0 && firstRow + SIDE / step <= s_.yH() &&
                        firstColumn + SIDE / step <= s_.yW();
    const ptrdiff_t first =
        ptrdiff_t(size_t(image) * blocks(s_.O) + block) * s_.yH() * s_.yW() + firstRow * s_.yW() + firstColumn;
    const auto at = [&](int r, int c) { return (first + r * s_.yW() + c) * LANES + part * VL; };
    const auto holds = [&](int r, int c) {
      return inside || (unsigned(firstRow + r) < unsigned(s_.yH()) && unsigned(firstColumn + c) < unsigned(s_.yW()));
    };
    const auto storeAll = [&](const auto& storeAt) {
#pragma GCC unroll 8
      for (int r = 0; r < SIDE; r++)
#pragma GCC unroll 8
        for (int c = 0; c < SIDE; c++)
          if (holds(r, c)) storeAt(y_ + at(r, c), finish(tile[r][c], bias));
    };
    if (streams_ && !s_.pool2) return storeAll([](float* p, Vec v) { stream(p, v); });
    // The next row of tiles is written next, or what follows the map.
    for (int r = SIDE / step; r < 2 * SIDE / step; r++)
      for (int c = 0; c < SIDE / step; c++) __builtin_prefetch(y_ + at(r, c), 1);
    if (!s_.pool2) return storeAll([](float* p, Vec v) { store(p, v); });
#pragma GCC unroll 4
    for (int r = 0; r < SIDE / 2; r++)
#pragma GCC unroll 4
      for (int c = 0; c < SIDE / 2; c++) {
        if (!holds(r, c)) continue;
        const Vec window[4] = {tile[2 * r][2 * c], tile[2 * r][2 * c + 1], tile[2 * r + 1][2 * c],
                               tile[2 * r + 1][2 * c + 1]};
        if (argmax_) storeBytes(argmax_ + at(r, c), indexOfMax(window));
        store(y_ + at(r, c), finish(maxOf(window), bias));
      }
  }

  // Where whole pixels of a map that is blocked and not pooled lie, for those who store them themselves.
  float* blockAt(int image, int block, int row, int column) const {
    return y_ + (((size_t(image) * blocks(s_.O) + block) * s_.OH + row) * s_.OW + column) * LANES;
  }

 private:
  struct Pixel {
    Block value;
    VecI window[PARTS];
  };

  Vec finish(Vec sum, Vec bias) const {
    sum = sum + bias;
    return s_.relu ? max(Vec{}, sum) : sum;  // keeps a NaN
  }

  // The largest of a window, the first of those that are, and where it is.
  static Vec maxOf(const Vec (&window)[4]) {
    Vec best = window[0];
    for (int k = 1; k < 4; k++) best = max(window[k], best);
    return best;
  }
  static VecI indexOfMax(const Vec (&window)[4]) {
    Vec best = window[0];
    VecI index{};
    for (int k = 1; k < 4; k++) {
      const VecI greater = window[k] > best;
      best = select(greater, window[k], best);
      index = (greater & (k - VecI{})) | (~greater & index);
    }
    return index;
  }

  Pixel finish(const float* at, size_t rowStride, const Block& bias) const {
    Pixel pixel;
    for (int i = 0; i < PARTS; i++, at += VL) {
      pixel.value.part[i] = load(at);
      pixel.window[i] = VecI{};
      if (s_.pool2) {
        const Vec window[4] = {load(at), load(at + LANES), load(at + rowStride), load(at + rowStride + LANES)};
        pixel.value.part[i] = maxOf(window);
        if (argmax_) pixel.window[i] = indexOfMax(window);
      }
      pixel.value.part[i] = finish(pixel.value.part[i], bias.part[i]);
    }
    return pixel;
  }

  void storeWhole(int image, int block, int p, const Pixel& pixel) const {
    const size_t i = ((size_t(image) * blocks(s_.O) + block) * s_.yH() * s_.yW() + p) * LANES;
    storeBlock(y_ + i, pixel.value);
    if (!argmax_) return;
    for (int part = 0; part < PARTS; part++) storeBytes(argmax_ + i + part * VL, pixel.window[part]);
  }

  // A plain map, or channels of a group that does not fill whole blocks.
  void storeChannels(int image, int firstChannel, int channels, int p, const Pixel& pixel) const {
    const int pixels = s_.yH() * s_.yW();
    const size_t base = image * mapSize(s_.O, pixels);
    float value[LANES];
    uint8_t window[LANES];
    storeBlock(value, pixel.value);
    for (int part = 0; part < PARTS; part++) storeBytes(window + part * VL, pixel.window[part]);
    for (int l = 0; l < channels; l++) {
      const size_t i = base + mapIndex(s_.O, pixels, firstChannel + l, p);
      y_[i] = value[l];
      if (argmax_) argmax_[i] = window[l];
    }
    // The last group also writes the lanes beyond O.
    if (!isBlocked(s_.O) || firstChannel + channels != s_.O) return;
    for (int c = s_.O; c < blocks(s_.O) * LANES; c++) {
      const size_t i = base + mapIndex(s_.O, pixels, c, p);
      y_[i] = 0;
      if (argmax_) argmax_[i] = 0;
    }
  }

  const ConvShape s_;
  float* const y_;
  uint8_t* const argmax_;
  const bool streams_;
};

}  // namespace soma::SOMA_ISA
