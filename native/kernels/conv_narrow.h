// 1x1 convolutions with stride 1 from a blocked map to one of at most 4 channels: products of a pixel's channels with
// weights, summed across lanes, for as many pixels at once as a register has lanes.
#pragma once
#include "conv_source.h"
#include "conv_tile.h"

namespace soma::SOMA_ISA {

static inline bool isNarrow(const ConvShape& s) {
  return s.taps() == 1 && s.sh == 1 && s.sw == 1 && s.OH == s.H && s.OW == s.W && s.groups == 1 && !s.pool2 &&
         isBlocked(s.C) && !isBlocked(s.O);
}

static inline bool isNarrowGradInput(const ConvShape& s) { return !s.pool2 && isNarrow(s.transposed()); }

struct NarrowPlan {
  static constexpr int MAX_RUNS = 16;

  int runs;        // of images, each with sums of its own in the gradient of weights, added in order
  size_t channels;  // padded to blocks
  float *weights, *partial;
  size_t bytes;

  NarrowPlan(const ConvShape& s, char* base)
      : runs(larger(1, smaller(s.images, MAX_RUNS))), channels(size_t(blocks(s.C)) * LANES) {
    Scratch scratch(base);
    weights = scratch.take<float>(s.O * channels);
    partial = scratch.take<float>(runs * s.O * channels);
    bytes = scratch.used();
  }
};

// `packed` as for the direct kernels: one panel, outputs next to each other.
static inline void runNarrow(const Call& call, const ConvShape& s, const float* x, const float* packed,
                             const float* bias, float* y) {
  const NarrowPlan plan(s, call.scratch);
  const int width = panelRegisters(s.O, 0) * VL;
  for (int o = 0; o < s.O; o++)
    for (int c = 0; c < int(plan.channels); c++)
      plan.weights[o * plan.channels + c] = c < s.C ? packed[size_t(c) * width + o] : 0.0f;

  const int pixels = s.H * s.W;
  const size_t block = size_t(pixels) * LANES;
  call.pool->run(s.images, [&](int n, int) {
    const float* image = x + n * plan.channels * pixels;
    for (int o = 0; o < s.O; o++) {
      const float* weights = plan.weights + o * plan.channels;
      float* to = y + (size_t(n) * s.O + o) * pixels;
      const auto sumPixels = [&](int p, int count, const auto& isThere) {
        Vec rows[VL] = {};
        for (size_t c = 0; c < plan.channels; c += VL) {
          const float* from = image + c / LANES * block + size_t(p) * LANES + c % LANES;
          const Vec weight = load(weights + c);
#pragma GCC unroll 16
          for (int r = 0; r < VL; r++)
            if (isThere(r)) rows[r] = fma(load(from + r * LANES), weight, rows[r]);
        }
        transpose(rows);
        Vec sum = broadcast(bias ? bias[o] : 0.0f);
#pragma GCC unroll 16
        for (int r = 0; r < VL; r++) sum = sum + rows[r];
        storePart(to + p, s.relu ? max(Vec{}, sum) : sum, count);  // keeps a NaN
      };
      int p = 0;
      for (; p + VL <= pixels; p += VL) sumPixels(p, VL, [](int) { return true; });
      if (p < pixels) sumPixels(p, pixels - p, [&](int r) { return r < pixels - p; });
    }
  });
}

static inline void runNarrowGradWeight(const Call& call, const ConvShape& s, const float* x, const float* g,
                                       float* dw) {
  constexpr int APART = 4;  // sums that do not wait for each other
  const NarrowPlan plan(s, call.scratch);
  const int pixels = s.H * s.W;
  const size_t block = size_t(pixels) * LANES;
  call.pool->run(plan.runs, [&](int run, int) {
    const int first = int(int64_t(s.images) * run / plan.runs), end = int(int64_t(s.images) * (run + 1) / plan.runs);
    for (int o = 0; o < s.O; o++)
      for (size_t c = 0; c < plan.channels; c += VL) {
        Vec sums[APART] = {};
        for (int n = first; n < end; n++) {
          const float* from = x + n * plan.channels * pixels + c / LANES * block + c % LANES;
          const float* gradient = g + (size_t(n) * s.O + o) * pixels;
          int p = 0;
          for (; p + APART <= pixels; p += APART)
            for (int i = 0; i < APART; i++)
              sums[i] = fma(load(from + size_t(p + i) * LANES), broadcast(gradient[p + i]), sums[i]);
          for (; p < pixels; p++) sums[0] = fma(load(from + size_t(p) * LANES), broadcast(gradient[p]), sums[0]);
        }
        store(plan.partial + (size_t(run) * s.O + o) * plan.channels + c, (sums[0] + sums[1]) + (sums[2] + sums[3]));
      }
  });
  for (int o = 0; o < s.O; o++)
    for (int c = 0; c < s.C; c++) {
      float sum = 0;
      for (int run = 0; run < plan.runs; run++) sum += plan.partial[(size_t(run) * s.O + o) * plan.channels + c];
      dw[size_t(o) * s.C + c] = sum;
    }
}

}  // namespace soma::SOMA_ISA
