// y = conv(x, w) + bias, pooled and clamped: the dense way, for every shape.
//
// A task is a band of output rows of one image. It stages the input that the band needs, then runs the
// register tiles panel by panel, so that a panel's weights and the frame stay in the second-level cache.
#pragma once
#include "conv_emit.h"
#include "conv_pack.h"
#include "conv_source.h"
#include "conv_tile.h"

namespace soma::SOMA_ISA {

static inline size_t forwardWeights(const ConvShape& s) {
  return s.groups * packedSize(s.groupC(), s.groupO(), s.taps());
}

static inline void packForward(Pool& pool, const ConvShape& s, const float* w, float* to) {
  const int C = s.groupC(), O = s.groupO();
  pool.run(s.groups * panels(O), [&](int task, int) {
    const int g = task / panels(O), panel = task % panels(O);
    packPanel(panel, C, O, s.taps(), w + size_t(g) * O * C * s.taps(),
              to + g * packedSize(C, O, s.taps()) + panel * panelSize(C, s.taps()));
  });
}

struct ForwardPlan {
  static constexpr size_t FRAME_FLOATS = 48 * 1024;  // staged input of a task: a fifth of a level 2 cache
  static constexpr int MIN_TASKS = 8;                // bands get smaller until there are as many

  int rows, bandRows, bands;
  Frame frame;
  bool direct;  // tiles write y themselves
  size_t frameSize, sumsSize;
  float *weights, *bias, *frames, *sums;
  int32_t* taps;
  size_t bytes;

  // `packed`: the weights have been packed by a call of their own.
  ForwardPlan(const ConvShape& s, char* base, int threads, bool packed = false) {
    const int step = s.pool2 ? 2 : 1;
    rows = s.yH() * step;
    frame.lanes = frameLanes(s.groupC());
    frame.phases = s.sw;
    frame.columns = ((s.OW - 1) * s.sw + (s.kw - 1) * s.dilW) / s.sw + 1;
    chooseBands(s, step);
    direct = !s.pool2 && isBlocked(s.O) && (s.groups == 1 || s.groupO() % LANES == 0);

    Scratch scratch(base);
    frameSize = frameBlocks(s.groupC()) * frame.size();
    sumsSize = direct ? 0 : size_t(blocks(s.groupO())) * bandRows * s.OW * LANES;
    taps = scratch.take<int32_t>(s.taps());
    weights = scratch.take<float>(packed ? 0 : forwardWeights(s));
    bias = scratch.take<float>(size_t(s.groups) * blocks(s.groupO()) * LANES);
    frames = scratch.take<float>(threads * frameSize);
    sums = scratch.take<float>(threads * sumsSize);
    bytes = scratch.used();
  }

 private:
  void chooseBands(const ConvShape& s, int step) {
    const auto frameRows = [&](int outputRows) { return (outputRows - 1) * s.sh + (s.kh - 1) * s.dilH + 1; };
    const size_t rowFloats = frame.rowSize() * frameBlocks(s.groupC());
    bandRows = larger(rows, step);
    while (bandRows > step && (frameRows(bandRows) * rowFloats > FRAME_FLOATS ||
                               (bandRows > 4 && s.images * divideUp(rows, bandRows) < MIN_TASKS)))
      bandRows = divideUp(bandRows / 2, step) * step;
    bands = divideUp(rows, bandRows);
    frame.rows = frameRows(bandRows);
  }
};

template <class Source>
static inline void runForwardPacked(const Call& call, const ConvShape& s, const ForwardPlan& plan, const Source& x,
                                    const float* weights, const float* bias, float* y, uint8_t* argmax) {
  const int C = s.groupC(), O = s.groupO();
  const size_t groupWeights = packedSize(C, O, s.taps()), groupBias = size_t(blocks(O)) * LANES;

  listTaps(s, plan.frame, plan.taps);
  for (int g = 0; g < s.groups; g++) packBias(bias ? bias + g * O : nullptr, O, plan.bias + g * groupBias);

  const size_t pixels = size_t(s.yH()) * s.yW();
  TileGeometry geometry{};
  geometry.channels = C;
  geometry.lanes = plan.frame.lanes;
  geometry.inputBlock = plan.frame.size();
  geometry.inputRow = s.sh * plan.frame.rowSize();
  geometry.outputPixel = LANES;
  geometry.outputRow = size_t(s.OW) * LANES;
  geometry.outputBlock = plan.direct ? pixels * LANES : plan.bandRows * geometry.outputRow;
  geometry.relu = plan.direct && s.relu;
  const ConvEmitter emitter(s, y, argmax);

  call.pool->run(s.images * plan.bands, [&](int task, int thread) {
    const int n = task / plan.bands, firstRow = task % plan.bands * plan.bandRows;
    const int rows = smaller(plan.bandRows, plan.rows - firstRow);
    float* frame = plan.frames + thread * plan.frameSize;
    for (int g = 0; g < s.groups; g++) {
      for (int c = 0; c < C; c += LANES)
        stage(x, n, g * C + c, smaller(LANES, C - c), firstRow * s.sh - s.padTop, -s.padLeft, plan.frame,
              frame + c / LANES * geometry.inputBlock);
      float* out = plan.sums + thread * plan.sumsSize;
      if (plan.direct) {
        const size_t block = size_t(n) * blocks(s.O) + g * O / LANES;
        out = y + (block * pixels + size_t(firstRow) * s.OW) * LANES;
      }
      for (int panel = 0; panel < panels(O); panel++)
        convolvePanel(geometry, {plan.taps, s.taps()}, frame,
                      weights + g * groupWeights + panel * panelSize(C, s.taps()),
                      plan.bias + g * groupBias + panel * PANEL, panel, O, rows, s.OW, out);
      if (!plan.direct)
        emitter.emit(n, {out, geometry.outputBlock, geometry.outputRow, g * O, O, firstRow, rows, nullptr});
    }
  });
}

// The same where nobody has packed the weights.
template <class Source>
static inline void runForward(const Call& call, const ConvShape& s, const Source& x, const float* w, const float* bias,
                              float* y, uint8_t* argmax) {
  const ForwardPlan plan(s, call.scratch, call.pool->threads());
  packForward(*call.pool, s, w, plan.weights);
  runForwardPacked(call, s, plan, x, plan.weights, bias, y, argmax);
}

}  // namespace soma::SOMA_ISA
