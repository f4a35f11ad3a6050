// The gradient with respect to the input, driven by the gradient's values that are not zero. Behind a
// 2x2 maximum at most a quarter of them is; behind a maximum and a ReLU fewer.
#pragma once
#include "conv_scatter.h"

namespace soma::SOMA_ISA {

struct EventGradInputPlan {
  ScatterShape scatter;
  int together;  // images of a task
  float* canvases;
  uint64_t* masks;
  int64_t* counts;  // of values that are not zero, for each sampled image
  size_t bytes;

  EventGradInputPlan(const ConvShape& s, char* base, int threads)
      : scatter(ScatterShape::gradInput(s)), together(imagesTogether(scatter, s.images)) {
    Scratch scratch(base);
    canvases = scratch.take<float>(threads * canvasesSize());
    masks = scratch.take<uint64_t>(threads * masksSize());
    counts = scratch.take<int64_t>(s.images);
    bytes = scratch.used();
  }

  size_t canvasesSize() const { return together * scatter.canvasSize(); }
  size_t masksSize() const { return together * scatter.masks(); }
};

// The 16 values from p on that are not zero, as bits.
static inline unsigned nonzeroLanes(const float* p) {
  unsigned bits = 0;
  for (int lane = 0; lane < LANES; lane += VL) bits |= nonzeroBits(load(p + lane)) << lane;
  return bits;
}
static inline unsigned equalLanes(const uint8_t* p, int value) {
  unsigned bits = 0;
  for (int lane = 0; lane < LANES; lane += VL) bits |= equalBits(p + lane, value) << lane;
  return bits;
}

static inline void maskGradients(const ScatterShape& s, const GradientMap& g, int image, uint64_t* masks) {
  if (!g.pooled) {
    maskPixels(s, masks, [&](int chunk, int y, int x) {
      uint64_t bits = 0;
      for (int b = 0; b < s.chunkBlocks(chunk); b++)
        bits |= uint64_t(nonzeroLanes(g.data + g.blockIndex(image, chunk * CHUNK_BLOCKS + b, y * s.width + x)))
                << (b * LANES);
      return bits;
    });
    return;
  }
  // Quads are windows: a stored value is looked at once.
  for (int chunk = 0; chunk < s.chunks; chunk++)
    for (int qy = 0; qy < s.quadRows; qy++)
      for (int qx = 0; qx < s.quadColumns; qx++, masks += 4) {
        uint64_t bits[4] = {};
        const bool stored = qy < s.height / 2 && qx < s.width / 2;
        for (int b = 0; stored && b < s.chunkBlocks(chunk); b++) {
          const size_t i = g.blockIndex(image, chunk * CHUNK_BLOCKS + b, qy * g.storedWidth() + qx);
          const unsigned nonzero = nonzeroLanes(g.data + i);
          for (int k = 0; k < 4; k++) bits[k] |= uint64_t(nonzero & equalLanes(g.argmax + i, k)) << (b * LANES);
        }
        for (int k = 0; k < 4; k++) masks[k] = bits[k];
      }
}

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

static inline void runEventGradInput(const Call& call, const ConvShape& s, const GradientMap& g,
                                     const float* weights, float* dx) {
  const EventGradInputPlan plan(s, call.scratch, call.pool->threads());
  const ScatterShape& scatter = plan.scatter;
  const size_t imageSize = mapSize(s.C, s.H * s.W);
  call.pool->run(divideUp(s.images, plan.together), [&](int task, int thread) {
    const int first = task * plan.together, count = smaller(plan.together, s.images - first);
    uint64_t* masks = plan.masks + thread * plan.masksSize();
    float* canvases = plan.canvases + thread * plan.canvasesSize();
    for (int i = 0; i < count; i++) maskGradients(scatter, g, first + i, masks + i * scatter.masks());
    for (int cb = 0; cb < blocks(s.C); cb++)
      for (int chunk = 0; chunk < scatter.chunks; chunk++)
        for (int i = 0; i < count; i++) {
          scatterChunk(scatter, chunk, masks + i * scatter.masks(), MapValues(g, first + i),
                       weights + cb * scatterWeightsSize(s.O) + scatterWeightsChunk(chunk),
                       canvases + i * scatter.canvasSize(),
                       PlainOutput{dx + (first + i) * imageSize + size_t(cb) * s.H * s.W * LANES, s.H, s.W, false, {}});
        }
  });
}

}  // namespace soma::SOMA_ISA
