// The gradient with respect to the weights, driven by spikes, for kernels, strides and dilations of any size.
//
// A spike under tap t of an output adds that output's gradients to the sums of t. With stride, which taps a
// spike lies under depends on its phase, its place modulo the stride: those of a phase form a grid of taps, and
// their outputs a grid of pixels at fixed distances. So spikes lie as masks (conv_spike_masks.h) by channel and phase,
// and each is walked once for up to 3x3 taps, whose sums stay in registers:
//
//   masks    [band][channel of the task][phase][word]: places of the frame, as if spikes met outputs of their position
//   frame    [block][image][row][column][16], gradients of 32 output channels with zeros around
//   sums     [output group][channel][tap][32]
//
// A task owns four blocks of input channels, a span of output groups and a run of images; runs are added in
// order at the end. In a loop over micro-batches each slot is such a run.
#pragma once
#include "conv_gather.h"
#include "conv_gather_taps.h"
#include "turned.h"

namespace soma::SOMA_ISA {

struct GatherGradWeightPlan {
  // Gradients of a band. Somewhat more than a first-level cache: to begin a mask costs more than some loads from the second.
  static constexpr size_t FRAME_FLOATS = 14 * 1024;
  static constexpr size_t MASK_WORDS = 16 * 1024;  // of the bands whose masks are made together
  static constexpr int TASK_BLOCKS = 4, TASK_CHANNELS = TASK_BLOCKS * LANES;

  GatherShape gather;
  GatherAxis vertical, horizontal;
  int phases, inputGroups;
  int bandRows, rowBands, bandImages;  // rows: positions of spikes
  int maskBands;                       // bands whose masks are made together
  Frame frame;                         // of one image in a band
  int words;                           // of a channel, a phase and a band
  float* frames;
  uint16_t *spikes, *fired;
  uint64_t* masks;
  size_t bytes;

  GatherGradWeightPlan(const ConvShape& s, Scratch scratch, int threads)
      : gather(s), vertical(s.sh, s.dilH, s.padTop, s.H, s.kh), horizontal(s.sw, s.dilW, s.padLeft, s.W, s.kw),
        phases(s.sh * s.sw), inputGroups(divideUp(blocks(s.C), TASK_BLOCKS)) {
    frame.phases = 1;
    frame.lanes = LANES;
    frame.columns = horizontal.positions + horizontal.reach;
    const size_t rowFloats = frame.rowSize() * smaller(GATHER_BLOCKS, blocks(s.O));
    const int rowsThatFit = larger(larger(1, 2 * vertical.reach), int(FRAME_FLOATS / rowFloats) - vertical.reach);
    rowBands = divideUp(vertical.positions, rowsThatFit);
    bandRows = divideUp(vertical.positions, rowBands);
    frame.rows = bandRows + vertical.reach;
    bandImages = 1;
    if (rowBands == 1) bandImages = larger(1, smaller(s.images, int(FRAME_FLOATS / (frame.rows * rowFloats))));
    words = SpikeMasks::words(size_t(bandImages) * framePixels());
    maskBands = larger(1, smaller(int(MASK_WORDS / bandMasks()), divideUp(s.images, bandImages) * rowBands));
    frames = scratch.take<float>(threads * framesSize());
    spikes = scratch.take<uint16_t>(threads * spikesSize());
    fired = scratch.take<uint16_t>(threads * firedSize());
    masks = scratch.take<uint64_t>(threads * masksSize());
    bytes = scratch.used();
  }

  size_t framesSize() const { return bandImages * frame.size() * GATHER_BLOCKS; }
  int framePixels() const { return frame.rows * frame.columns; }
  size_t spikesSize() const { return size_t(words) * SpikeMasks::BITS; }
  size_t firedSize() const { return size_t(maskBands) * TASK_BLOCKS * phases; }
  size_t bandMasks() const { return size_t(TASK_CHANNELS) * phases * words; }
  size_t masksSize() const { return maskBands * bandMasks(); }

