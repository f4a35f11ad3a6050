// The gradient with respect to the weights, driven by spikes: a spike of channel c adds the 3x3 of
// gradients around it to the nine sums of (c, output block), which stay in registers over all spikes of
// c in a band: some rows of a large image, or several small images. A task owns some groups of four blocks of input
// channels, some output blocks and a run of images; runs are added in order at the end. In a loop over micro-batches
// each slot is such a run.
//
// The band's spikes lie as masks (conv_spike_masks.h).
#pragma once
#include "conv_source.h"
#include "conv_spike_masks.h"
#include "turned.h"

namespace soma::SOMA_ISA {

// Sums of one run of images, [input group][output block][channel of the group][3][3][16], the 3x3 in the order
// of the gradients around a spike.
struct EventGradWeightSums {
  static constexpr int GROUP_BLOCKS = 4, GROUP = GROUP_BLOCKS * LANES;  // input channels
  static constexpr size_t PAIR = size_t(GROUP) * 9 * LANES;             // of a group and an output block

  int inputGroups, outputBlocks;

  EventGradWeightSums(int C, int O) : inputGroups(divideUp(blocks(C), GROUP_BLOCKS)), outputBlocks(blocks(O)) {}

  // Those of one task, where so many share the inputs and the outputs.
  EventGradWeightSums ofTask(int inputs, int outputs) const {
    EventGradWeightSums task = *this;
    task.inputGroups = divideUp(inputGroups, inputs);
    task.outputBlocks = divideUp(outputBlocks, outputs);
    return task;
  }
  size_t size() const { return size_t(inputGroups) * outputBlocks * PAIR; }
  size_t pair(int group, int ob) const { return (size_t(group) * outputBlocks + ob) * PAIR; }
};

// What a thread needs to add images to such sums.
struct EventGradWeightPlan {
  static constexpr size_t BAND_FLOATS = 7 * 1024;  // gradients of a band: most of a first-level cache

  int mostBlocks;  // of input channels that a task takes
  int bandRows;    // of one image
  int together;  // images in a band
  int words;     // of a channel's bits in a band
  Frame frame;   // gradients of one image of a band and one pixel around
  float* frames;
  uint16_t* spikes;  // a block's words, in the frame's places
  uint64_t* masks;
  uint16_t* fired;  // a bit a channel of the task
  size_t bytes;

  EventGradWeightPlan(const ConvShape& s, Scratch scratch, int threads, int groupsOfTask = 1)
      : mostBlocks(groupsOfTask * EventGradWeightSums::GROUP_BLOCKS) {
    frame.phases = 1;
    frame.lanes = LANES;
    frame.columns = s.W + 2;
    const int rowsThatFit = larger(1, int(BAND_FLOATS / frame.rowSize()) - 2);
    const int bands = divideUp(s.H, rowsThatFit);
    bandRows = divideUp(s.H, bands);
    frame.rows = bandRows + 2;
    together = bands > 1 ? 1 : larger(1, smaller(s.images, int(BAND_FLOATS / frame.size())));
    words = SpikeMasks::words(size_t(together) * framePixels());
    frames = scratch.take<float>(threads * framesSize());
    spikes = scratch.take<uint16_t>(threads * spikesSize());
    masks = scratch.take<uint64_t>(threads * masksSize());
    fired = scratch.take<uint16_t>(size_t(threads) * mostBlocks);
    bytes = scratch.used();
  }

