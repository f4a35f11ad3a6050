// Depthwise convolutions (one filter a channel) of blocked maps; conv_planes.h has those of plain ones. There is no sum
// over channels: lanes stay apart, and all three kernels walk one channel block of one image at a time. A product takes
// a load, so what is loaded besides is shared: forward, a weight by several pixels; in the gradient of the weights, a
// gradient by several taps. The gradient of the input is the forward pass of the gradient with the filter turned round;
// where the stride is not 1 it is scattered instead.
//
//   frame    input of a block and its padding, [row][column][16], columns split by stride (conv_source.h)
//   weights  [channel block][tap][16]
#pragma once
#include "conv_emit.h"
#include "conv_source.h"
#include "parts.h"

namespace soma::SOMA_ISA {

// Large enough for every tap of every output, and for the whole input.
static inline Frame frameOfInput(const ConvShape& s, int lanes) {
  const int columns = larger((s.OW - 1) * s.sw + (s.kw - 1) * s.dilW + 1, s.W + s.padLeft);
  return {larger((s.OH - 1) * s.sh + (s.kh - 1) * s.dilH + 1, s.H + s.padTop), divideUp(columns, s.sw), s.sw, lanes};
}
// Of the gradient, large enough for every tap of every input where the stride is 1.
static inline Frame frameOfGradient(const ConvShape& s, int lanes) {
  return {s.H + (s.kh - 1) * s.dilH, s.W + (s.kw - 1) * s.dilW, 1, lanes};
}

struct DepthwisePlan {
  static constexpr int MIN_TASKS = 32;

  int channelBlocks, runs;  // runs of images: for the weights' gradient only
  Frame frame, gradientFrame;
  size_t frameSize;         // the larger frame
  size_t planeSize;         // one block of the convolution's output
  float *weights, *bias, *frames, *planes, *partial;
  int32_t* taps;
  size_t bytes;

  DepthwisePlan(const ConvShape& s, char* base, int threads) {
    channelBlocks = blocks(s.C);
    runs = larger(1, smaller(s.images, divideUp(MIN_TASKS, channelBlocks)));
    frame = frameOfInput(s, LANES);
    gradientFrame = frameOfGradient(s, LANES);
    frameSize = frame.size() > gradientFrame.size() ? frame.size() : gradientFrame.size();
    planeSize = size_t(s.OH) * s.OW * LANES;

    Scratch scratch(base);
    taps = scratch.take<int32_t>(s.taps());
    weights = scratch.take<float>(size_t(channelBlocks) * s.taps() * LANES);
    bias = scratch.take<float>(size_t(channelBlocks) * LANES);
    frames = scratch.take<float>(threads * frameSize);
    planes = scratch.take<float>(threads * planeSize);
    partial = scratch.take<float>(size_t(runs) * channelBlocks * s.taps() * LANES);
    bytes = scratch.used();
  }