  size_t sumsSize() const { return size_t(gather.groups) * groupSums(); }
  size_t groupSums() const { return size_t(gather.C) * channelSums(); }
  size_t channelSums() const { return size_t(gather.taps) * GATHER_GROUP; }
};

// What one thread adds to the sums of one group of input channels.
class GatherGradWeight {
 public:
  GatherGradWeight(const ConvShape& s, const SpikeMap& x, const GradientMap& g, const GatherGradWeightPlan& plan,
                   int thread, int inputGroup)
      : s_(s), x_(x), g_(g), plan_(plan), firstBlock_(inputGroup * plan.TASK_BLOCKS),
        channelBlocks_(smaller(plan.TASK_BLOCKS, blocks(s.C) - firstBlock_)),
        frames_(plan.frames + thread * plan.framesSize()),
        spikes_(plan.spikes + thread * plan.spikesSize()),
        fired_(plan.fired + thread * plan.firedSize()),
        masks_(plan.masks + thread * plan.masksSize()) {}

  // What images [firstImage, endImage) give for output groups [firstGroup, endGroup).
  void add(int firstImage, int endImage, int firstGroup, int endGroup, float* sums) {
    const int bands = divideUp(endImage - firstImage, plan_.bandImages) * plan_.rowBands;
    for (int first = 0; first < bands; first += plan_.maskBands) {
      const int end = smaller(bands, first + plan_.maskBands);
      for (int band = first; band < end; band++) maskBand(bandAt(band, firstImage, endImage), band - first);
      for (int group = firstGroup; group < endGroup; group++)
        for (int band = first; band < end; band++) {
          stageBand(bandAt(band, firstImage, endImage), group);
          float* to = sums + group * plan_.groupSums() + size_t(firstBlock_) * LANES * plan_.channelSums();
          if (plan_.gather.groupBlocks(group) == 1)
            gatherBand<1>(band - first, to);
          else
            gatherBand<2>(band - first, to);
        }
    }
  }

 private:
  struct Band {
    int firstImage, images, firstRow, rows;
  };

  Band bandAt(int band, int firstImage, int endImage) const {
    const int image = firstImage + band / plan_.rowBands * plan_.bandImages;
    const int row = band % plan_.rowBands * plan_.bandRows;
    return {image, smaller(plan_.bandImages, endImage - image), row,
            smaller(plan_.bandRows, plan_.vertical.positions - row)};
  }

  bool meetsTaps(int phase) const {
    return plan_.vertical.phase(phase / s_.sw).taps > 0 && plan_.horizontal.phase(phase % s_.sw).taps > 0;
  }

  void maskBand(const Band& band, int slot) {
    uint16_t* fired = fired_ + size_t(slot) * plan_.TASK_BLOCKS * plan_.phases;
    uint64_t* masks = masks_ + slot * plan_.bandMasks();
    for (int b = 0; b < channelBlocks_; b++)
      for (int phase = 0; phase < plan_.phases; phase++) {
        if (!meetsTaps(phase)) continue;
        copyPhase(band, firstBlock_ + b, phase / s_.sw, phase % s_.sw);
        fired[b * plan_.phases + phase] =
            maskChannels(spikes_, plan_.words, masks + (size_t(b) * LANES * plan_.phases + phase) * plan_.words,
                         size_t(plan_.phases) * plan_.words);
      }
  }

  // The spikes of one phase and 16 channels to their places in the frame.
  void copyPhase(const Band& band, int block, int down, int right) const {
    std::memset(spikes_, 0, plan_.spikesSize() * sizeof *spikes_);
    const int firstColumn = divideUp(larger(0, s_.padLeft - right), s_.sw);
    const int endColumn = smaller(plan_.horizontal.positions, divideUp(s_.W + s_.padLeft - right, s_.sw));
    for (int i = 0; i < band.images; i++)
      for (int row = 0; row < band.rows; row++) {
        const int y = (band.firstRow + row) * s_.sh + down - s_.padTop;
        if (y < 0 || y >= s_.H) continue;
        const uint16_t* from = x_.words(band.firstImage + i, block) + ptrdiff_t(y) * s_.W + right - s_.padLeft;
        uint16_t* to = spikes_ + i * plan_.framePixels() + row * plan_.frame.columns;
        for (int column = firstColumn; column < endColumn; column++) to[column] = from[column * s_.sw];
      }
  }

