// The gradient with respect to the weights, driven by spikes: a spike of channel c adds the 3x3 of
// gradients around it to the nine sums of (c, output block), which stay in registers over all spikes of
// c in a band of rows. A task owns four blocks of input channels and a run of images; runs are added in
// order at the end. In a loop over micro-batches each slot is such a run.
#pragma once
#include "conv_source.h"

namespace soma::SOMA_ISA {

// Sums of one run of images, [input group][output block][channel of the group][3][3][16], the 3x3 in the order
// of the gradients around a spike.
struct EventGradWeightSums {
  static constexpr int GROUP_BLOCKS = 4, GROUP = GROUP_BLOCKS * LANES;  // input channels of a task
  static constexpr size_t PAIR = size_t(GROUP) * 9 * LANES;             // of a group and an output block

  int inputGroups, outputBlocks;

  EventGradWeightSums(int C, int O) : inputGroups(divideUp(blocks(C), GROUP_BLOCKS)), outputBlocks(blocks(O)) {}

  size_t size() const { return size_t(inputGroups) * outputBlocks * PAIR; }
  size_t pair(int group, int ob) const { return (size_t(group) * outputBlocks + ob) * PAIR; }
};

// What a thread needs to add images to such sums.
struct EventGradWeightPlan {
  static constexpr size_t BAND_FLOATS = 5 * 1024;  // gradients of a band: most of a first-level cache

  int bandRows, bands;
  size_t listSize;
  Frame frame;  // gradients of a band and one pixel around
  float* frames;
  uint32_t* lists;
  size_t bytes;

  EventGradWeightPlan(const ConvShape& s, Scratch scratch, int threads) {
    frame.phases = 1;
    frame.lanes = LANES;
    frame.columns = s.W + 2;
    const int rowsThatFit = larger(1, int(BAND_FLOATS / frame.rowSize()) - 2);
    bands = divideUp(s.H, rowsThatFit);
    bandRows = divideUp(s.H, bands);
    frame.rows = bandRows + 2;
    listSize = size_t(bandRows) * s.W;
    frames = scratch.take<float>(threads * frame.size());
    lists = scratch.take<uint32_t>(threads * EventGradWeightSums::GROUP * listSize);
    bytes = scratch.used();
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

// Adds what images [firstImage, endImage) give for one group of input channels.
static inline void addEventGradWeight(const ConvShape& s, const SpikeMap& x, const GradientMap& g,
                                      const EventGradWeightPlan& plan, int thread, int group, int firstImage,
                                      int endImage, float* sums) {
  using Sums = EventGradWeightSums;
  const Sums layout(s.C, s.O);
  const size_t rowSize = plan.frame.rowSize();
  const int firstBlock = group * Sums::GROUP_BLOCKS;
  const int groupBlocks = smaller(Sums::GROUP_BLOCKS, blocks(s.C) - firstBlock);
  float* frame = plan.frames + thread * plan.frame.size();
  uint32_t* lists = plan.lists + thread * Sums::GROUP * plan.listSize;
  int counts[Sums::GROUP];
  for (int n = firstImage; n < endImage; n++)
    for (int row = 0; row < s.H; row += plan.bandRows) {
      const int rows = smaller(plan.bandRows, s.H - row);
      for (int b = 0; b < groupBlocks; b++)
        listSpikes(x, n, firstBlock + b, row, rows, rowSize, plan.listSize, lists + b * LANES * plan.listSize,
                   counts + b * LANES);
      for (int ob = 0; ob < layout.outputBlocks; ob++) {
        // A spike at y meets the gradients of rows y - 2 + padTop … y + padTop.
        stageGradient(g, n, ob * LANES, smaller(LANES, s.O - ob * LANES), row - 2 + s.padTop, s.padLeft - 2,
                      plan.frame, frame);
        float* pair = sums + layout.pair(group, ob);
        for (int c = 0; c < groupBlocks * LANES; c++)
          if (counts[c] > 0)
            gatherSpikes(lists + c * plan.listSize, counts[c], frame, rowSize, pair + c * 9 * LANES);
      }
    }
}

// dw is the sum of `count` buffers of sums, which lie one after the other, in their order.
static inline void sumEventGradWeight(const Call& call, int C, int O, const float* sums, int count, float* dw) {
  using Sums = EventGradWeightSums;
  const Sums layout(C, O);
  call.pool->run(layout.inputGroups * layout.outputBlocks, [&](int task, int) {
    const int group = task / layout.outputBlocks, ob = task % layout.outputBlocks;
    const float* pair = sums + layout.pair(group, ob);
    for (int c = 0; c < smaller(Sums::GROUP, C - group * Sums::GROUP); c++)
      for (int t = 0; t < 9; t++) {
        float total[LANES] = {};
        for (int part = 0; part < count; part++) {
          const float* from = pair + part * layout.size() + size_t(c * 9 + 8 - t) * LANES;
          for (int l = 0; l < LANES; l++) total[l] += from[l];
        }
        for (int l = 0; l < smaller(LANES, O - ob * LANES); l++)
          dw[(size_t(ob * LANES + l) * C + group * Sums::GROUP + c) * 9 + t] = total[l];
      }
  });
}

// A whole batch: runs of images are summed side by side.
struct EventGradWeightRuns {
  static constexpr int MIN_TASKS = 16;
  int runs;
  float* sums;
  EventGradWeightPlan plan;

  EventGradWeightRuns(const ConvShape& s, Scratch scratch, int threads)
      : runs(larger(1, smaller(s.images, divideUp(MIN_TASKS, EventGradWeightSums(s.C, s.O).inputGroups)))),
        sums(scratch.take<float>(runs * EventGradWeightSums(s.C, s.O).size())),
        plan(s, scratch, threads) {}
};

static inline void runEventGradWeight(const Call& call, const ConvShape& s, const SpikeMap& x, const GradientMap& g,
                                      float* dw) {
  const EventGradWeightRuns batch(s, Scratch(call.scratch), call.pool->threads());
  const EventGradWeightSums layout(s.C, s.O);
  call.pool->run(batch.runs * layout.inputGroups, [&](int task, int thread) {
    const int run = task / layout.inputGroups, group = task % layout.inputGroups;
    float* sums = batch.sums + run * layout.size();
    std::memset(sums + layout.pair(group, 0), 0, layout.outputBlocks * layout.PAIR * sizeof(float));
    addEventGradWeight(s, x, g, batch.plan, thread, group, int(int64_t(s.images) * run / batch.runs),
                       int(int64_t(s.images) * (run + 1) / batch.runs), sums);
  });
  sumEventGradWeight(call, s.C, s.O, batch.sums, batch.runs, dw);
}

}  // namespace soma::SOMA_ISA
