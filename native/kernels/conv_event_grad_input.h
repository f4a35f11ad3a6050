// The gradient with respect to the input, driven by the gradient's values that are not zero. Behind a
// 2x2 maximum at most a quarter of them is; behind a maximum and a ReLU fewer.
#pragma once
#include "conv_emit.h"
#include "conv_scatter.h"

namespace soma::SOMA_ISA {

struct EventGradInputPlan {
  ScatterShape scatter;
  float *canvases, *values;
  uint32_t *starts, *offsets;
  int64_t* counts;  // of values that are not zero, for each sampled image
  size_t bytes;

  EventGradInputPlan(const ConvShape& s, char* base, int threads) : scatter(s.OH, s.OW, s.O) {
    Scratch scratch(base);
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
    unsigned bits = nonzeroLanes(g_.data + i);
    if (g_.pooled) bits &= equalLanes(g_.argmax + i, GradientMap::window(y, x));
    append(bits, g_.data + i, offset);
  }

  // The events of `blocks` blocks of a pooled pixel, all four of whose places in the window are wanted.
  void appendWindow(uint32_t* starts, int firstBlock, int blocks, int p) {
    constexpr size_t BLOCK_FLOATS = size_t(LANES) * PATCH_FLOATS;
    const size_t first = g_.blockIndex(image_, firstBlock, p), stride = size_t(g_.storedPixels()) * LANES;
    unsigned bits[CHUNK_BLOCKS][4];
    for (int b = 0; b < blocks; b++) {
      const size_t i = first + b * stride;
      const unsigned nonzero = nonzeroLanes(g_.data + i);
      for (int k = 0; k < 4; k++) bits[b][k] = nonzero & equalLanes(g_.argmax + i, k);
    }
    for (int k = 0; k < 4; k++) {
      starts[k] = count();
      for (int b = 0; b < blocks; b++) append(bits[b][k], g_.data + first + b * stride, uint32_t(b * BLOCK_FLOATS));
    }
  }

 private:
  static unsigned nonzeroLanes(const float* p) {
    unsigned bits = 0;
    for (int lane = 0; lane < LANES; lane += VL) bits |= nonzeroBits(load(p + lane)) << lane;
    return bits;
  }
  static unsigned equalLanes(const uint8_t* p, int value) {
    unsigned bits = 0;
    for (int lane = 0; lane < LANES; lane += VL) bits |= equalBits(p + lane, value) << lane;
    return bits;
  }
  void append(unsigned bits, const float* values, uint32_t offset) {
    end_ = compressBits(bits, offset, PATCH_FLOATS, end_);
    values_ = compressFloats(bits, values, values_);
  }

  const GradientMap& g_;
  int image_;
  uint32_t *begin_, *end_;
  float* values_;
};

// Lists an image's events. Behind a pooling whose windows are the quads, a stored value is looked at once.
static inline void listGradients(const ScatterShape& s, const GradientMap& g, int image, const Events& out) {
  GradientLister list(g, image, out);
  if (!g.pooled || s.height % 2 != 0 || s.width % 2 != 0) return listEvents(s, out.starts, list);
  uint32_t* starts = out.starts;
  for (int chunk = 0; chunk < s.chunks; chunk++) {
    const int first = chunk * CHUNK_BLOCKS, count = smaller(CHUNK_BLOCKS, blocks(s.channels) - first);
    for (int p = 0; p < s.quadRows * s.quadColumns; p++, starts += 4) list.appendWindow(starts, first, count, p);
  }
  *starts = list.count();
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

  // A gradient at y reaches the canvas rows y … y + 2, of which row i holds the input row i - padTop.
  const size_t rowStride = plan.scatter.canvasRow();
  const size_t origin = s.padTop * rowStride + s.padLeft * LANES;
  const ConvEmitter emitter(s.transposed(), dx, nullptr);
  call.pool->run(s.images, [&](int n, int thread) {
    const Events events = plan.events(thread);
    float* canvas = plan.canvases + thread * plan.scatter.canvasSize();
    listGradients(plan.scatter, g, n, events);
    for (int cb = 0; cb < blocks(s.C); cb++) {
      scatterImage<true>(plan.scatter, events, weights + cb * scatterWeightsSize(s.O), canvas);
      emitter.emit(n, {canvas + origin, 0, rowStride, cb * LANES, smaller(LANES, s.C - cb * LANES), 0, s.H, nullptr});
    }
  });
}

}  // namespace soma::SOMA_ISA
