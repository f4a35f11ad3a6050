// dw[o][c][tap] = sum over images and pixels of g[o] * x[c] under the tap: the dense way, for every shape.
//
// A task owns one block of input channels, up to four blocks of output channels and a run of images. For
// each band of rows it stages x once, and g once a block unless it lies as wanted, and sums with register tiles whose
// lanes are output channels. Runs of images have partial sums of their own, added in order at the end.
#pragma once
#include "conv_source.h"
#include "conv_tile.h"
#include "turned.h"

namespace soma::SOMA_ISA {

struct GradWeightPlan {
  static constexpr size_t BAND_FLOATS = 24 * 1024;  // x and g of a band, together
  static constexpr int MIN_TASKS = 16, SPAN = 4;
  static constexpr int PAIR = 2;  // blocks of outputs that are summed together

  int lanes, inputBlocks, outputBlocks, spans, runs;
  int bandRows, bands;
  Frame frame;
  size_t frameSize, gradientSize;
  size_t pairSize;  // partial sums of one (input block, output block): [tap][lanes][16]
  float *partial, *frames, *gradients;
  int32_t* taps;
  size_t bytes;

  GradWeightPlan(const ConvShape& s, char* base, int threads) {
    lanes = frameLanes(s.groupC());
    inputBlocks = frameBlocks(s.groupC());
    outputBlocks = blocks(s.groupO());
    spans = divideUp(outputBlocks, SPAN);
    runs = larger(1, smaller(s.images, divideUp(MIN_TASKS, s.groups * inputBlocks * spans)));
    frame.lanes = lanes;
    frame.phases = s.sw;
    frame.columns = ((s.OW - 1) * s.sw + (s.kw - 1) * s.dilW) / s.sw + 1;
    const auto frameRows = [&](int rows) { return (rows - 1) * s.sh + (s.kh - 1) * s.dilH + 1; };
    bandRows = larger(s.OH, 1);
    while (bandRows > 1 && frameRows(bandRows) * frame.rowSize() + size_t(bandRows) * s.OW * LANES > BAND_FLOATS)
      bandRows = divideUp(bandRows, 2);
    bands = divideUp(s.OH, bandRows);
    frame.rows = frameRows(bandRows);
    frameSize = frame.size();
    gradientSize = size_t(bandRows) * s.OW * LANES;  // of one block
    pairSize = size_t(s.taps()) * lanes * LANES;

    Scratch scratch(base);
    taps = scratch.take<int32_t>(s.taps());
    partial = scratch.take<float>(size_t(runs) * s.groups * inputBlocks * outputBlocks * pairSize);
    frames = scratch.take<float>(threads * frameSize);
    gradients = scratch.take<float>(threads * PAIR * gradientSize);
    bytes = scratch.used();
  }

