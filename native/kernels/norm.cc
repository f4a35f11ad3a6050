// Batch normalisation over all axes but the channels, with what follows it: a residual that is added, a 2×2
// maximum, ReLU, and the mean and maximum of each map for a channel attention. ints: see norm_shape.h.
//
// Two passes over x: sums, then y. What is pooled is never stored at full size.
#include <cmath>
#include "norm_line.h"
#include "norm_shape.h"
#include "per_map.h"
#include "tables.h"

namespace soma::SOMA_ISA {
namespace {

template <bool RELU, bool ADD>
void applyGroup(const NormShape& s, int image, int group, const NormLine& line, const float* x, const float* other, float* y) {
  forUnits(s, image, group, [&](size_t at, auto lanes) {
    for (int part = 0; part < PARTS; part++) {
      const int n = lanesOfPart(lanes, part);
      if (n == 0) break;
      const size_t i = at + part * VL;
      Vec v = line(loadPart(x + i, n), part);
      if (ADD) v = v + loadPart(other + i, n);
      storePart(y + i, RELU ? clamped(v) : v, n);
    }
  });
}

// One map of a blocked value. `y` and `argmax` may be null.
template <bool RELU, bool SUMMARY>
void poolGroup(const NormShape& s, const NormLine& line, const float* x, float* y, uint8_t* argmax, MapSums& sums) {
  const size_t row = size_t(s.W) * LANES;
  const int OH = s.pooledH(), OW = s.pooledW();
  for (int i = 0; i < OH; i++, x += 2 * row) {
    for (int j = 0; j < OW; j++) {
      const size_t to = (size_t(i) * OW + j) * LANES;
      for (int part = 0; part < PARTS; part++) {
        const float* at = x + size_t(j) * 2 * LANES + part * VL;
        const float* window[4] = {at, at + LANES, at + row, at + row + LANES};
        Vec best = line(load(window[0]), part);
        VecI index{};
        for (int k = 1; k < 4; k++) {
          const Vec v = line(load(window[k]), part);
          const VecI greater = v > best;
          best = select(greater, v, best);
          index = greater ? k - VecI{} : index;
        }
        if (RELU) best = clamped(best);
        if (y) store(y + to + part * VL, best);
        if (argmax) storeBytes(argmax + to + part * VL, index);
        if (SUMMARY) sums.add(part, best);
      }
    }
    if (SUMMARY) sums.endRow();
  }
}

// The same without a pool.
template <bool RELU>
void summariseGroup(const NormShape& s, const NormLine& line, const float* x, float* y, MapSums& sums) {
  for (int i = 0; i < s.H; i++) {
    for (int j = 0; j < s.W; j++, x += LANES, y += y ? LANES : 0)
      for (int part = 0; part < PARTS; part++) {
        Vec v = line(load(x + part * VL), part);
        if (RELU) v = clamped(v);
        if (y) store(y + part * VL, v);
        sums.add(part, v);
      }
    sums.endRow();
  }
}

void statistics(const Call& call, const NormShape& s, const NormPlan& plan, const float* x) {
  sumChannels(call, s, plan, [&](int group, int from, int to) {
    Moments moments;
    for (int image = from; image < to; image++)
      forUnits(s, image, group, [&](size_t at, auto lanes) { moments.add(x + at, lanes); });
    return moments.totals();
  });
}

// [x, scale, shift, running mean, running variance, added | null, y | null, argmax | null, mean | null,
//  invStd | null, mean of each map | null, maximum of each map | null]
// ints: NormShape, strides of the two from image to image; floats: [momentum, eps]
void batchNorm(const Call& call) {
  const NormShape s(call.ints);
  const NormPlan plan(s, call.scratch);
  const float *x = call.f32(0), *gamma = call.f32(1), *beta = call.f32(2);
  float *runningMean = call.f32(3), *runningVar = call.f32(4);
  const double momentum = call.floats[0], eps = call.floats[1];
  if (s.training) statistics(call, s, plan, x);
  for (int c = 0; c < s.C; c++) {
    double mean = runningMean[c], variance = runningVar[c];
    if (s.training) {
      mean = plan.first[c] / s.count();
      variance = std::max(0.0, plan.second[c] / s.count() - mean * mean);
      const double correction = s.unbiased && s.count() > 1 ? s.count() / (s.count() - 1) : 1;
      runningMean[c] = float(runningMean[c] + momentum * (mean - runningMean[c]));
      runningVar[c] = float(runningVar[c] + momentum * (variance * correction - runningVar[c]));
    }
    const float invStd = float(1 / std::sqrt(variance + eps));
    if (call.f32(8)) call.f32(8)[c] = float(mean);
    if (call.f32(9)) call.f32(9)[c] = invStd;
    plan.p[c] = float(mean);
    plan.q[c] = invStd * gamma[c];
    plan.r[c] = beta[c];
  }

  const float* other = call.f32(5);
  float* y = call.f32(6);
  uint8_t* argmax = call.u8(7);
  const MapSummary summary{{call.f32(10), call.ints[NormShape::INTS]}, {call.f32(11), call.ints[NormShape::INTS + 1]}};
  if (!y && !argmax && !summary.wanted()) return;
  forGroups(call, s, [&](int image, int group) {
    const NormLine line{channelLanes(s, group, plan.p), channelLanes(s, group, plan.q), channelLanes(s, group, plan.r)};
    const size_t from = s.offset(image, group);
    MapSums sums;
    if (s.pool2) {
      const size_t to = s.pooledOffset(image, group);
      const auto pool = s.relu ? (summary.wanted() ? poolGroup<true, true> : poolGroup<true, false>)
                               : (summary.wanted() ? poolGroup<false, true> : poolGroup<false, false>);
      pool(s, line, x + from, y ? y + to : nullptr, argmax ? argmax + to : nullptr, sums);
    } else if (summary.wanted()) {
      (s.relu ? summariseGroup<true> : summariseGroup<false>)(s, line, x + from, y ? y + from : nullptr, sums);
    } else {
      const auto apply = s.relu ? (other ? applyGroup<true, true> : applyGroup<true, false>)
                                : (other ? applyGroup<false, true> : applyGroup<false, false>);
      apply(s, image, group, line, x, other, y);
    }
    if (summary.wanted()) sums.write(summary, image, group, s.pool2 ? s.pooledH() * s.pooledW() : s.inner);
  });
}

size_t normScratch(const Call& call, int) { return NormPlan(NormShape(call.ints), nullptr).bytes; }

const Kernel KERNELS[] = {{"batch_norm", 12, NormShape::INTS + 2, 2, batchNorm, normScratch}};

}  // namespace

KernelTable normKernels() { return {KERNELS, sizeof KERNELS / sizeof *KERNELS}; }

}  // namespace soma::SOMA_ISA