  // Turned: the last tap first.
  void packWeights(const ConvShape& s, const float* w, bool turned = false) const {
    for (int c = 0; c < channelBlocks * LANES; c++)
      for (int t = 0; t < s.taps(); t++) {
        const int from = turned ? s.taps() - 1 - t : t;
        weights[(size_t(c / LANES) * s.taps() + t) * LANES + c % LANES] = c < s.C ? w[size_t(c) * s.taps() + from] : 0;
      }
  }
};

// Calls body(image, plane of it, thread) for all of them; a task has several small maps.
template <class Body>
static inline void forPlanes(const Call& call, const ConvShape& s, int perImage, const Body& body) {
  constexpr int TASK_PIXELS = 512;
  const int planes = s.images * perImage;
  const int together = larger(1, TASK_PIXELS / larger(1, larger(s.H * s.W, s.OH * s.OW)));
  call.pool->run(divideUp(planes, together), [&](int task, int thread) {
    for (int plane = task * together; plane < smaller(planes, (task + 1) * together); plane++)
      body(plane / perImage, plane % perImage, thread);
  });
}

constexpr int DEPTHWISE_SUMS = 8;  // registers that are summed side by side

// What becomes of a row of sums: a bias is added, and ReLU.
struct DepthwiseEnd {
  Block bias{};
  bool relu = false;
};

// PIXELS neighbouring pixels of 16 channels.
template <int PIXELS>
static inline void depthwisePixels(const float* in, const int32_t* taps, int count, const float* weights,
                                   const DepthwiseEnd& end, float* out) {
  for (int lane = 0; lane < LANES; lane += VL) {
    Vec sum[PIXELS] = {};
    for (int t = 0; t < count; t++) {
      const float* x = in + taps[t] + lane;
      const Vec w = load(weights + t * LANES + lane);
#pragma GCC unroll 8
      for (int p = 0; p < PIXELS; p++) sum[p] = fma(load(x + p * LANES), w, sum[p]);
    }
#pragma GCC unroll 8
    for (int p = 0; p < PIXELS; p++) {
      const Vec y = sum[p] + end.bias.part[lane / VL];
      store(out + p * LANES + lane, end.relu ? max(Vec{}, y) : y);  // keeps a NaN
    }
  }
}

static inline void depthwiseRow(const float* in, const int32_t* taps, int count, const float* weights, int columns,
                                const DepthwiseEnd& end, float* out) {
  inParts<DEPTHWISE_SUMS>(columns, [&]<int PIXELS>(int column) {
    depthwisePixels<PIXELS>(in + column * LANES, taps, count, weights, end, out + column * LANES);
  });
}

// Adds to sums[tap][16] for TAPS taps: input under the tap times gradient, row by row.
template <int TAPS>
static inline void depthwiseCorrelate(const ConvShape& s, const float* frame, size_t rowStride, const int32_t* taps,
                                      const float* gradients, float* sums) {
  for (int lane = 0; lane < LANES; lane += VL) {
    Vec total[TAPS];
#pragma GCC unroll 8
    for (int t = 0; t < TAPS; t++) total[t] = load(sums + t * LANES + lane);
    for (int row = 0; row < s.OH; row++) {
      const float* x = frame + row * rowStride + lane;
      const float* g = gradients + size_t(row) * s.OW * LANES + lane;
      Vec sum[TAPS] = {};
      for (int column = 0; column < s.OW; column++, x += LANES, g += LANES) {
        const Vec gradient = load(g);
#pragma GCC unroll 8
        for (int t = 0; t < TAPS; t++) sum[t] = fma(load(x + taps[t]), gradient, sum[t]);
      }
#pragma GCC unroll 8
      for (int t = 0; t < TAPS; t++) total[t] = total[t] + sum[t];
    }
#pragma GCC unroll 8
    for (int t = 0; t < TAPS; t++) store(sums + t * LANES + lane, total[t]);
  }
}

static inline int blockChannels(const ConvShape& s, int cb) { return smaller(LANES, s.C - cb * LANES); }

template <class Source>
static inline void runDepthwiseForward(const Call& call, const ConvShape& s, const Source& x, const float* w,
                                       const float* bias, float* y, uint8_t* argmax) {
  const DepthwisePlan plan(s, call.scratch, call.pool->threads());
  listTaps(s, plan.frame, plan.taps);
  plan.packWeights(s, w);
  packBias(bias, s.C, plan.bias);
  const ConvEmitter emitter(s, y, argmax);
  const int rows = s.pool2 ? s.yH() * 2 : s.OH;
  forPlanes(call, s, plan.channelBlocks, [&](int n, int cb, int thread) {
    float* frame = plan.frames + thread * plan.frameSize;
    // What is pooled waits in the plane for its bias.
    float* plane = s.pool2 ? plan.planes + thread * plan.planeSize
                           : y + (size_t(n) * plan.channelBlocks + cb) * plan.planeSize;
    DepthwiseEnd end;
    if (!s.pool2) end = {loadBlock(plan.bias + cb * LANES), s.relu};
    stage(x, n, cb * LANES, blockChannels(s, cb), -s.padTop, -s.padLeft, plan.frame, frame);
    const float* weights = plan.weights + size_t(cb) * s.taps() * LANES;
    for (int row = 0; row < rows; row++)
      depthwiseRow(frame + row * s.sh * plan.frame.rowSize(), plan.taps, s.taps(), weights, s.OW, end,
                   plane + size_t(row) * s.OW * LANES);
    if (!s.pool2) return;
    emitter.emit(n, {plane, 0, size_t(s.OW) * LANES, cb * LANES, blockChannels(s, cb), 0, rows,
                     plan.bias + cb * LANES});
  });
}

static inline void gatherDepthwiseGradInput(const Call& call, const ConvShape& s, const DepthwisePlan& plan,
                                            const GradientMap& g, const float* w, float* dx) {
  const Frame& f = plan.gradientFrame;
  listTaps(s, f, plan.taps);
  plan.packWeights(s, w, true);
  forPlanes(call, s, plan.channelBlocks, [&](int n, int cb, int thread) {
    float* frame = plan.frames + thread * plan.frameSize;
    stageGradient(g, n, cb * LANES, blockChannels(s, cb), s.padTop - (s.kh - 1) * s.dilH,
                  s.padLeft - (s.kw - 1) * s.dilW, f, frame);
    float* to = dx + (size_t(n) * plan.channelBlocks + cb) * s.H * s.W * LANES;
    for (int row = 0; row < s.H; row++)
      depthwiseRow(frame + row * f.rowSize(), plan.taps, s.taps(), plan.weights + size_t(cb) * s.taps() * LANES, s.W,
                   {}, to + size_t(row) * s.W * LANES);
  });
}

static inline void runDepthwiseGradInput(const Call& call, const ConvShape& s, const GradientMap& g, const float* w,
                                         float* dx) {
  const DepthwisePlan plan(s, call.scratch, call.pool->threads());
  if (s.sh == 1 && s.sw == 1) return gatherDepthwiseGradInput(call, s, plan, g, w, dx);
  listTaps(s, plan.frame, plan.taps);
  plan.packWeights(s, w);
  forPlanes(call, s, plan.channelBlocks, [&](int n, int cb, int thread) {
    float* frame = plan.frames + thread * plan.frameSize;
    float* plane = plan.planes + thread * plan.planeSize;
    stageGradient(g, n, cb * LANES, blockChannels(s, cb), 0, 0, Frame{s.OH, s.OW, 1, LANES}, plane);
    std::memset(frame, 0, plan.frame.size() * sizeof(float));
    const float* weights = plan.weights + size_t(cb) * s.taps() * LANES;
    for (int row = 0; row < s.OH; row++)
      for (int column = 0; column < s.OW; column++) {
        const Block gradient = loadBlock(plane + (size_t(row) * s.OW + column) * LANES);
        float* out = frame + row * s.sh * plan.frame.rowSize() + column * LANES;
        for (int t = 0; t < s.taps(); t++)
          for (int i = 0; i < PARTS; i++) {
            float* sum = out + plan.taps[t] + i * VL;
            store(sum, fma(gradient.part[i], load(weights + t * LANES + i * VL), load(sum)));
          }
      }
    float* to = dx + (size_t(n) * plan.channelBlocks + cb) * s.H * s.W * LANES;
    for (int row = 0; row < s.H; row++)
      for (int column = 0; column < s.W; column++, to += LANES)
        storeBlock(to, loadBlock(frame + plan.frame.offset(row + s.padTop, column + s.padLeft)));
  });
}

template <class Source>
static inline void runDepthwiseGradWeight(const Call& call, const ConvShape& s, const Source& x, const GradientMap& g,
                                          float* dw) {
  const DepthwisePlan plan(s, call.scratch, call.pool->threads());
  listTaps(s, plan.frame, plan.taps);
  const size_t partialSize = size_t(s.taps()) * LANES;
  call.pool->run(plan.runs * plan.channelBlocks, [&](int task, int thread) {
    const int run = task / plan.channelBlocks, cb = task % plan.channelBlocks;
    float* frame = plan.frames + thread * plan.frameSize;
    float* plane = plan.planes + thread * plan.planeSize;
    float* partial = plan.partial + task * partialSize;
    std::memset(partial, 0, partialSize * sizeof(float));
    const int end = int(int64_t(s.images) * (run + 1) / plan.runs);
    for (int n = int(int64_t(s.images) * run / plan.runs); n < end; n++) {
      stage(x, n, cb * LANES, blockChannels(s, cb), -s.padTop, -s.padLeft, plan.frame, frame);
      stageGradient(g, n, cb * LANES, blockChannels(s, cb), 0, 0, Frame{s.OH, s.OW, 1, LANES}, plane);
      const size_t rowStride = s.sh * plan.frame.rowSize();
      inParts<DEPTHWISE_SUMS>(s.taps(), [&]<int TAPS>(int t) {
        depthwiseCorrelate<TAPS>(s, frame, rowStride, plan.taps + t, plane, partial + t * LANES);
      });
    }
  });
  for (int c = 0; c < s.C; c++)
    for (int t = 0; t < s.taps(); t++) {
      float sum = 0;
      for (int run = 0; run < plan.runs; run++)
        sum += plan.partial[(size_t(run) * plan.channelBlocks + c / LANES) * partialSize + t * LANES + c % LANES];
      dw[size_t(c) * s.taps() + t] = sum;
    }
}

}  // namespace soma::SOMA_ISA