  void stageBand(const Band& band, int group) const {
    for (int b = 0; b < plan_.gather.groupBlocks(group); b++)
      for (int i = 0; i < band.images; i++) {
        const int channel = group * GATHER_GROUP + b * LANES;
        float* frame = frames_ + (size_t(b) * plan_.bandImages + i) * plan_.frame.size();
        const int top = band.firstRow - plan_.vertical.reach, left = -plan_.horizontal.reach;
        const int image = band.firstImage + i;
        if (isBlocked(s_.O) && !g_.pooled)
          copyRows(g_.data + g_.blockIndex(image, channel / LANES, 0), top, frame);
        else
          stageGradient(g_, image, channel, smaller(LANES, s_.O - channel), top, left, plan_.frame, frame);
      }
  }

  // A frame of a map that lies there as it is needed, but for the zeros around.
  void copyRows(const float* map, int top, float* to) const {
    const int left = plan_.horizontal.reach, copied = smaller(s_.OW, plan_.frame.columns - left);
    const int right = plan_.frame.columns - left - copied;
    for (int row = top; row < top + plan_.frame.rows; row++) {
      const bool inside = row >= 0 && row < s_.OH;
      const int before = inside ? left : plan_.frame.columns;
      std::memset(to, 0, size_t(before) * LANES * sizeof *to);
      to += before * LANES;
      if (!inside) continue;
      std::memcpy(to, map + size_t(row) * s_.OW * LANES, size_t(copied) * LANES * sizeof *to);
      to += copied * LANES;
      std::memset(to, 0, size_t(right) * LANES * sizeof *to);
      to += right * LANES;
    }
  }

  // Adds what the band's masks say to the sums of all taps, phase by phase, in grids that registers can hold.
  template <int BLOCKS>
  void gatherBand(int slot, float* sums) const {
    const uint16_t* fired = fired_ + size_t(slot) * plan_.TASK_BLOCKS * plan_.phases;
    const uint64_t* masks = masks_ + slot * plan_.bandMasks();
    const int channels = smaller(channelBlocks_ * LANES, s_.C - firstBlock_ * LANES);
    const GatherAxis &vertical = plan_.vertical, &horizontal = plan_.horizontal;
    for (int phase = 0; phase < plan_.phases; phase++) {
      if (!meetsTaps(phase)) continue;
      const GatherAxis::Phase down = vertical.phase(phase / s_.sw), right = horizontal.phase(phase % s_.sw);
      const int rowParts = divideUp(down.taps, GATHER_SIDE), columnParts = divideUp(right.taps, GATHER_SIDE);
      const size_t frameRow = plan_.frame.rowSize();
      const GatherGrid grid{-ptrdiff_t(vertical.distanceStep * frameRow),
                            -ptrdiff_t(horizontal.distanceStep * LANES),
                            ptrdiff_t(plan_.bandImages * plan_.frame.size()),
                            size_t(vertical.tapStep) * s_.kw * GATHER_GROUP,
                            size_t(horizontal.tapStep) * GATHER_GROUP};
      const float* frame = frames_ + (vertical.reach - down.distance) * frameRow +
                           size_t(horizontal.reach - right.distance) * LANES;
      float* phaseSums = sums + (size_t(down.firstTap) * s_.kw + right.firstTap) * GATHER_GROUP;
      for (int r = 0; r < rowParts; r++)
        for (int c = 0; c < columnParts; c++) {
          const int row = down.taps * r / rowParts, column = right.taps * c / columnParts;
          const GatherTaps gather = gatherTapsOf<BLOCKS>(down.taps * (r + 1) / rowParts - row,
                                                         right.taps * (c + 1) / columnParts - column);
          const float* from = frame + row * grid.frameRow + column * grid.frameColumn;
          float* to = phaseSums + row * grid.sumsRow + column * grid.sumsColumn;
          for (int channel = 0; channel < channels; channel++) {
            if (!(fired[channel / LANES * plan_.phases + phase] >> channel % LANES & 1)) continue;
            gather(masks + (size_t(channel) * plan_.phases + phase) * plan_.words, plan_.words, from, grid,
                   to + channel * plan_.channelSums());
          }
        }
    }
  }