  int framePixels() const { return frame.rows * frame.columns; }
  size_t framesSize() const { return together * frame.size(); }
  size_t spikesSize() const { return size_t(words) * SpikeMasks::BITS; }
  size_t masksSize() const { return size_t(mostBlocks) * LANES * words; }
};

// Adds the 3x3 around each pixel whose bit is set to sums[3][3][16].
static inline void gatherSpikes(const uint64_t* masks, int words, const float* gradients, size_t rowSize,
                                float* sums) {
  for (int lane = 0; lane < LANES; lane += VL) {
    Vec sum[3][3];
#pragma GCC unroll 9
    for (int t = 0; t < 9; t++) sum[t / 3][t % 3] = load(sums + t * LANES + lane);
    forSpikes(masks, words, gradients + lane, [&](const float* g) {
#pragma GCC unroll 3
      for (int ty = 0; ty < 3; ty++)
#pragma GCC unroll 3
        for (int tx = 0; tx < 3; tx++) sum[ty][tx] = sum[ty][tx] + load(g + ty * rowSize + tx * LANES);
    });
#pragma GCC unroll 9
    for (int t = 0; t < 9; t++) store(sums + t * LANES + lane, sum[t / 3][t % 3]);
  }
}

// Fills the masks of a block's 16 channels over rows of `count` images; bit l of the result: whether channel l fired.
static inline uint16_t maskBand(const EventGradWeightPlan& plan, const SpikeMap& x, int image, int count, int block,
                                int firstRow, int rows, uint16_t* spikes, uint64_t* masks) {
  std::memset(spikes, 0, plan.spikesSize() * sizeof *spikes);
  for (int i = 0; i < count; i++)
    for (int r = 0; r < rows; r++)
      std::memcpy(spikes + i * plan.framePixels() + r * plan.frame.columns,
                  x.words(image + i, block) + (firstRow + r) * x.width, x.width * sizeof *spikes);
  return maskChannels(spikes, plan.words, masks, size_t(plan.words));
}

// What a task adds up.
struct EventGradWeightTask {
  int firstGroup, endGroup;  // of input channels
  int firstBlock, endBlock;  // of output channels
  int firstImage, endImage;
};

// Adds it to sums that lie as `layout` says, from the pair of the task's first group and block on.
static inline void addEventGradWeight(const ConvShape& s, const SpikeMap& x, const GradientMap& g,
                                      const EventGradWeightPlan& plan, int thread, const EventGradWeightTask& task,
                                      const EventGradWeightSums layout, float* sums) {
  using Sums = EventGradWeightSums;
  const size_t rowSize = plan.frame.rowSize();
  const int firstInput = task.firstGroup * Sums::GROUP_BLOCKS;
  const int inputBlocks = smaller(task.endGroup * Sums::GROUP_BLOCKS, blocks(s.C)) - firstInput;
  float* frames = plan.frames + thread * plan.framesSize();
  uint16_t* spikes = plan.spikes + thread * plan.spikesSize();
  uint64_t* masks = plan.masks + thread * plan.masksSize();
  uint16_t* fired = plan.fired + size_t(thread) * plan.mostBlocks;
  for (int n = task.firstImage; n < task.endImage; n += plan.together)
    for (int row = 0; row < s.H; row += plan.bandRows) {
      const int count = smaller(plan.together, task.endImage - n), rows = smaller(plan.bandRows, s.H - row);
      for (int b = 0; b < inputBlocks; b++)
        fired[b] = maskBand(plan, x, n, count, firstInput + b, row, rows, spikes, masks + size_t(b) * LANES * plan.words);
      for (int ob = task.firstBlock; ob < task.endBlock; ob++) {
        // A spike at y meets the gradients of rows y - 2 + padTop … y + padTop.
        for (int i = 0; i < count; i++)
          stageGradient(g, n + i, ob * LANES, smaller(LANES, s.O - ob * LANES), row - 2 + s.padTop, s.padLeft - 2,
                        plan.frame, frames + i * plan.frame.size());
        for (int c = 0; c < inputBlocks * LANES; c++)
          if (fired[c / LANES] >> c % LANES & 1)
            gatherSpikes(masks + size_t(c) * plan.words, plan.words, frames, rowSize,
                         sums + layout.pair(c / Sums::GROUP, ob - task.firstBlock) + c % Sums::GROUP * 9 * LANES);
      }
    }
}

// Writes the gradient of a group and an output block: the sum of `count` pairs of sums, `stride` apart, in their order.
static inline void storeEventGradWeight(int C, int O, int group, int ob, const float* sums, int count, size_t stride,
                                        float* dw) {
  using Sums = EventGradWeightSums;
  constexpr int TAPS = 9;
  const int columns = smaller(Sums::GROUP, C - group * Sums::GROUP) * TAPS;
  for (int lane = 0; lane < smaller(LANES, O - ob * LANES); lane += VL)
    storeTurned(smaller(VL, O - ob * LANES - lane), columns, size_t(C) * TAPS,
                dw + (size_t(ob * LANES + lane) * C + group * Sums::GROUP) * TAPS, [&](int column) {
                  // Sums lie the other way round than taps.
                  const float* from = sums + (column - column % TAPS * 2 + TAPS - 1) * LANES + lane;
                  Vec sum = load(from);
                  for (int part = 1; part < count; part++) sum = sum + load(from + part * stride);
                  return sum;
                });
}

// dw is the sum of `count` buffers of sums, which lie one after the other, in their order.
static inline void sumEventGradWeight(const Call& call, int C, int O, const float* sums, int count, float* dw) {
  const EventGradWeightSums layout(C, O);
  call.pool->run(layout.inputGroups * layout.outputBlocks, [&](int task, int) {
    const int group = task / layout.outputBlocks, ob = task % layout.outputBlocks;
    storeEventGradWeight(C, O, group, ob, sums + layout.pair(group, ob), count, layout.size(), dw);
  });
}

// A whole batch: outputs and runs of images are summed side by side. Where there is one run, a task has all of its sums
// and writes the gradient itself.
struct EventGradWeightRuns {
  static constexpr int MIN_TASKS = 16, PART_BLOCKS = 4;  // spikes are made masks of once a part
  static constexpr int GROUPS_OF_TASK = 4;               // gradients are staged once for so many
  int tasksOfInputs, parts, runs;
  EventGradWeightSums layout;  // of a task's sums, or of all
  float* sums;                 // of each thread, or each run
  EventGradWeightPlan plan;

