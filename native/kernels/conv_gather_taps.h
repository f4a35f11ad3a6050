// The inner kernel of conv_gather_grad_weight.h: which taps a spike lies under, and the sums of their gradients.
#pragma once
#include "conv_source.h"
#include "conv_spike_masks.h"

namespace soma::SOMA_ISA {

// One axis of the phases: a spike at padded place P = y + pad lies at position P / stride of phase P % stride.
struct GatherAxis {
  struct Phase {
    int firstTap, taps;  // those that meet spikes of this phase: firstTap, firstTap + tapStep, …
    int distance;        // from a spike's position back to the output of its first tap
  };

  int stride, dilation, taps;
  int positions;              // of spikes, 0 … positions - 1
  int reach;                  // how far back the last tap's output lies
  int tapStep, distanceStep;  // from one tap of a phase to the next

  GatherAxis(int stride, int dilation, int pad, int size, int taps)
      : stride(stride), dilation(dilation), taps(taps), positions((size - 1 + pad) / stride + 1),
        reach((taps - 1) * dilation / stride), tapStep(1) {
    while (tapStep * dilation % stride != 0) tapStep++;
    distanceStep = tapStep * dilation / stride;
  }

  Phase phase(int p) const {
    int first = 0;
    while (first < smaller(taps, tapStep) && first * dilation % stride != p) first++;
    if (first >= smaller(taps, tapStep)) return {0, 0, 0};
    return {first, divideUp(taps - first, tapStep), first * dilation / stride};
  }
};

// The grid of taps that masks are walked for.
struct GatherGrid {
  ptrdiff_t frameRow, frameColumn, frameBlock;  // from a tap's gradients to the next one's, and between blocks
  size_t sumsRow, sumsColumn;
};

// Adds the gradients at the places whose bits are set to the sums of ROWS x COLUMNS taps and BLOCKS blocks.
template <int ROWS, int COLUMNS, int BLOCKS>
static inline void gatherTaps(const uint64_t* masks, int words, const float* frame, const GatherGrid& grid, float* sums) {
  constexpr int TAPS = ROWS * COLUMNS, ALL = BLOCKS * PARTS, MOST = (VL == 16 ? 20 : 12) / TAPS;
  constexpr int TOGETHER = MOST >= ALL ? ALL : MOST >= 4 && ALL % 4 == 0 ? 4 : MOST >= 2 && ALL % 2 == 0 ? 2 : 1;
  for (int v0 = 0; v0 < ALL; v0 += TOGETHER) {
    const auto inFrame = [&](int v) { return (v0 + v) / PARTS * grid.frameBlock + (v0 + v) % PARTS * VL; };
    const auto inSums = [&](int t, int v) {
      return t / COLUMNS * grid.sumsRow + t % COLUMNS * grid.sumsColumn + (v0 + v) * VL;
    };
    Vec sum[TAPS][TOGETHER];
#pragma GCC unroll 9
    for (int t = 0; t < TAPS; t++)
#pragma GCC unroll 8
      for (int v = 0; v < TOGETHER; v++) sum[t][v] = load(sums + inSums(t, v));
    forSpikes(masks, words, frame, [&](const float* g) {
#pragma GCC unroll 9
      for (int t = 0; t < TAPS; t++)
#pragma GCC unroll 8
        for (int v = 0; v < TOGETHER; v++)
          sum[t][v] = sum[t][v] + load(g + t / COLUMNS * grid.frameRow + t % COLUMNS * grid.frameColumn + inFrame(v));
    });
#pragma GCC unroll 9
    for (int t = 0; t < TAPS; t++)
#pragma GCC unroll 8
      for (int v = 0; v < TOGETHER; v++) store(sums + inSums(t, v), sum[t][v]);
  }
}

using GatherTaps = void (*)(const uint64_t*, int, const float*, const GatherGrid&, float*);
constexpr int GATHER_SIDE = 3;  // most rows and columns of taps in a grid

template <int BLOCKS>
static inline GatherTaps gatherTapsOf(int rows, int columns) {
  static constexpr GatherTaps TABLE[GATHER_SIDE][GATHER_SIDE] = {
      {gatherTaps<1, 1, BLOCKS>, gatherTaps<1, 2, BLOCKS>, gatherTaps<1, 3, BLOCKS>},
      {gatherTaps<2, 1, BLOCKS>, gatherTaps<2, 2, BLOCKS>, gatherTaps<2, 3, BLOCKS>},
      {gatherTaps<3, 1, BLOCKS>, gatherTaps<3, 2, BLOCKS>, gatherTaps<3, 3, BLOCKS>}};
  return TABLE[rows - 1][columns - 1];
}

}  // namespace soma::SOMA_ISA
