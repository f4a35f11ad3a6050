// Event-driven convolutions of any kernel size, stride, dilation and padding, in one group: an output pixel
// gathers what the spikes under its taps weigh. (Spikes under 3x3 with stride 1 scatter instead, conv_scatter.h,
// but for the forward pass on small maps of many channels.)
//
// A spike of channel c under a tap stands for one row of weights, those of a group of 32 output channels, and a
// pixel's sums are the sum of its rows, made in registers. Channels are taken in chunks, so that the rows of a
// chunk stay near the first-level cache over all pixels of a task:
//
//   weights   [output group][chunk][tap][channel of the chunk][32]     16 in the last group if it has one block
//   lists     for each chunk and pixel: the numbers of its rows in the chunk, tap * channels + channel
#pragma once
#include "conv_pack.h"
#include "conv_source.h"

namespace soma::SOMA_ISA {

constexpr int GATHER_BLOCKS = 2;  // blocks of output channels in a group
constexpr int GATHER_GROUP = GATHER_BLOCKS * LANES;

struct GatherShape {
  static constexpr int CHUNK_ROWS = 288;  // rows of weights in a chunk, 36 KiB, where taps allow

  int C, O, taps, chunkBlocks, chunks, groups;

  GatherShape(int C, int O, int taps)
      : C(C), O(O), taps(taps), chunkBlocks(larger(1, CHUNK_ROWS / (taps * LANES))),
        chunks(divideUp(blocks(C), chunkBlocks)), groups(divideUp(blocks(O), GATHER_BLOCKS)) {}
  explicit GatherShape(const ConvShape& s) : GatherShape(s.C, s.O, s.taps()) {}

  int chunkChannels(int chunk) const { return smaller(chunkBlocks * LANES, C - chunk * chunkBlocks * LANES); }
  int groupBlocks(int group) const { return smaller(GATHER_BLOCKS, blocks(O) - group * GATHER_BLOCKS); }
  // Where the weights of a group and chunk begin, in floats.
  size_t weights(int group, int chunk) const {
    const size_t channels = size_t(group) * C * GATHER_GROUP +
                            size_t(chunk) * chunkBlocks * LANES * groupBlocks(group) * LANES;
    return channels * taps;
  }
};

// Packs w, [O][C][tap].
static inline void packGatherWeights(const Call& call, const float* w, int O, int C, int taps, float* out) {
  const GatherShape s(C, O, taps);
  call.pool->run(s.groups * s.chunks, [&](int task, int) {
    const int group = task / s.chunks, chunk = task % s.chunks;
    const int channels = s.chunkChannels(chunk), width = s.groupBlocks(group) * LANES;
    const int firstO = group * GATHER_GROUP, firstC = chunk * s.chunkBlocks * LANES;
    float* to = out + s.weights(group, chunk);
    packTile(w + (size_t(firstO) * C + firstC) * taps, size_t(C) * taps, O - firstO, channels, taps, width, to);
  });
}

// Where the sums of a pixel are: blocks of 16, a stride apart.
struct GatherSums {
  const float* from;  // what they begin with
  size_t fromStride;
  float* to;
  size_t toStride;
  bool relu;  // clamp what is stored
};

// Adds the listed rows of weights. Short rows are summed several times over, lest sums wait for each other.
template <int BLOCKS>
static inline void sumRows(const uint16_t* list, int count, const float* rows, const GatherSums& sums) {
  constexpr int ROW = BLOCKS * PARTS, SIDE_BY_SIDE = ROW >= 4 ? (VL == 4 ? 1 : 2) : 4 / ROW;
  Vec sum[SIDE_BY_SIDE][ROW] = {};
#pragma GCC unroll 8
  for (int v = 0; v < ROW; v++) sum[0][v] = load(sums.from + v / PARTS * sums.fromStride + v % PARTS * VL);
  int i = 0;
  for (; i + SIDE_BY_SIDE <= count; i += SIDE_BY_SIDE)
#pragma GCC unroll 4
    for (int k = 0; k < SIDE_BY_SIDE; k++) {
      const float* row = rows + size_t(list[i + k]) * (BLOCKS * LANES);
#pragma GCC unroll 8
      for (int v = 0; v < ROW; v++) sum[k][v] = sum[k][v] + load(row + v * VL);
    }
  for (; i < count; i++) {
    const float* row = rows + size_t(list[i]) * (BLOCKS * LANES);
#pragma GCC unroll 8
    for (int v = 0; v < ROW; v++) sum[0][v] = sum[0][v] + load(row + v * VL);
  }
  const Vec zero{};
#pragma GCC unroll 8
  for (int v = 0; v < ROW; v++) {
#pragma GCC unroll 4
    for (int k = 1; k < SIDE_BY_SIDE; k++) sum[0][v] = sum[0][v] + sum[k][v];
    const Vec total = sums.relu ? max(zero, sum[0][v]) : sum[0][v];  // keeps a NaN
    store(sums.to + v / PARTS * sums.toStride + v % PARTS * VL, total);
  }
}

}  // namespace soma::SOMA_ISA
