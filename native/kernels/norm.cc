// Batch normalisation over all axes but the channels, and its gradient.
//   ints: [TN, C, inner, layout (0 blocked map, 1 rows [TN][C], 2 planes [TN][C][inner]), training, unbiased]
// Statistics are sums in double, over runs of images whose number depends on the shape only.
#include <algorithm>
#include <cmath>
#include "../kernel.h"
#include "../simd.h"
#include "scratch.h"
#include "tables.h"

namespace soma::SOMA_ISA {
namespace {

enum Layout { BLOCKED, ROWS, PLANES };

struct NormShape {
  static constexpr int INTS = 6, MAX_RUNS = 16;
  int images, C, inner, layout;
  bool training, unbiased;
  int groups;  // channel blocks, or channels of planes
  int runs;    // parts that the images are summed in

  explicit NormShape(const int32_t* i)
      : images(i[0]), C(i[1]), inner(i[2]), layout(i[3]), training(i[4]), unbiased(i[5]),
        groups(layout == PLANES ? C : blocks(C)), runs(std::max(1, std::min(MAX_RUNS, images))) {}

  size_t imageSize() const { return size_t(layout == BLOCKED ? blocks(C) * LANES : C) * inner; }
  // Where the part of an image that belongs to a group starts, and how many floats it has.
  size_t offset(int image, int group) const {
    const size_t inImage = layout == PLANES ? size_t(group) * inner : size_t(group) * LANES * (layout == ROWS ? 1 : inner);
    return size_t(image) * imageSize() + inImage;
  }
  int firstChannel(int group) const { return layout == PLANES ? group : group * LANES; }
  int channels(int group) const { return layout == PLANES ? 1 : smaller(LANES, C - group * LANES); }
  double count() const { return double(images) * inner; }
};

// Two sums a channel over a run of images: of `first` and of `first · second`, products in double so that a
// variance is what it is however far the mean is from zero. Rows have no lanes beyond C to read.
template <class First, class Second>
void sumGroup(const NormShape& s, int from, int to, int group, const First& first, const Second& second,
              double* a, double* b) {
  DBlock sumA{}, sumB{};
  const auto take = [&](size_t at, int n) {
    float values[2][LANES] = {};
    for (int part = 0; part < PARTS; part++) {
      const int lanes = std::clamp(n - part * VL, 0, VL);
      if (lanes == 0) break;
      store(values[0] + part * VL, first(at + part * VL, lanes, part));
      store(values[1] + part * VL, second(at + part * VL, lanes, part));
    }
    addTo(sumA, values[0]);
    addProductTo(sumB, values[0], values[1]);
  };
  for (int image = from; image < to; image++) {
    const size_t start = s.offset(image, group);
    if (s.layout == BLOCKED) {
      for (int p = 0; p < s.inner; p++) take(start + size_t(p) * LANES, LANES);
    } else if (s.layout == ROWS) {
      take(start, s.channels(group));
    } else {
      for (int p = 0; p < s.inner; p += LANES) take(start + p, smaller(LANES, s.inner - p));
    }
  }
  if (s.layout == PLANES) {
    for (int l = 1; l < LANES; l++) {
      sumA.lane(0) += sumA.lane(l);
      sumB.lane(0) += sumB.lane(l);
    }
  }
  for (int l = 0; l < s.channels(group); l++) {
    a[l] = sumA.lane(l);
    b[l] = sumB.lane(l);
  }
}

// Per-channel constants of a group, one a lane: the same in all lanes for planes, zero beyond C.
struct Lanes {
  float value[LANES] = {};

  Lanes(const NormShape& s, int group, const float* ofChannel) {
    const int c = s.firstChannel(group);
    for (int l = 0; l < LANES; l++)
      value[l] = s.layout == PLANES ? ofChannel[c] : l < s.channels(group) ? ofChannel[c + l] : 0;
  }
  Vec operator[](int part) const { return load(value + part * VL); }
};

// Calls body(at, n, part) for each register of a group of one image.
template <class Body>
void forVectors(const NormShape& s, int image, int group, const Body& body) {
  const size_t start = s.offset(image, group);
  const size_t floats = s.layout == BLOCKED ? size_t(s.inner) * LANES : s.layout == ROWS ? s.channels(group) : s.inner;
  for (size_t i = 0; i < floats; i += VL) body(start + i, int(std::min<size_t>(VL, floats - i)), int(i / VL % PARTS));
}

template <class Body>
void forGroups(const Call& call, const NormShape& s, const Body& body) {
  const int work = s.inner * (s.layout == PLANES ? 1 : LANES);
  const int perTask = std::max(1, (1 << 13) / std::max(1, work)), units = s.images * s.groups;
  call.pool->run(divideUp(units, perTask), [&](int task, int) {
    for (int unit = task * perTask; unit < smaller(units, (task + 1) * perTask); unit++)
      body(unit / s.groups, unit % s.groups);
  });
}

struct NormPlan {
  double *a, *b;         // [runs][C]
  float *p, *q, *r;  // [C]: constants of the second pass
  size_t bytes;

