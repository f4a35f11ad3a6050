// The forward pass driven by spikes: one task an image, one canvas a block of outputs.
#pragma once
#include "conv_emit.h"
#include "conv_scatter.h"

namespace soma::SOMA_ISA {

struct EventForwardPlan {
  ScatterShape scatter;
  float *bias, *canvases;
  uint32_t *starts, *offsets;
  size_t bytes;

  EventForwardPlan(const ConvShape& s, char* base, int threads) : scatter(s.H, s.W, s.C) {
    Scratch scratch(base);
    bias = scratch.take<float>(size_t(blocks(s.O)) * LANES);
    canvases = scratch.take<float>(threads * scatter.canvasSize());
    starts = scratch.take<uint32_t>(threads * (scatter.groups() + 1));
    offsets = scratch.take<uint32_t>(threads * scatter.maxEvents());
    bytes = scratch.used();
  }

  Events events(int thread) const {
    return {starts + thread * (scatter.groups() + 1), offsets + thread * scatter.maxEvents(), nullptr};
  }
};

class SpikeLister {
 public:
  SpikeLister(const SpikeMap& x, int image, uint32_t* out) : x_(x), image_(image), begin_(out), end_(out) {}

  uint32_t count() const { return uint32_t(end_ - begin_); }
  void append(int block, int y, int x, uint32_t offset) {
    end_ = compressBits(x_.words(image_, block)[y * x_.width + x], offset, PATCH_FLOATS, end_);
  }

 private:
  const SpikeMap& x_;
  int image_;
  uint32_t *begin_, *end_;
};

static inline void runEventForward(const Call& call, const ConvShape& s, const SpikeMap& x, const float* weights,
                                   const float* bias, float* y, uint8_t* argmax) {
  const EventForwardPlan plan(s, call.scratch, call.pool->threads());
  packBias(bias, s.O, plan.bias);

  // A spike at y reaches the canvas rows y … y + 2, of which row i holds the output row i - 2 + padTop.
  const size_t rowStride = plan.scatter.canvasRow();
  const size_t origin = (2 - s.padTop) * rowStride + (2 - s.padLeft) * LANES;
  const int rows = s.pool2 ? s.yH() * 2 : s.OH;
  const ConvEmitter emitter(s, y, argmax);
  call.pool->run(s.images, [&](int n, int thread) {
    const Events events = plan.events(thread);
    float* canvas = plan.canvases + thread * plan.scatter.canvasSize();
    listEvents(plan.scatter, events.starts, SpikeLister(x, n, events.offsets));
    for (int ob = 0; ob < blocks(s.O); ob++) {
      scatterImage<false>(plan.scatter, events, weights + ob * scatterWeightsSize(s.C), canvas);
      emitter.emit(n, {canvas + origin, 0, rowStride, ob * LANES, smaller(LANES, s.O - ob * LANES), 0, rows,
                       plan.bias + ob * LANES});
    }
  });
}

}  // namespace soma::SOMA_ISA