  const ConvShape& s_;
  const SpikeMap& x_;
  const GradientMap& g_;
  const GatherGradWeightPlan& plan_;
  const int firstBlock_, channelBlocks_;
  float* const frames_;
  uint16_t* const spikes_;
  uint16_t* const fired_;
  uint64_t* const masks_;
};

// dw, [O][C][tap], is the sum of `count` buffers of sums, which lie one after the other, in their order.
static inline void sumGatherGradWeight(const Call& call, const GatherGradWeightPlan& plan, const float* sums,
                                       int count, float* dw) {
  const GatherShape& s = plan.gather;
  constexpr int TASK = 4 * LANES;  // input channels
  const int parts = divideUp(s.C, TASK);
  call.pool->run(s.groups * parts, [&](int task, int) {
    const int group = task / parts, c = task % parts * TASK;
    for (int lane = 0; lane < smaller(GATHER_GROUP, s.O - group * GATHER_GROUP); lane += VL) {
      const float* first = sums + group * plan.groupSums() + c * plan.channelSums() + lane;
      const int o = group * GATHER_GROUP + lane;
      storeTurned(smaller(VL, s.O - o), smaller(TASK, s.C - c) * s.taps, size_t(s.C) * s.taps,
                  dw + (size_t(o) * s.C + c) * s.taps, [&](int column) {
                    const float* from = first + size_t(column) * GATHER_GROUP;
                    Vec sum = load(from);
                    for (int part = 1; part < count; part++) sum = sum + load(from + part * plan.sumsSize());
                    return sum;
                  });
    }
  });
}

// A whole batch: runs of images are summed side by side.
struct GatherGradWeightRuns {
  static constexpr int MIN_TASKS = 16, MIN_SPAN = 4;  // groups in a span

  GatherGradWeightPlan plan;
  int spans, runs;
  float* sums;
  size_t bytes;

  GatherGradWeightRuns(const ConvShape& s, char* base, int threads)
      : plan(s, Scratch(base), threads), spans(1), runs(1) {
    spans = smaller(divideUp(plan.gather.groups, MIN_SPAN), divideUp(MIN_TASKS, plan.inputGroups));
    runs = larger(1, smaller(s.images, divideUp(MIN_TASKS, plan.inputGroups * spans)));
    Scratch scratch(base);
    scratch.take<char>(plan.bytes);
    sums = scratch.take<float>(runs * plan.sumsSize());
    bytes = scratch.used();
  }
};

static inline void runGatherGradWeight(const Call& call, const ConvShape& s, const SpikeMap& x, const GradientMap& g,
                                       float* dw) {
  const GatherGradWeightRuns batch(s, call.scratch, call.pool->threads());
  const GatherGradWeightPlan& plan = batch.plan;
  const int groups = plan.gather.groups;
  call.pool->run(batch.runs * plan.inputGroups * batch.spans, [&](int task, int thread) {
    const int span = task % batch.spans, inputGroup = task / batch.spans % plan.inputGroups;
    const int run = task / batch.spans / plan.inputGroups;
    const int firstGroup = groups * span / batch.spans, endGroup = groups * (span + 1) / batch.spans;
    const int firstChannel = inputGroup * plan.TASK_CHANNELS;
    const int endChannel = smaller(s.C, firstChannel + plan.TASK_CHANNELS);
    float* sums = batch.sums + run * plan.sumsSize();
    for (int group = firstGroup; group < endGroup; group++)
      std::memset(sums + group * plan.groupSums() + firstChannel * plan.channelSums(), 0,
                  (endChannel - firstChannel) * plan.channelSums() * sizeof(float));
    GatherGradWeight(s, x, g, plan, thread, inputGroup)
        .add(int(int64_t(s.images) * run / batch.runs), int(int64_t(s.images) * (run + 1) / batch.runs), firstGroup,
             endGroup, sums);
  });
  sumGatherGradWeight(call, plan, batch.sums, batch.runs, dw);
}

}  // namespace soma::SOMA_ISA
