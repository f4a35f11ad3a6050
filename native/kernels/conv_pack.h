// Bringing weights into the order in which the register tiles read them (conv_tile.h). A training step does it for every
// convolution, twice: squares of numbers are turned round in registers.
#pragma once
#include "conv_tile.h"

namespace soma::SOMA_ISA {

// Weights are in no cache when a step begins, and rows lie too far apart for memory to foresee which come next: what is read
// is asked for so many floats before, unless a caller knows what it reads next; where it goes so many channels.
constexpr int PACK_AHEAD = 64, PACK_AHEAD_CHANNELS = 4;

// `rows` rows of `columns` floats, `stride` apart: column i goes to to(i), a register of which the lanes beyond the rows are
// zero; where that is null, nowhere.
template <class To>
static inline void scatterColumns(const float* from, size_t stride, int rows, int columns, const To& to,
                                  size_t ahead = PACK_AHEAD) {
  for (int first = 0; first < columns; first += VL) {
    const int count = smaller(VL, columns - first);
    Vec square[VL];
    for (int r = 0; r < VL; r++) {
      const float* at = from + r * stride + first;
      square[r] = r < rows ? loadPart(at, count) : Vec{};
      __builtin_prefetch(at + ahead);
    }
    transpose(square);
    for (int i = 0; i < count; i++)
      if (float* at = to(first + i)) store(at, square[i]);
  }
}

// From w[output][channel][tap], outputs `row` apart, to out[tap][channel][width]; lanes beyond the outputs become zero.
static inline void packTile(const float* w, size_t row, int outputs, int channels, int taps, int width, float* out) {
  for (int l = 0; l < width; l += VL) {
    int c = 0, t = 0;  // of the column that is asked for: they come in order
    scatterColumns(w + l * row, row, outputs - l, channels * taps, [&](int) {
      float* at = out + size_t(t * channels + c) * width + l;
      __builtin_prefetch(at + PACK_AHEAD_CHANNELS * width, 1);
      if (++t == taps) t = 0, c++;
      return at;
    });
  }
}

// Packs one panel of w[output][channel][tap].
static inline void packPanel(int panel, int inputChannels, int outputChannels, int taps, const float* w, float* out) {
  const int width = panelRegisters(outputChannels, panel) * VL, first = panel * PANEL;
  const size_t row = size_t(inputChannels) * taps;
  for (int c0 = 0; c0 < inputChannels; c0 += LANES) {
    const int channels = smaller(LANES, inputChannels - c0);
    packTile(w + first * row + size_t(c0) * taps, row, outputChannels - first, channels, taps, width, out);
    out += size_t(taps) * channels * width;
  }
}

// Packs one panel of the transposed convolution: w[channel][output][tap], of whose `allTaps` taps place(tap) says where
// they are packed, among `taps`; below zero: not here.
template <class Place>
static inline void packTransposedPanel(int panel, int inputChannels, int outputChannels, int taps, int allTaps,
                                       const Place& place, const float* w, float* out) {
  const int width = panelRegisters(outputChannels, panel) * VL;
  for (int c0 = 0; c0 < inputChannels; c0 += LANES) {
    const int channels = smaller(LANES, inputChannels - c0);
    for (int c = 0; c < channels; c++)
      for (int l = 0; l < width; l += VL) {
        const int first = panel * PANEL + l, outputs = larger(0, smaller(VL, outputChannels - first));
        const float* from = w + (size_t(c0 + c) * outputChannels + first) * allTaps;
        const auto at = [&](int tap) {
          const int t = place(tap);
          return t < 0 ? nullptr : out + size_t(t * channels + c) * width + l;
        };
        if (allTaps > 1)
          scatterColumns(from, allTaps, outputs, allTaps, at);
        else if (taps == 1)
          store(at(0), loadPart(from, outputs));
      }
    out += size_t(taps) * channels * width;
  }
}

}  // namespace soma::SOMA_ISA