  NormPlan(const NormShape& s, char* base) {
    Scratch scratch(base);
    a = scratch.take<double>(size_t(s.runs) * s.C);
    b = scratch.take<double>(size_t(s.runs) * s.C);
    p = scratch.take<float>(size_t(s.C));
    q = scratch.take<float>(size_t(s.C));
    r = scratch.take<float>(size_t(s.C));
    bytes = scratch.used();
  }
};

// Sums over all images into plan.a[c] and plan.b[c].
template <class MakeFirst, class MakeSecond>
void sumChannels(const Call& call, const NormShape& s, const NormPlan& plan, const MakeFirst& makeFirst,
                 const MakeSecond& makeSecond) {
  call.pool->run(s.runs * s.groups, [&](int task, int) {
    const int run = task / s.groups, group = task % s.groups;
    const size_t at = size_t(run) * s.C + s.firstChannel(group);
    sumGroup(s, int(int64_t(s.images) * run / s.runs), int(int64_t(s.images) * (run + 1) / s.runs), group,
             makeFirst(group), makeSecond(group), plan.a + at, plan.b + at);
  });
  for (int run = 1; run < s.runs; run++)
    for (int c = 0; c < s.C; c++) {
      plan.a[c] += plan.a[size_t(run) * s.C + c];
      plan.b[c] += plan.b[size_t(run) * s.C + c];
    }
}

// [x, scale, shift, running mean, running variance, y | null, mean | null, invStd | null]; [momentum, eps]
void batchNorm(const Call& call) {
  const NormShape s(call.ints);
  const NormPlan plan(s, call.scratch);
  const float *x = call.f32(0), *gamma = call.f32(1), *beta = call.f32(2);
  float *runningMean = call.f32(3), *runningVar = call.f32(4);
  const double momentum = call.floats[0], eps = call.floats[1];
  if (s.training) {
    const auto element = [&](int) { return [&](size_t at, int n, int) { return loadPart(x + at, n); }; };
    sumChannels(call, s, plan, element, element);
  }
  for (int c = 0; c < s.C; c++) {
    double mean = runningMean[c], variance = runningVar[c];
    if (s.training) {
      mean = plan.a[c] / s.count();
      variance = std::max(0.0, plan.b[c] / s.count() - mean * mean);
      const double correction = s.unbiased && s.count() > 1 ? s.count() / (s.count() - 1) : 1;
      runningMean[c] = float(runningMean[c] + momentum * (mean - runningMean[c]));
      runningVar[c] = float(runningVar[c] + momentum * (variance * correction - runningVar[c]));
    }
    const double invStd = 1 / std::sqrt(variance + eps);
    if (call.f32(6)) call.f32(6)[c] = float(mean);
    if (call.f32(7)) call.f32(7)[c] = float(invStd);
    plan.p[c] = float(mean);
    plan.q[c] = float(invStd * gamma[c]);
    plan.r[c] = beta[c];
  }
  float* y = call.f32(5);
  if (!y) return;
  forGroups(call, s, [&](int image, int group) {
    const Lanes mean(s, group, plan.p), slope(s, group, plan.q), shift(s, group, plan.r);
    forVectors(s, image, group, [&](size_t at, int n, int part) {
      storePart(y + at, fma(loadPart(x + at, n) - mean[part], slope[part], shift[part]), n);
    });
  });
}

// [x, scale, mean, invStd, g, dx | null, dScale | null, dShift | null]
void batchNormGrad(const Call& call) {
  const NormShape s(call.ints);
  const NormPlan plan(s, call.scratch);
  const float *x = call.f32(0), *gamma = call.f32(1), *mean = call.f32(2), *invStd = call.f32(3), *g = call.f32(4);
  float* dx = call.f32(5);
  const auto gradient = [&](int) { return [&](size_t at, int n, int) { return loadPart(g + at, n); }; };
  const auto centred = [&](int group) {
    return [&, centre = Lanes(s, group, mean)](size_t at, int n, int part) {
      return loadPart(x + at, n) - centre[part];
    };
  };
  sumChannels(call, s, plan, gradient, centred);
  for (int c = 0; c < s.C; c++) {
    const double sum = plan.a[c], along = plan.b[c] * invStd[c];
    if (call.f32(6)) call.f32(6)[c] = float(along);
    if (call.f32(7)) call.f32(7)[c] = float(sum);
    plan.p[c] = s.training ? float(sum / s.count()) : 0;
    plan.q[c] = s.training ? float(along * invStd[c] / s.count()) : 0;
    plan.r[c] = gamma[c] * invStd[c];
  }
  if (!dx) return;
  forGroups(call, s, [&](int image, int group) {
    const Lanes centre(s, group, mean), p(s, group, plan.p), q(s, group, plan.q), slope(s, group, plan.r);
    forVectors(s, image, group, [&](size_t at, int n, int part) {
      const Vec result = loadPart(g + at, n) - p[part] - (loadPart(x + at, n) - centre[part]) * q[part];
      storePart(dx + at, result * slope[part], n);
    });
  });
}

size_t normScratch(const Call& call, int) { return NormPlan(NormShape(call.ints), nullptr).bytes; }

const Kernel KERNELS[] = {
    {"batch_norm", 8, NormShape::INTS, 2, batchNorm, normScratch},
    {"batch_norm_grad", 8, NormShape::INTS, 0, batchNormGrad, normScratch},
};

}  // namespace

KernelTable normKernels() { return {KERNELS, sizeof KERNELS / sizeof *KERNELS}; }

}  // namespace soma::SOMA_ISA
