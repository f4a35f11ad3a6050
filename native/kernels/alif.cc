// Adaptive neurons whose thresholds a batch shares (src/ops/alif.ts), on blocked maps, and suppression by their spikes.
//
// Forward, a task is a row of a block of channels: all images and steps of a pixel are walked together, because each
// step's threshold follows from how many images fired in the one before. Backward the thresholds are known, and a task is
// a block of an image. Every operation rounds as in the reference.
//   ints of alif and alif_grad: [T, N, C, H, W, cumulative, adapts, surrogate]
//   floats: [tau, threshold, 1 / tau of a, step of a, parameter and scale of the surrogate]
#include <cstring>
#include "../kernel.h"
#include "../simd.h"
#include "scratch.h"
#include "surrogate.h"
#include "tables.h"

namespace soma::SOMA_ISA {
namespace {

struct AlifShape {
  static constexpr int INTS = 8, FLOATS = 6;

  int T, N, C, H, W;
  bool cumulative, adapts;
  int groups;
  size_t plane, image;  // pixels of a map; pixels of all blocks of an image

  explicit AlifShape(const int32_t* i)
      : T(i[0]), N(i[1]), C(i[2]), H(i[3]), W(i[4]), cumulative(i[5]), adapts(i[6]), groups(blocks(C)),
        plane(size_t(H) * W), image(size_t(blocks(C)) * plane) {}

  int tasks() const { return groups * H; }
  // Pixel of a block within an image, and that of image n at time t.
  size_t place(int group, int row, int column) const { return group * plane + size_t(row) * W + column; }
  size_t at(int t, int n, size_t place) const { return (size_t(t) * N + n) * image + place; }
  int filled(int group) const { return smaller(LANES, C - group * LANES); }
};

// Pixels of a row that are walked together: what memory is read and written then lies side by side, and none waits for
// another's recursion.
constexpr int TOGETHER = 4;

// Calls walk.operator()<K>(column) for K columns each.
template <class Walk>
void forColumns(const AlifShape& s, const Walk& walk) {
  int column = 0;
  for (; column + TOGETHER <= s.W; column += TOGETHER) walk.template operator()<TOGETHER>(column);
  for (; column < s.W; column++) walk.template operator()<1>(column);
}

// One register of K pixels.
template <int K>
using Pixels = Vec[K];

struct Alif {
  const Call& call;
  const AlifShape s;
  const float* current;
  const Vec tau, base, rate, drawnTo;

  explicit Alif(const Call& call)
      : call(call), s(call.ints), current(call.f32(0)), tau(broadcast(call.floats[0])), base(broadcast(call.floats[1])),
        rate(broadcast(call.floats[2])), drawnTo(broadcast(call.floats[3])) {}

  // Part `part` of K pixels of all images and steps; `membrane` holds N * K registers.
  template <int K>
  void walk(int group, int row, int column, int part, float* membrane) const {
    const size_t place = s.place(group, row, column), inPlane = size_t(row) * s.W + column;
    const int filled = s.filled(group), lane = part * VL, count = smaller(VL, filled - lane);
    const unsigned real = ((1u << filled) - 1) >> lane & ((1u << VL) - 1);
    float* adaptation = call.f32(1) + (size_t(group) * LANES + lane) * s.plane + inPlane;
    Pixels<K> a, threshold;
    for (int k = 0; k < K; k++) {
      a[k] = gather(adaptation + k, s.plane, count);
      threshold[k] = s.cumulative ? base : base + a[k];
    }
    std::memset(membrane, 0, size_t(s.N) * K * VL * sizeof *membrane);
    for (int t = 0; t < s.T; t++) {
      Pixels<K> fired = {};
      for (int n = 0; n < s.N; n++) {
        const size_t at = s.at(t, n, place);
        float* state = membrane + size_t(n) * K * VL;
#pragma GCC unroll 4
        for (int k = 0; k < K; k++) {
          const Vec U = tau * load(state + k * VL) + load(current + (at + k) * LANES + lane);
          const VecI spike = U > threshold[k];
          fired[k] += select(spike, broadcast(1), Vec{});
          store(state + k * VL, select(spike, Vec{}, U));
          const unsigned spikes = greaterBits(U, threshold[k]) & real;
          uint16_t* word = call.spikes(2) + at + k;
          *word = uint16_t(lane == 0 ? spikes : *word | spikes << lane);
        }
      }
      for (int k = 0; k < K; k++) {
        store(call.f32(3) + (size_t(t) * s.image + place + k) * LANES + lane, keepBits(real, threshold[k]));
        if (s.adapts) a[k] += rate * (drawnTo * (fired[k] / float(s.N)) - a[k]);
        threshold[k] = (s.cumulative ? threshold[k] : base) + a[k];
      }
    }
    if (!s.adapts) return;
    for (int k = 0; k < K; k++)
      for (int l = 0; l < count; l++) adaptation[l * s.plane + k] = a[k][l];
  }

