// Depthwise convolutions (one filter a channel) of blocked maps. There is no sum over channels: lanes stay
// apart, and all three kernels walk one channel block of one image at a time.
//
//   frame    input of a block and its padding, [row][column][16], columns split by stride (conv_source.h)
//   weights  [channel block][tap][16]
#pragma once
#include "conv_emit.h"
#include "conv_source.h"

namespace soma::SOMA_ISA {

struct DepthwisePlan {
  static constexpr int MIN_TASKS = 32;

  int channelBlocks, runs;  // runs of images: for the weights' gradient only
  Frame frame;              // large enough for every tap of every output, and for the whole input
  size_t planeSize;         // one block of the convolution's output
  float *weights, *bias, *frames, *planes, *partial;
  int32_t* taps;
  size_t bytes;

  DepthwisePlan(const ConvShape& s, char* base, int threads) {
    channelBlocks = blocks(s.C);
    runs = larger(1, smaller(s.images, divideUp(MIN_TASKS, channelBlocks)));
    frame.lanes = LANES;
    frame.phases = s.sw;
    frame.rows = larger((s.OH - 1) * s.sh + (s.kh - 1) * s.dilH + 1, s.H + s.padTop);
    frame.columns = divideUp(larger((s.OW - 1) * s.sw + (s.kw - 1) * s.dilW + 1, s.W + s.padLeft), s.sw);
    planeSize = size_t(s.OH) * s.OW * LANES;

    Scratch scratch(base);
    taps = scratch.take<int32_t>(s.taps());
    weights = scratch.take<float>(size_t(channelBlocks) * s.taps() * LANES);
    bias = scratch.take<float>(size_t(channelBlocks) * LANES);
    frames = scratch.take<float>(threads * frame.size());
    planes = scratch.take<float>(threads * planeSize);
    partial = scratch.take<float>(size_t(runs) * channelBlocks * s.taps() * LANES);
    bytes = scratch.used();
  }

  void listTaps(const ConvShape& s) const {
    for (int ky = 0; ky < s.kh; ky++)
      for (int kx = 0; kx < s.kw; kx++) taps[ky * s.kw + kx] = int32_t(frame.offset(ky * s.dilH, kx * s.dilW));
  }
  void packWeights(const ConvShape& s, const float* w) const {
    for (int c = 0; c < channelBlocks * LANES; c++)
      for (int t = 0; t < s.taps(); t++)
        weights[(size_t(c / LANES) * s.taps() + t) * LANES + c % LANES] = c < s.C ? w[size_t(c) * s.taps() + t] : 0;
  }
};

static inline int blockChannels(const ConvShape& s, int cb) { return smaller(LANES, s.C - cb * LANES); }

template <class Source>
static inline void runDepthwiseForward(const Call& call, const ConvShape& s, const Source& x, const float* w,
                                       const float* bias, float* y, uint8_t* argmax) {
  const DepthwisePlan plan(s, call.scratch, call.pool->threads());
  plan.listTaps(s);
  plan.packWeights(s, w);
  packBias(bias, s.C, plan.bias);
  const ConvEmitter emitter(s, y, argmax);
  const int rows = s.pool2 ? s.yH() * 2 : s.OH;
  call.pool->run(s.images * plan.channelBlocks, [&](int task, int thread) {
    const int n = task / plan.channelBlocks, cb = task % plan.channelBlocks;
    float* frame = plan.frames + thread * plan.frame.size();
    float* plane = plan.planes + thread * plan.planeSize;
    stage(x, n, cb * LANES, blockChannels(s, cb), -s.padTop, -s.padLeft, plan.frame, frame);
    const float* weights = plan.weights + size_t(cb) * s.taps() * LANES;
    for (int row = 0; row < rows; row++)
      for (int column = 0; column < s.OW; column++) {
        const float* in = frame + row * s.sh * plan.frame.rowSize() + column * LANES;
        Block sum{};
        for (int t = 0; t < s.taps(); t++)
          for (int i = 0; i < PARTS; i++)
            sum.part[i] = fma(load(in + plan.taps[t] + i * VL), load(weights + t * LANES + i * VL), sum.part[i]);
        storeBlock(plane + (size_t(row) * s.OW + column) * LANES, sum);
      }
    emitter.emit(n, {plane, 0, size_t(s.OW) * LANES, cb * LANES, blockChannels(s, cb), 0, rows,
                     plan.bias + cb * LANES});
  });
}

static inline void runDepthwiseGradInput(const Call& call, const ConvShape& s, const GradientMap& g, const float* w,
                                         float* dx) {
  const DepthwisePlan plan(s, call.scratch, call.pool->threads());
  plan.listTaps(s);
  plan.packWeights(s, w);
  call.pool->run(s.images * plan.channelBlocks, [&](int task, int thread) {
    const int n = task / plan.channelBlocks, cb = task % plan.channelBlocks;
    float* frame = plan.frames + thread * plan.frame.size();
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
  plan.listTaps(s);
  const size_t partialSize = size_t(s.taps()) * LANES;
  call.pool->run(plan.runs * plan.channelBlocks, [&](int task, int thread) {
    const int run = task / plan.channelBlocks, cb = task % plan.channelBlocks;
    float* frame = plan.frames + thread * plan.frame.size();
    float* plane = plan.planes + thread * plan.planeSize;
    float* partial = plan.partial + task * partialSize;
    std::memset(partial, 0, partialSize * sizeof(float));
    const int end = int(int64_t(s.images) * (run + 1) / plan.runs);
    for (int n = int(int64_t(s.images) * run / plan.runs); n < end; n++) {
      stage(x, n, cb * LANES, blockChannels(s, cb), -s.padTop, -s.padLeft, plan.frame, frame);
      stageGradient(g, n, cb * LANES, blockChannels(s, cb), 0, 0, Frame{s.OH, s.OW, 1, LANES}, plane);
      for (int t = 0; t < s.taps(); t++) {
        Block sum[2] = {};  // two running sums, so that one does not wait for the other
        for (int row = 0; row < s.OH; row++) {
          const float* in = frame + row * s.sh * plan.frame.rowSize() + plan.taps[t];
          const float* gradient = plane + size_t(row) * s.OW * LANES;
          for (int column = 0; column < s.OW; column++)
            for (int i = 0; i < PARTS; i++) {
              Vec& to = sum[column & 1].part[i];
              to = fma(load(in + column * LANES + i * VL), load(gradient + column * LANES + i * VL), to);
            }
        }
        for (int i = 0; i < PARTS; i++) {
          float* to = partial + t * LANES + i * VL;
          store(to, load(to) + (sum[0].part[i] + sum[1].part[i]));
        }
      }
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