  EventGradWeightRuns(const ConvShape& s, Scratch scratch, int threads)
      : EventGradWeightRuns(s, EventGradWeightSums(s.C, s.O), scratch, threads) {}

 private:
  EventGradWeightRuns(const ConvShape& s, const EventGradWeightSums& all, Scratch scratch, int threads)
      : tasksOfInputs(divideUp(all.inputGroups, GROUPS_OF_TASK)),
        parts(smaller(divideUp(all.outputBlocks, PART_BLOCKS), divideUp(MIN_TASKS, tasksOfInputs))),
        runs(larger(1, smaller(s.images, divideUp(MIN_TASKS, tasksOfInputs * parts)))),
        layout(runs == 1 ? all.ofTask(tasksOfInputs, parts) : all),
        sums(scratch.take<float>((runs == 1 ? threads : runs) * layout.size())),
        plan(s, scratch, threads, divideUp(all.inputGroups, tasksOfInputs)) {}
};

static inline void runEventGradWeight(const Call& call, const ConvShape& s, const SpikeMap& x, const GradientMap& g,
                                      float* dw) {
  const EventGradWeightSums all(s.C, s.O);
  const EventGradWeightRuns batch(s, Scratch(call.scratch), call.pool->threads());
  const EventGradWeightSums& layout = batch.layout;
  call.pool->run(batch.runs * batch.tasksOfInputs * batch.parts, [&](int index, int thread) {
    const int run = index / (batch.tasksOfInputs * batch.parts), part = index % batch.parts;
    const int inputs = index / batch.parts % batch.tasksOfInputs;
    const auto share = [](int count, int i, int of) { return int(int64_t(count) * i / of); };
    const EventGradWeightTask task{share(all.inputGroups, inputs, batch.tasksOfInputs),
                                   share(all.inputGroups, inputs + 1, batch.tasksOfInputs),
                                   share(all.outputBlocks, part, batch.parts),
                                   share(all.outputBlocks, part + 1, batch.parts),
                                   share(s.images, run, batch.runs), share(s.images, run + 1, batch.runs)};
    float* sums = batch.runs == 1 ? batch.sums + thread * layout.size()
                                  : batch.sums + run * layout.size() + layout.pair(task.firstGroup, task.firstBlock);
    for (int group = 0; group < task.endGroup - task.firstGroup; group++)
      std::memset(sums + layout.pair(group, 0), 0, (task.endBlock - task.firstBlock) * layout.PAIR * sizeof(float));
    addEventGradWeight(s, x, g, batch.plan, thread, task, layout, sums);
    if (batch.runs > 1) return;
    for (int group = task.firstGroup; group < task.endGroup; group++)
      for (int ob = task.firstBlock; ob < task.endBlock; ob++)
        storeEventGradWeight(s.C, s.O, group, ob, sums + layout.pair(group - task.firstGroup, ob - task.firstBlock), 1, 0,
                             dw);
  });
  if (batch.runs > 1) sumEventGradWeight(call, s.C, s.O, batch.sums, batch.runs, dw);
}

}  // namespace soma::SOMA_ISA
