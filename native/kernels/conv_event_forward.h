// The forward pass driven by spikes: a task is a few images.
#pragma once
#include "conv_scatter.h"

namespace soma::SOMA_ISA {

struct EventForwardPlan {
  ScatterShape scatter;
  int together;  // images of a task
  float *bias, *canvases;
  uint64_t* masks;
  size_t bytes;

  EventForwardPlan(const ConvShape& s, char* base, int threads)
      : scatter(ScatterShape::forward(s)), together(imagesTogether(scatter, s.images)) {
    Scratch scratch(base);
    bias = scratch.take<float>(size_t(blocks(s.O)) * LANES);
    canvases = scratch.take<float>(threads * canvasesSize());
    masks = scratch.take<uint64_t>(threads * masksSize());
    bytes = scratch.used();
  }

  size_t canvasesSize() const { return together * scatter.canvasSize(); }
  size_t masksSize() const { return together * scatter.masks(); }
};

static inline void maskSpikes(const ScatterShape& s, const SpikeMap& x, int image, uint64_t* masks) {
  const size_t plane = size_t(s.height) * s.width;
  const uint16_t* words = x.words(image, 0);
  maskPixels(s, masks, [&](int chunk, int row, int column) {
    const uint16_t* word = words + chunk * CHUNK_BLOCKS * plane + row * s.width + column;
    uint64_t bits = 0;
    for (int b = 0; b < s.chunkBlocks(chunk); b++) bits |= uint64_t(word[b * plane]) << (b * LANES);
    return bits;
  });
}

static inline void runEventForward(const Call& call, const ConvShape& s, const SpikeMap& x, const float* weights,
                                   const float* bias, float* y, uint8_t* argmax) {
  const EventForwardPlan plan(s, call.scratch, call.pool->threads());
  const ScatterShape& scatter = plan.scatter;
  packBias(bias, s.O, plan.bias);
  call.pool->run(divideUp(s.images, plan.together), [&](int task, int thread) {
    const int first = task * plan.together, count = smaller(plan.together, s.images - first);
    uint64_t* masks = plan.masks + thread * plan.masksSize();
    float* canvases = plan.canvases + thread * plan.canvasesSize();
    for (int i = 0; i < count; i++) maskSpikes(scatter, x, first + i, masks + i * scatter.masks());
    for (int ob = 0; ob < blocks(s.O); ob++) {
      const Block blockBias = loadBlock(plan.bias + ob * LANES);
      for (int chunk = 0; chunk < scatter.chunks; chunk++)
        for (int i = 0; i < count; i++) {
          const auto scatterTo = [&](const auto& output) {
            scatterChunk(scatter, chunk, masks + i * scatter.masks(), UnitValues(),
                         weights + ob * scatterWeightsSize(s.C) + size_t(chunk) * CHUNK_BLOCKS * LANES * PATCH_FLOATS,
                         canvases + i * scatter.canvasSize(), output);
          };
          const size_t at = (size_t(first + i) * blocks(s.O) + ob) * s.yH() * s.yW() * LANES;
          if (s.pool2)
            scatterTo(PooledOutput{y + at, argmax ? argmax + at : nullptr, s.yH(), s.yW(), s.relu, blockBias});
          else
            scatterTo(PlainOutput{y + at, s.yH(), s.yW(), s.relu, blockBias});
        }
    }
  });
}

}  // namespace soma::SOMA_ISA
