// The forward pass driven by spikes: a task is a few images. Or, where weights have not been packed, some output blocks of
// all images: it packs their weights on the way, and none is read by two tasks.
#pragma once
#include "conv_scatter.h"

namespace soma::SOMA_ISA {

struct EventForwardPlan {
  static constexpr int MOST_SPANS = 16;

  ScatterShape scatter;
  bool packs;
  int together, spans;  // images of a task, spans of output blocks
  float *bias, *canvases, *weights;
  uint64_t* masks;
  size_t weightsSize;  // of a chunk that a task packs
  size_t bytes;

  EventForwardPlan(const ConvShape& s, char* base, int threads, bool packs)
      : scatter(ScatterShape::forward(s)), packs(packs),
        together(packs ? larger(1, s.images) : imagesTogether(scatter, s.images)),
        spans(packs ? smaller(blocks(s.O), MOST_SPANS) : 1), weightsSize(packs ? scatterWeightsChunk(1) : 0) {
    Scratch scratch(base);
    bias = scratch.take<float>(size_t(blocks(s.O)) * LANES);
    canvases = scratch.take<float>(threads * canvasesSize());
    weights = scratch.take<float>(threads * weightsSize);
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

// `packed` is null where tasks pack the weights w.
static inline void runEventForward(const Call& call, const ConvShape& s, const SpikeMap& x, const float* w,
                                   const float* packed, const float* bias, float* y, uint8_t* argmax) {
  const EventForwardPlan plan(s, call.scratch, call.pool->threads(), !packed);
  const ScatterShape& scatter = plan.scatter;
  packBias(bias, s.O, plan.bias);
  const int outputBlocks = blocks(s.O);
  call.pool->run(divideUp(s.images, plan.together) * plan.spans, [&](int task, int thread) {
    const int first = task / plan.spans * plan.together, count = smaller(plan.together, s.images - first);
    const int span = task % plan.spans;
    uint64_t* masks = plan.masks + thread * plan.masksSize();
    float* canvases = plan.canvases + thread * plan.canvasesSize();
    float* ownWeights = plan.weights + thread * plan.weightsSize;
    for (int i = 0; i < count; i++) maskSpikes(scatter, x, first + i, masks + i * scatter.masks());
    for (int ob = outputBlocks * span / plan.spans; ob < outputBlocks * (span + 1) / plan.spans; ob++) {
      const Block blockBias = loadBlock(plan.bias + ob * LANES);
      for (int chunk = 0; chunk < scatter.chunks; chunk++) {
        const int channel = chunk * CHUNK_BLOCKS * LANES;
        const float* weights =
            plan.packs ? ownWeights : packed + ob * scatterWeightsSize(s.C) + scatterWeightsChunk(chunk);
        if (plan.packs)
          packScatterForward(w, s.O, s.C, ob, channel, smaller(CHUNK_BLOCKS * LANES, s.C - channel), ownWeights);
        for (int i = 0; i < count; i++) {
          const auto scatterTo = [&](const auto& output) {
            scatterChunk(scatter, chunk, masks + i * scatter.masks(), UnitValues(), weights,
                         canvases + i * scatter.canvasSize(), output);
          };
          const size_t at = (size_t(first + i) * outputBlocks + ob) * s.yH() * s.yW() * LANES;
          if (s.pool2)
            scatterTo(PooledOutput{y + at, argmax ? argmax + at : nullptr, s.yH(), s.yW(), s.relu, blockBias});
          else
            scatterTo(PlainOutput{y + at, s.yH(), s.yW(), s.relu, blockBias});
        }
      }
    }
  });
}

}  // namespace soma::SOMA_ISA
