// The gradient with respect to the weights, driven by spikes: a spike of channel c adds the 3x3 of
// gradients around it to the nine sums of (c, output block), which stay in registers over all spikes of
// c in a band of rows. A task owns two blocks of input channels and a run of images; runs are added in
// order at the end.
#pragma once
#include "conv_source.h"

namespace soma::SOMA_ISA {

struct EventGradWeightPlan {
  static constexpr int GROUP_BLOCKS = 2, GROUP = GROUP_BLOCKS * LANES;  // input channels of a task
  static constexpr int MIN_TASKS = 16;
  static constexpr size_t BAND_FLOATS = 5 * 1024;  // gradients of a band: most of a first-level cache

  int inputGroups, outputBlocks, runs, bandRows, bands;
  size_t listSize, pairSize;
  Frame frame;  // gradients of a band and one pixel around
  float *partial, *frames;
  uint32_t* lists;
  size_t bytes;

  EventGradWeightPlan(const ConvShape& s, char* base, int threads) {
    inputGroups = divideUp(blocks(s.C), GROUP_BLOCKS);
    outputBlocks = blocks(s.O);
    runs = larger(1, smaller(s.images, divideUp(MIN_TASKS, inputGroups)));
    frame.phases = 1;
    frame.lanes = LANES;
    frame.columns = s.W + 2;
    const int rowsThatFit = larger(1, int(BAND_FLOATS / frame.rowSize()) - 2);
    bands = divideUp(s.H, rowsThatFit);
    bandRows = divideUp(s.H, bands);
    frame.rows = bandRows + 2;
    listSize = size_t(bandRows) * s.W;
    pairSize = size_t(GROUP) * 9 * LANES;

    Scratch scratch(base);
    partial = scratch.take<float>(size_t(runs) * inputGroups * outputBlocks * pairSize);
    frames = scratch.take<float>(threads * frame.size());
    lists = scratch.take<uint32_t>(threads * GROUP * listSize);
    bytes = scratch.used();
  }

  // Partial sums [channel of the group][3][3][16] in the order of the gradients around a spike.
  float* pair(int run, int group, int ob) const {
    return partial + ((size_t(run) * inputGroups + group) * outputBlocks + ob) * pairSize;
  }
};

// Adds the 3x3 around each listed pixel to sums[3][3][16].
static inline void gatherSpikes(const uint32_t* list, int count, const float* gradients, size_t rowSize, float* sums) {
  for (int lane = 0; lane < LANES; lane += VL) {
    Vec sum[3][3];
#pragma GCC unroll 9
    for (int t = 0; t < 9; t++) sum[t / 3][t % 3] = load(sums + t * LANES + lane);
    for (int i = 0; i < count; i++) {
      const float* g = gradients + list[i] + lane;
#pragma GCC unroll 3
      for (int ty = 0; ty < 3; ty++)
#pragma GCC unroll 3
        for (int tx = 0; tx < 3; tx++) sum[ty][tx] = sum[ty][tx] + load(g + ty * rowSize + tx * LANES);
    }
#pragma GCC unroll 9
    for (int t = 0; t < 9; t++) store(sums + t * LANES + lane, sum[t / 3][t % 3]);
  }
}

// Lists the places of each channel's spikes in the band's frame; counts[l] is their number.
static inline void listSpikes(const SpikeMap& x, int image, int block, int firstRow, int rows, size_t rowSize,
                              size_t listSize, uint32_t* lists, int* counts) {
  for (int l = 0; l < LANES; l++) counts[l] = 0;
  for (int r = 0; r < rows; r++) {
    const uint16_t* words = x.words(image, block) + (firstRow + r) * x.width;
    for (int column = 0; column < x.width; column++) {
      const uint32_t place = uint32_t(r * rowSize + column * LANES);
      for (unsigned bits = words[column]; bits; bits &= bits - 1) {
        const int l = __builtin_ctz(bits);
        lists[l * listSize + counts[l]++] = place;
      }
    }
  }
}

static inline void runEventGradWeight(const Call& call, const ConvShape& s, const SpikeMap& x, const GradientMap& g,
                                      float* dw) {
  using Plan = EventGradWeightPlan;
  const Plan plan(s, call.scratch, call.pool->threads());
  const size_t rowSize = plan.frame.rowSize();

  call.pool->run(plan.runs * plan.inputGroups, [&](int task, int thread) {
    const int run = task / plan.inputGroups, group = task % plan.inputGroups;
    const int firstBlock = group * Plan::GROUP_BLOCKS;
    const int groupBlocks = smaller(Plan::GROUP_BLOCKS, blocks(s.C) - firstBlock);
    float* frame = plan.frames + thread * plan.frame.size();
    uint32_t* lists = plan.lists + thread * Plan::GROUP * plan.listSize;
    int counts[Plan::GROUP];
    std::memset(plan.pair(run, group, 0), 0, plan.outputBlocks * plan.pairSize * sizeof(float));

    const int firstImage = int(int64_t(s.images) * run / plan.runs);
    const int endImage = int(int64_t(s.images) * (run + 1) / plan.runs);
    for (int n = firstImage; n < endImage; n++)
      for (int row = 0; row < s.H; row += plan.bandRows) {
        const int rows = smaller(plan.bandRows, s.H - row);
        for (int b = 0; b < groupBlocks; b++)
          listSpikes(x, n, firstBlock + b, row, rows, rowSize, plan.listSize, lists + b * LANES * plan.listSize,
                     counts + b * LANES);
        for (int ob = 0; ob < plan.outputBlocks; ob++) {
          // A spike at y meets the gradients of rows y - 2 + padTop … y + padTop.
          stageGradient(g, n, ob * LANES, smaller(LANES, s.O - ob * LANES), row - 2 + s.padTop, s.padLeft - 2,
                        plan.frame, frame);
          float* sums = plan.pair(run, group, ob);
          for (int c = 0; c < groupBlocks * LANES; c++)
            if (counts[c] > 0)
              gatherSpikes(lists + c * plan.listSize, counts[c], frame, rowSize, sums + c * 9 * LANES);
        }
      }
  });

  call.pool->run(plan.inputGroups * plan.outputBlocks, [&](int task, int) {
    const int group = task / plan.outputBlocks, ob = task % plan.outputBlocks;
    for (int l = 0; l < smaller(LANES, s.O - ob * LANES); l++)
      for (int c = 0; c < smaller(Plan::GROUP, s.C - group * Plan::GROUP); c++)
        for (int t = 0; t < 9; t++) {
          float sum = 0;
          for (int run = 0; run < plan.runs; run++) sum += plan.pair(run, group, ob)[(c * 9 + 8 - t) * LANES + l];
          dw[(size_t(ob * LANES + l) * s.C + group * Plan::GROUP + c) * 9 + t] = sum;
        }
  });
}

}  // namespace soma::SOMA_ISA