  // Values of `count` channels of a pixel in a plain [C][H][W]; lanes beyond get zero.
  static Vec gather(const float* plain, size_t plane, int count) {
    Vec v{};
    for (int l = 0; l < count; l++) v[l] = plain[l * plane];
    return v;
  }
};

// [current, a, spikes, thresholds]
void alif(const Call& call) {
  const Alif neurons(call);
  const AlifShape& s = neurons.s;
  call.pool->run(s.tasks(), [&](int task, int thread) {
    float* membrane = reinterpret_cast<float*>(call.scratch) + size_t(thread) * s.N * TOGETHER * VL;
    forColumns(s, [&]<int K>(int column) {
      for (int part = 0; part < PARTS; part++) neurons.walk<K>(task / s.H, task % s.H, column, part, membrane);
    });
  });
}
size_t alifScratch(const Call& call, int threads) {
  return size_t(threads) * AlifShape(call.ints).N * TOGETHER * VL * sizeof(float);
}

struct AlifBackward {
  const AlifShape s;
  const float *current, *thresholds, *g;
  float* dx;
  const Vec tau;
  const Surrogate surrogate;

  explicit AlifBackward(const Call& call)
      : s(call.ints), current(call.f32(0)), thresholds(call.f32(1)), g(call.f32(2)), dx(call.f32(3)),
        tau(broadcast(call.floats[0])), surrogate{call.ints[7], call.floats[4], call.floats[5]} {}

  // Part `part` of K pixels of image n; `history` holds T * K registers.
  template <int K>
  void walk(int group, int row, int column, int n, int part, float* history) const {
    const size_t place = s.place(group, row, column);
    const int lane = part * VL;
    const unsigned real = ((1u << s.filled(group)) - 1) >> lane & ((1u << VL) - 1);
    const auto thresholdAt = [&](int t, int k) {
      return load(thresholds + (size_t(t) * s.image + place + k) * LANES + lane);
    };
    Pixels<K> carried = {};  // the membrane, then its gradient
    for (int t = 0; t < s.T; t++)
#pragma GCC unroll 4
      for (int k = 0; k < K; k++) {
        const Vec U = tau * carried[k] + load(current + (s.at(t, n, place) + k) * LANES + lane);
        store(history + (t * K + k) * VL, U);
        carried[k] = select(U > thresholdAt(t, k), Vec{}, U);
      }
    for (int k = 0; k < K; k++) carried[k] = Vec{};
    for (int t = s.T - 1; t >= 0; t--) {
      const size_t at = s.at(t, n, place) * LANES + lane;
      Pixels<K> slope, kept;
#pragma GCC unroll 4
      for (int k = 0; k < K; k++) {
        slope[k] = load(history + (t * K + k) * VL) - thresholdAt(t, k);
        kept[k] = select(slope[k] > Vec{}, Vec{}, carried[k]);
      }
      surrogate.replace(slope);
#pragma GCC unroll 4
      for (int k = 0; k < K; k++) {
        const Vec total = load(g + at + k * LANES) * slope[k] + kept[k];
        store(dx + at + k * LANES, keepBits(real, total));
        carried[k] = tau * total;
      }
    }
  }
};

// [current, thresholds, gradient of the spikes, gradient of the current]
void alifGrad(const Call& call) {
  const AlifBackward neurons(call);
  const AlifShape& s = neurons.s;
  call.pool->run(s.groups * s.N, [&](int task, int thread) {
    float* history = reinterpret_cast<float*>(call.scratch) + size_t(thread) * s.T * TOGETHER * VL;
    for (int row = 0; row < s.H; row++)
      forColumns(s, [&]<int K>(int column) {
        for (int part = 0; part < PARTS; part++)
          neurons.walk<K>(task / s.N, row, column, task % s.N, part, history);
      });
  });
}
size_t alifGradScratch(const Call& call, int threads) {
  return size_t(threads) * AlifShape(call.ints).T * TOGETHER * VL * sizeof(float);
}

// [x, spikes, y]; ints: [T, N, C, H, W, x has time]
void suppress(const Call& call) {
  const int T = call.ints[0], N = call.ints[1], C = call.ints[2];
  const size_t pixels = size_t(call.ints[3]) * call.ints[4];
  const bool timed = call.ints[5];
  call.pool->run(T * N, [&](int image, int) {
    const uint16_t* spikes = call.spikes(1) + size_t(image) * blocks(C) * pixels;
    const size_t source = size_t(timed ? image : image % N);
    if (!isBlocked(C)) {
      const float* x = call.f32(0) + source * C * pixels;
      float* y = call.f32(2) + size_t(image) * C * pixels;
      for (int c = 0; c < C; c++)
        for (size_t p = 0; p < pixels; p++) y[c * pixels + p] = spikes[p] >> c & 1 ? 0 : x[c * pixels + p];
      return;
    }
    const size_t words = blocks(C) * pixels;
    const float* x = call.f32(0) + source * words * LANES;
    float* y = call.f32(2) + size_t(image) * words * LANES;
    for (size_t w = 0; w < words; w++)
      for (int k = 0; k < PARTS; k++) {
        const size_t at = w * LANES + k * VL;
        store(y + at, keepBits(~(unsigned(spikes[w]) >> (k * VL)) & ((1u << VL) - 1), load(x + at)));
      }
  });
}

const Kernel KERNELS[] = {
    {"alif", 4, AlifShape::INTS, AlifShape::FLOATS, alif, alifScratch},
    {"alif_grad", 4, AlifShape::INTS, AlifShape::FLOATS, alifGrad, alifGradScratch},
    {"suppress", 3, 6, 0, suppress, nullptr},
};

}  // namespace

KernelTable alifKernels() { return {KERNELS, sizeof KERNELS / sizeof *KERNELS}; }

}  // namespace soma::SOMA_ISA
