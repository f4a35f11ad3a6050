// The end of a convolution that was summed in scratch: bias, 2x2 maximum, clamp, and the layout of y.
#pragma once
#include "conv_source.h"

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
  ConvEmitter(const ConvShape& shape, float* y, uint8_t* argmax) : s_(shape), y_(y), argmax_(argmax) {}

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

  // Block `block` of SIDE x SIDE outputs of a blocked map from (row, column) on, `tile` [SIDE][SIDE][16], as
  // far as they lie within the map. Where it is pooled, SIDE, row and column are even and not negative.
  template <int SIDE>
  void emitTile(int image, int block, int row, int column, const float* tile, const Block& bias) const {
    const int step = s_.pool2 ? 2 : 1;
    const int firstRow = row / step, firstColumn = column / step;
    const int rows = smaller(SIDE / step, s_.yH() - firstRow), columns = smaller(SIDE / step, s_.yW() - firstColumn);
    for (int r = larger(0, -firstRow); r < rows; r++)
      for (int c = larger(0, -firstColumn); c < columns; c++)
        storeWhole(image, block, (firstRow + r) * s_.yW() + firstColumn + c,
                   finish(tile + (r * SIDE + c) * step * LANES, SIDE * LANES, bias));
  }

  // For those who store whole pixels of a map that is blocked and not pooled themselves: where, and what.
  float* blockAt(int image, int block, int row, int column) const {
    return y_ + (((size_t(image) * blocks(s_.O) + block) * s_.OH + row) * s_.OW + column) * LANES;
  }
  Vec finish(Vec sum, Vec bias) const {
    sum = sum + bias;
    return s_.relu ? max(Vec{}, sum) : sum;  // keeps a NaN
  }

 private:
  struct Pixel {
    Block value;
    VecI window[PARTS];
  };

  Pixel finish(const float* at, size_t rowStride, const Block& bias) const {
    Pixel pixel;
    for (int i = 0; i < PARTS; i++, at += VL) {
      Vec best = load(at);
      VecI window{};
      if (s_.pool2) {
        const float* candidates[4] = {at, at + LANES, at + rowStride, at + rowStride + LANES};
        for (int k = 1; k < 4; k++) {
          const Vec candidate = load(candidates[k]);
          const VecI greater = candidate > best;
          best = select(greater, candidate, best);
          window = (greater & (k - VecI{})) | (~greater & window);
        }
      }
      pixel.value.part[i] = finish(best, bias.part[i]);
      pixel.window[i] = window;
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
};

}  // namespace soma::SOMA_ISA
