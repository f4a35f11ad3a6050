// Min-max normalisation of each map, and its gradient: src/ops/min-max.ts. On blocked maps; a task is a block of an image.
//   ints: [images, C, pixels, inverted]; floats: [eps]
#include "../kernel.h"
#include "../simd.h"
#include "scratch.h"
#include "tables.h"

namespace soma::SOMA_ISA {
namespace {

struct MinMaxShape {
  int images, C, pixels;
  bool inverted;
  float eps;

  explicit MinMaxShape(const Call& call)
      : images(call.ints[0]), C(call.ints[1]), pixels(call.ints[2]), inverted(call.ints[3]), eps(call.floats[0]) {}

  int tasks() const { return images * blocks(C); }
  size_t first(int task) const { return size_t(task) * pixels * LANES; }
  // Lanes that are channels, as bits of register k.
  unsigned real(int task, int k) const {
    const int filled = smaller(LANES, C - task % blocks(C) * LANES);
    return ((1u << filled) - 1) >> (k * VL) & ((1u << VL) - 1);
  }
};

struct Extremes {
  Vec low, high;
};

Extremes extremes(const MinMaxShape& s, const float* x) {
  Extremes e{load(x), load(x)};
  for (int p = 1; p < s.pixels; p++) {
    const Vec v = load(x + size_t(p) * LANES);
    e.low = select(v < e.low, v, e.low);
    e.high = select(v > e.high, v, e.high);
  }
  return e;
}

// [x, y]
void minMax(const Call& call) {
  const MinMaxShape s(call);
  call.pool->run(s.tasks(), [&](int task, int) {
    for (int k = 0; k < PARTS; k++) {
      const float* x = call.f32(0) + s.first(task) + k * VL;
      float* y = call.f32(1) + s.first(task) + k * VL;
      const Extremes e = extremes(s, x);
      const Vec range = e.high - e.low + broadcast(s.eps);
      const unsigned real = s.real(task, k);
      for (int p = 0; p < s.pixels; p++) {
        const Vec share = (load(x + size_t(p) * LANES) - e.low) / range;
        store(y + size_t(p) * LANES, keepBits(real, s.inverted ? broadcast(1) - share : share));
      }
    }
  });
}

// Where each lane first met a value: bit l of `open` is a lane that has not yet.
struct FirstMet {
  unsigned open;
  int place[VL] = {};

  void meet(Vec x, Vec value, int p) {
    const Vec same = select(x == value, broadcast(1), Vec{});
    for (unsigned met = open & nonzeroBits(same); met != 0; met &= met - 1) {
      const int lane = __builtin_ctz(met);
      place[lane] = p;
      open &= ~(1u << lane);
    }
  }
};

// [x, g, dx]
void minMaxGrad(const Call& call) {
  const MinMaxShape s(call);
  call.pool->run(s.tasks(), [&](int task, int) {
    for (int k = 0; k < PARTS; k++) {
      const float *x = call.f32(0) + s.first(task) + k * VL, *g = call.f32(1) + s.first(task) + k * VL;
      float* dx = call.f32(2) + s.first(task) + k * VL;
      const Extremes e = extremes(s, x);
      const Vec range = e.high - e.low + broadcast(s.eps), sign = broadcast(s.inverted ? -1 : 1);
      const unsigned real = s.real(task, k);
      DVec sum[2] = {}, moment[2] = {};
      FirstMet low{real}, high{real};
      for (int p = 0; p < s.pixels; p++) {
        const Vec value = load(x + size_t(p) * LANES), gradient = load(g + size_t(p) * LANES);
        float above[VL];
        store(above, value - e.low);
        store(dx + size_t(p) * LANES, keepBits(real, sign * gradient / range));
        for (int half = 0; half < 2; half++) {
          const DVec wide = loadAsDoubles(g + size_t(p) * LANES + half * (VL / 2));
          sum[half] += wide;
          moment[half] += wide * loadAsDoubles(above + half * (VL / 2));
        }
        low.meet(value, e.low, p);
        high.meet(value, e.high, p);
      }
      for (int l = 0; l < VL; l++) {
        if (!(real >> l & 1)) continue;
        const double width = range[l], turned = s.inverted ? -1 : 1;
        const double total = sum[l / (VL / 2)][l % (VL / 2)];
        const double share = moment[l / (VL / 2)][l % (VL / 2)] / (width * width);
        dx[size_t(low.place[l]) * LANES + l] += float(turned * (share - total / width));
        dx[size_t(high.place[l]) * LANES + l] -= float(turned * share);
      }
    }
  });
}

const Kernel KERNELS[] = {
    {"min_max", 2, 4, 1, minMax, nullptr},
    {"min_max_grad", 3, 4, 1, minMaxGrad, nullptr},
};

}  // namespace

KernelTable minMaxKernels() { return {KERNELS, sizeof KERNELS / sizeof *KERNELS}; }

}  // namespace soma::SOMA_ISA
