// The gradient with respect to the input, driven by the gradient's values that are not zero. Behind a
// 2x2 maximum at most a quarter of them is; behind a maximum and a ReLU fewer.
#pragma once
#include "conv_emit.h"
#include "conv_scatter.h"

namespace soma::SOMA_ISA {

struct EventGradInputPlan {
  ScatterShape scatter;
  float *weights, *canvases, *values;
  uint32_t *starts, *offsets;
  int64_t* counts;  // of values that are not zero, for each sampled image
  size_t bytes;

  EventGradInputPlan(const ConvShape& s, char* base, int threads) : scatter(s.OH, s.OW, s.O) {
    Scratch scratch(base);
    weights = scratch.take<float>(blocks(s.C) * scatterWeightsSize(s.O));
    canvases = scratch.take<float>(threads * scatter.canvasSize());
    starts = scratch.take<uint32_t>(threads * (scatter.groups() + 1));
    offsets = scratch.take<uint32_t>(threads * scatter.maxEvents());
    values = scratch.take<float>(threads * scatter.maxEvents());
    counts = scratch.take<int64_t>(s.images);
    bytes = scratch.used();
  }

  Events events(int thread) const {
    return {starts + thread * (scatter.groups() + 1), offsets + thread * scatter.maxEvents(),
            values + thread * scatter.maxEvents()};
  }
};

class GradientLister {
 public:
  GradientLister(const GradientMap& g, int image, const Events& out)
      : g_(g), image_(image), begin_(out.offsets), end_(out.offsets), values_(out.values) {}

  uint32_t count() const { return uint32_t(end_ - begin_); }
  void append(int block, int y, int x, uint32_t offset) {
    const int p = g_.storedPixel(y, x);
    if (p < 0) return;
    const size_t i = g_.blockIndex(image_, block, p);
    unsigned bits = 0;
    for (int lane = 0; lane < LANES; lane += VL) {
      unsigned part = nonzeroBits(load(g_.data + i + lane));
      if (g_.pooled) part &= equalBits(g_.argmax + i + lane, GradientMap::window(y, x));
      bits |= part << lane;
    }
    end_ = compressBits(bits, offset, PATCH_FLOATS, end_);
    values_ = compressFloats(bits, g_.data + i, values_);
  }

 private:
  const GradientMap& g_;
  int image_;
  uint32_t *begin_, *end_;
  float* values_;
};

// Shares of values that are not zero at which events and the dense kernels were measured to be equally fast.
constexpr double GRAD_INPUT_DIRECT_ABOVE = VL == 16 ? 0.65 : 0.4, GRAD_INPUT_WINOGRAD_ABOVE = VL == 16 ? 0.21 : 0.15;

// Whether so many values are zero that events beat the dense kernel. Counted in every eighth image: it
// decides about speed only, and the same values always get the same answer.
static inline bool isSparseGradient(const Call& call, const ConvShape& s, const GradientMap& g, double denseAbove) {
  constexpr int SAMPLE = 8;
  if (g.pooled && denseAbove >= 0.25) return true;  // three of four are zero
  const EventGradInputPlan plan(s, call.scratch, call.pool->threads());
  const size_t imageSize = mapSize(s.O, g.storedPixels());
  const int samples = divideUp(s.images, SAMPLE);
  call.pool->run(samples, [&](int sample, int) {
    const float* image = g.data + size_t(sample) * SAMPLE * imageSize;
    int64_t count = 0;
    for (size_t i = 0; i < imageSize; i += VL) count += __builtin_popcount(nonzeroBits(load(image + i)));
    plan.counts[sample] = count;
  });
  int64_t total = 0;
  for (int sample = 0; sample < samples; sample++) total += plan.counts[sample];
  return double(total) <= denseAbove * samples * s.O * s.OH * s.OW;
}

static inline void runEventGradInput(const Call& call, const ConvShape& s, const GradientMap& g, const float* w,
                                     float* dx) {
  const EventGradInputPlan plan(s, call.scratch, call.pool->threads());
  call.pool->run(blocks(s.C), [&](int cb, int) {
    packScatterWeights(cb, s.O, s.C, plan.weights + cb * scatterWeightsSize(s.O),
                       [&](int c, int o, int t) { return w[(size_t(o) * s.C + c) * 9 + t]; });
  });

  // A gradient at y reaches the canvas rows y … y + 2, of which row i holds the input row i - padTop.
  const size_t rowStride = plan.scatter.canvasRow();
  const size_t origin = s.padTop * rowStride + s.padLeft * LANES;
  const ConvEmitter emitter(s.transposed(), dx, nullptr);
  call.pool->run(s.images, [&](int n, int thread) {
    const Events events = plan.events(thread);
    float* canvas = plan.canvases + thread * plan.scatter.canvasSize();
    listEvents(plan.scatter, events.starts, GradientLister(g, n, events));
    for (int cb = 0; cb < blocks(s.C); cb++) {
      scatterImage<true>(plan.scatter, events, plan.weights + cb * scatterWeightsSize(s.O), canvas);
      emitter.emit(n, {canvas + origin, 0, rowStride, cb * LANES, smaller(LANES, s.C - cb * LANES), 0, s.H, nullptr});
    }
  });
}

}  // namespace soma::SOMA_ISA
