// Weights of a 3x3 convolution at Winograd's points:
//
//   U [group][point][panel][channel][PANEL]     a group: WINOGRAD_GROUP output channels
//
// as the register tiles of conv_tile.h read them. They are taken from O x C x 3 x 3 by squares of VL x VL floats,
// which are turned round in registers, so that memory is read and written by whole vectors.
#pragma once
#include "conv_tile.h"
#include "winograd_algorithm.h"

namespace soma::SOMA_ISA {

constexpr int WINOGRAD_GROUP = PANEL > LANES ? PANEL : LANES;  // output channels in a group

static inline int winogradGroups(int outputChannels) { return divideUp(outputChannels, WINOGRAD_GROUP); }
static inline size_t winogradWeightsPoint(int inputChannels) { return size_t(inputChannels) * WINOGRAD_GROUP + LANES; }
static inline size_t winogradWeightsGroup(int inputChannels) {
  return WINOGRAD_POINTS * winogradWeightsPoint(inputChannels);
}

template <class Algorithm>
class WinogradWeights {
 public:
  // `transposed`: w is inputs x outputs x 3 x 3 and its taps are turned round, for the gradient of the input.
  WinogradWeights(const float* w, int inputs, int outputs, bool transposed)
      : w_(w), inputs_(inputs), outputs_(outputs), transposed_(transposed) {}

  // Points of the channels [firstChannel, firstChannel + channels), at most 16, of a group. Points are
  // `pointStride` apart, channels of a panel PANEL, panels `panelStride`.
  void transform(int group, int firstChannel, int channels, float* to, size_t pointStride, size_t panelStride) const {
    float taps[LANES * TAPS * WINOGRAD_GROUP];  // [channel][tap][output of the group]
    const int firstOutput = group * WINOGRAD_GROUP, outputs = smaller(WINOGRAD_GROUP, outputs_ - firstOutput);
    const int padded = blocks(outputs) * LANES;
    if (transposed_)
      for (int c = 0; c < channels; c++)
        for (int o = 0; o < padded; o += VL)
          turn(w_ + (size_t(firstChannel + c) * outputs_ + firstOutput + o) * TAPS, TAPS, smaller(VL, outputs - o), TAPS,
               taps + size_t(c) * TAPS * WINOGRAD_GROUP + o);
    else
      for (int o = 0; o < padded; o += VL)
        turn(w_ + (size_t(firstOutput + o) * inputs_ + firstChannel) * TAPS, size_t(inputs_) * TAPS,
             smaller(VL, outputs - o), channels * TAPS, taps + o);
    for (int o = 0; o < padded; o += VL) {
      const int panel = o / PANEL, width = smaller(PANEL, padded - panel * PANEL);
      for (int c = 0; c < channels; c++) {
        const float* from = taps + size_t(c) * TAPS * WINOGRAD_GROUP + o;
        float* at = to + panel * panelStride + size_t(c) * width + o % PANEL;
        if (transposed_)
          winogradWeight<Algorithm>([&](int t) { return load(from + (TAPS - 1 - t) * WINOGRAD_GROUP); }, at, pointStride);
        else
          winogradWeight<Algorithm>([&](int t) { return load(from + t * WINOGRAD_GROUP); }, at, pointStride);
      }
    }
  }

  // All of them, for a call that is made once for many.
  void transformAll(Pool& pool, float* to) const {
    const int inputBlocks = blocks(inputs_);
    pool.run(winogradGroups(outputs_) * inputBlocks, [&](int task, int) {
      const int group = task / inputBlocks, firstChannel = task % inputBlocks * LANES;
      const int width = panelWidth(group);
      transform(group, firstChannel, smaller(LANES, inputs_ - firstChannel),
                to + group * winogradWeightsGroup(inputs_) + size_t(firstChannel) * width,
                winogradWeightsPoint(inputs_), panelSize(inputs_, 1));
    });
  }

 private:
  static constexpr int TAPS = WINOGRAD_KERNEL * WINOGRAD_KERNEL;

  // Floats of a channel in a group's panels, which are all as wide: a group is one panel, or whole blocks.
  int panelWidth(int group) const {
    return smaller(PANEL, blocks(smaller(WINOGRAD_GROUP, outputs_ - group * WINOGRAD_GROUP)) * LANES);
  }

  // `rows` <= VL rows of `columns` floats, rowStride apart, to `columns` vectors, WINOGRAD_GROUP apart, whose
  // lanes beyond the rows are zero.
  void turn(const float* from, size_t rowStride, int rows, int columns, float* to) const {
    const float* end = w_ + size_t(inputs_) * outputs_ * TAPS;
    for (int column = 0; column < columns; column += VL) {
      const int width = smaller(VL, columns - column);
      Vec square[VL] = {};
      for (int r = 0; r < rows; r++) {
        const float* at = from + r * rowStride + column;
        square[r] = at + VL <= end ? load(at) : loadPart(at, width);  // what is beyond the columns is not stored
      }
      transpose(square);
      for (int i = 0; i < width; i++) store(to + size_t(column + i) * WINOGRAD_GROUP, square[i]);
    }
  }

  const float* w_;
  int inputs_, outputs_;
  bool transposed_;
};

}  // namespace soma::SOMA_ISA