  float* pair(int run, const ConvShape& s, int group, int cb, int ob) const {
    return partial + (((size_t(run) * s.groups + group) * inputBlocks + cb) * outputBlocks + ob) * pairSize;
  }
};

// A band as the register tiles see it.
struct GradientBand {
  const float* x;  // frame
  size_t xRow;     // floats between the input rows of neighbouring output rows
  const float* g;  // [rows][columns][16]
  size_t gBlock;   // floats to the next block of outputs
  int rows, columns;
};

// Adds to sums[tap][lane][16] for TAPS taps x CHANNELS channels x REGISTERS registers of outputs; the sums of the next
// block of outputs are `sumsBlock` floats on.
template <int LANES_IN, int TAPS, int CHANNELS, int REGISTERS>
static inline void correlate(const GradientBand& band, const int32_t* taps, int firstChannel, int firstLane,
                             float* sums, size_t sumsBlock = 0) {
  const auto ofRegister = [](int v, size_t block) { return v * VL / LANES * block + v * VL % LANES; };
  Vec sum[TAPS][CHANNELS][REGISTERS] = {};
  for (int r = 0; r < band.rows; r++) {
    const float* x = band.x + r * band.xRow + firstChannel;
    const float* g = band.g + size_t(r) * band.columns * LANES + firstLane;
    const float* tapped[TAPS];
    for (int t = 0; t < TAPS; t++) tapped[t] = x + taps[t];
    for (int column = 0; column < band.columns; column++, g += LANES) {
      Vec gradient[REGISTERS];
#pragma GCC unroll 32
      for (int v = 0; v < REGISTERS; v++) gradient[v] = load(g + ofRegister(v, band.gBlock));
#pragma GCC unroll 32
      for (int t = 0; t < TAPS; t++)
#pragma GCC unroll 32
        for (int c = 0; c < CHANNELS; c++) {
          const Vec value = broadcast(tapped[t][column * LANES_IN + c]);
#pragma GCC unroll 32
          for (int v = 0; v < REGISTERS; v++) sum[t][c][v] = fma(value, gradient[v], sum[t][c][v]);
        }
    }
  }
#pragma GCC unroll 32
  for (int t = 0; t < TAPS; t++)
#pragma GCC unroll 32
    for (int c = 0; c < CHANNELS; c++)
#pragma GCC unroll 32
      for (int v = 0; v < REGISTERS; v++) {
        float* to = sums + (size_t(t) * LANES_IN + firstChannel + c) * LANES + firstLane + ofRegister(v, sumsBlock);
        store(to, load(to) + sum[t][c][v]);
      }
}

// Few channels: several taps share a pass over g, to have enough independent sums.
template <int CHANNELS>
static inline void correlateFewChannels(const GradientBand& band, const int32_t* taps, int count, float* sums) {
  constexpr int TAPS = VL < 16 ? 3 : CHANNELS == 4 ? 6 : 9;
  constexpr size_t STEP = 4 * LANES;
  for (int lane = 0; lane < LANES; lane += VL) {
    int t = 0;
    for (; t + TAPS <= count; t += TAPS) correlate<4, TAPS, CHANNELS, 1>(band, taps + t, 0, lane, sums + t * STEP);
    for (; t + 3 <= count; t += 3) correlate<4, 3, CHANNELS, 1>(band, taps + t, 0, lane, sums + t * STEP);
    for (; t < count; t++) correlate<4, 1, CHANNELS, 1>(band, taps + t, 0, lane, sums + t * STEP);
  }
}

// 16 sums of 32 registers: those of all 16 channels, or of several taps where a block holds fewer.
template <int CHANNELS>
static inline void correlateTaps(const GradientBand& band, const int32_t* taps, int count, float* sums) {
  constexpr int TAPS = CHANNELS <= 16 / 3 ? 3 : CHANNELS <= 8 ? 2 : 1;
  constexpr size_t STEP = LANES * LANES;
  int t = 0;
  for (; t + TAPS <= count; t += TAPS) correlate<LANES, TAPS, CHANNELS, 1>(band, taps + t, 0, 0, sums + t * STEP);
  for (; t < count; t++) correlate<LANES, 1, CHANNELS, 1>(band, taps + t, 0, 0, sums + t * STEP);
}

static inline void correlateBlock(const GradientBand& band, const int32_t* taps, int count, float* sums,
                                  int channels = LANES) {
  if constexpr (VL == LANES) {
    if (channels <= 5) return correlateTaps<5>(band, taps, count, sums);
    if (channels <= 8) return correlateTaps<8>(band, taps, count, sums);
    if (channels <= 10) return correlateTaps<10>(band, taps, count, sums);
    if (channels <= 12) return correlateTaps<12>(band, taps, count, sums);
    correlateTaps<LANES>(band, taps, count, sums);
  } else {
    // 8 of 16 registers with two loads of g shared by four channels.
    for (int t = 0; t < count; t++)
      for (int c = 0; c < channels; c += 4)
        for (int lane = 0; lane < LANES; lane += 2 * VL)
          correlate<LANES, 1, 4, 2>(band, taps + t, c, lane, sums + size_t(t) * LANES * LANES);
  }
}

static inline void correlateBand(const GradientBand& band, const int32_t* taps, int count, int channels, int lanes,
                                 float* sums) {
  if (lanes == LANES) return correlateBlock(band, taps, count, sums, channels);
  if (channels == 1) return correlateFewChannels<1>(band, taps, count, sums);
  if (channels == 2) return correlateFewChannels<2>(band, taps, count, sums);
  if (channels == 3) return correlateFewChannels<3>(band, taps, count, sums);
  correlateFewChannels<4>(band, taps, count, sums);
}

// The same for `outputBlocks` blocks of outputs. Where a block is a register, two of them share the values of eight
// channels of a whole block: fewer loads a product than one with all sixteen.
static inline void correlateBlocks(GradientBand band, const int32_t* taps, int count, int outputBlocks, float* sums,
                                   size_t sumsBlock, int channels = LANES, int lanes = LANES) {
  if constexpr (VL == LANES)
    for (; channels == LANES && outputBlocks >= 2; outputBlocks -= 2, band.g += 2 * band.gBlock, sums += 2 * sumsBlock)
      for (int t = 0; t < count; t++)
        for (int c = 0; c < LANES; c += 8)
          correlate<LANES, 1, 8, 2>(band, taps + t, c, 0, sums + size_t(t) * LANES * LANES, sumsBlock);
  for (; outputBlocks > 0; outputBlocks--, band.g += band.gBlock, sums += sumsBlock)
    correlateBand(band, taps, count, channels, lanes, sums);
}

template <class Source>
static inline void runGradWeight(const Call& call, const ConvShape& s, const Source& x, const GradientMap& g,
                                 float* dw) {
  const GradWeightPlan plan(s, call.scratch, call.pool->threads());
  const int C = s.groupC(), O = s.groupO();
  listTaps(s, plan.frame, plan.taps);

  const int runTasks = s.groups * plan.inputBlocks * plan.spans;
  call.pool->run(plan.runs * runTasks, [&](int task, int thread) {
    const int run = task / runTasks, group = task % runTasks / (plan.inputBlocks * plan.spans);
    const int cb = task / plan.spans % plan.inputBlocks;
    const int firstBlock = task % plan.spans * GradWeightPlan::SPAN;
    const int endBlock = smaller(plan.outputBlocks, firstBlock + GradWeightPlan::SPAN);
    float* frame = plan.frames + thread * plan.frameSize;
    float* gradients = plan.gradients + thread * GradWeightPlan::PAIR * plan.gradientSize;
    for (int ob = firstBlock; ob < endBlock; ob++)
      std::memset(plan.pair(run, s, group, cb, ob), 0, plan.pairSize * sizeof(float));

    const int firstImage = int(int64_t(s.images) * run / plan.runs);
    const int endImage = int(int64_t(s.images) * (run + 1) / plan.runs);
    for (int n = firstImage; n < endImage; n++)
      for (int band = 0; band < plan.bands; band++) {
        const int firstRow = band * plan.bandRows, rows = smaller(plan.bandRows, s.OH - firstRow);
        const int channels = smaller(LANES, C - cb * LANES);
        stage(x, n, group * C + cb * LANES, channels, firstRow * s.sh - s.padTop, -s.padLeft, plan.frame, frame);
        for (int ob = firstBlock; ob < endBlock; ob += GradWeightPlan::PAIR) {
          const int outputBlocks = smaller(GradWeightPlan::PAIR, endBlock - ob);
          const int o = group * O + ob * LANES, outputs = smaller(outputBlocks * LANES, O - ob * LANES);
          GradientBand gradient{frame, s.sh * plan.frame.rowSize(), gradients, plan.gradientSize, rows, s.OW};
          if (const float* row = isWholeBlocks(g.channels, o, outputs) ? g.row(n, o / LANES, firstRow) : nullptr) {
            gradient.g = row;
            gradient.gBlock = size_t(g.storedPixels()) * LANES;
          } else {
            for (int b = 0; b < outputBlocks; b++)
              stageGradient(g, n, o + b * LANES, smaller(LANES, outputs - b * LANES), firstRow, 0,
                            Frame{rows, s.OW, 1, LANES}, gradients + b * plan.gradientSize);
          }
          float* sums = plan.pair(run, s, group, cb, ob);
          correlateBlocks(gradient, plan.taps, s.taps(), outputBlocks, sums, plan.pairSize, channels, plan.lanes);
        }
      }
  });

  call.pool->run(s.groups * plan.inputBlocks * plan.outputBlocks, [&](int task, int) {
    const int ob = task % plan.outputBlocks, cb = task / plan.outputBlocks % plan.inputBlocks;
    const int group = task / plan.outputBlocks / plan.inputBlocks;
    float* total = plan.pair(0, s, group, cb, ob);
    for (int run = 1; run < plan.runs; run++) {
      const float* add = plan.pair(run, s, group, cb, ob);
      for (size_t i = 0; i < plan.pairSize; i += VL) store(total + i, load(total + i) + load(add + i));
    }
    storeTaps(total, s.taps(), plan.lanes, smaller(LANES, C - cb * LANES), smaller(LANES, O - ob * LANES),
              size_t(C) * s.taps(), dw + (size_t(group * O + ob * LANES) * C + cb * LANES) * s.taps());
  });
}

}  // namespace soma::SOMA_ISA
