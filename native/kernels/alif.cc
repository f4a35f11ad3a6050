// Adaptive neurons whose thresholds a batch shares (src/ops/alif.ts), on blocked maps, and suppression by their spikes.
//
// A task is a row of a block of channels: all images and steps of a pixel are walked together, because each step's
// threshold follows from how many images fired in the one before. Every operation rounds as in the reference.
//   ints of alif and alif_grad: [T, N, C, H, W, cumulative, adapts, surrogate]
//   floats: [tau, threshold, 1 / tau of a, step of a, parameter and scale of the surrogate]
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

// Values of `count` channels of a pixel in a plain [C][H][W]; lanes beyond get `rest`.
Block gather(const float* plain, size_t plane, int count, float rest) {
  float lane[LANES];
  for (int l = 0; l < LANES; l++) lane[l] = l < count ? plain[l * plane] : rest;
  return loadBlock(lane);
}

// [current, a, spikes, thresholds]
void alif(const Call& call) {
  const AlifShape s(call.ints);
  const float *floats = call.floats, *current = call.f32(0);
  const Vec tau = broadcast(floats[0]), base = broadcast(floats[1]), rate = broadcast(floats[2]), drawnTo = broadcast(floats[3]);
  call.pool->run(s.tasks(), [&](int task, int thread) {
    Block* membrane = reinterpret_cast<Block*>(call.scratch) + size_t(thread) * s.N;
    const int group = task / s.H, row = task % s.H, filled = s.filled(group);
    const unsigned real = (1u << filled) - 1;
    for (int column = 0; column < s.W; column++) {
      const size_t place = s.place(group, row, column), inPlane = size_t(row) * s.W + column;
      float* adaptation = call.f32(1) + size_t(group) * LANES * s.plane + inPlane;
      Block a = gather(adaptation, s.plane, filled, 0), threshold;
      for (int k = 0; k < PARTS; k++) threshold.part[k] = s.cumulative ? base : base + a.part[k];
      for (int n = 0; n < s.N; n++) membrane[n] = Block{};
      for (int t = 0; t < s.T; t++) {
        Block fired{};
        for (int n = 0; n < s.N; n++) {
          const size_t at = s.at(t, n, place);
          unsigned word = 0;
          for (int k = 0; k < PARTS; k++) {
            const Vec U = tau * membrane[n].part[k] + load(current + at * LANES + k * VL);
            const VecI spike = U > threshold.part[k];
            word |= greaterBits(U, threshold.part[k]) << (k * VL);
            fired.part[k] += select(spike, broadcast(1), Vec{});
            membrane[n].part[k] = select(spike, Vec{}, U);
          }
          call.spikes(2)[at] = uint16_t(word & real);
        }
        for (int k = 0; k < PARTS; k++) {
          const unsigned lanes = real >> (k * VL) & ((1u << VL) - 1);
          store(call.f32(3) + (size_t(t) * s.image + place) * LANES + k * VL, keepBits(lanes, threshold.part[k]));
          if (s.adapts) a.part[k] += rate * (drawnTo * (fired.part[k] / float(s.N)) - a.part[k]);
          threshold.part[k] = (s.cumulative ? threshold.part[k] : base) + a.part[k];
        }
      }
      if (!s.adapts) continue;
      float lane[LANES];
      storeBlock(lane, a);
      for (int l = 0; l < filled; l++) adaptation[l * s.plane] = lane[l];
    }
  });
}
size_t alifScratch(const Call& call, int threads) { return size_t(threads) * AlifShape(call.ints).N * sizeof(Block); }

// [current, thresholds, gradient of the spikes, gradient of the current]
void alifGrad(const Call& call) {
  const AlifShape s(call.ints);
  const float *current = call.f32(0), *thresholds = call.f32(1), *g = call.f32(2);
  float* dx = call.f32(3);
  const Vec tau = broadcast(call.floats[0]);
  const Surrogate surrogate{call.ints[7], call.floats[4], call.floats[5]};
  call.pool->run(s.tasks(), [&](int task, int thread) {
    Block* history = reinterpret_cast<Block*>(call.scratch) + size_t(thread) * s.T;
    const int group = task / s.H, row = task % s.H;
    const unsigned real = (1u << s.filled(group)) - 1;
    for (int n = 0; n < s.N; n++)
      for (int column = 0; column < s.W; column++) {
        const size_t place = s.place(group, row, column);
        const auto thresholdAt = [&](int t, int k) { return load(thresholds + (size_t(t) * s.image + place) * LANES + k * VL); };
        Block V{};
        for (int t = 0; t < s.T; t++)
          for (int k = 0; k < PARTS; k++) {
            const Vec U = tau * V.part[k] + load(current + s.at(t, n, place) * LANES + k * VL);
            history[t].part[k] = U;
            V.part[k] = select(U > thresholdAt(t, k), Vec{}, U);
          }
        Block carried{};
        for (int t = s.T - 1; t >= 0; t--)
          for (int k = 0; k < PARTS; k++) {
            const size_t at = s.at(t, n, place) * LANES + k * VL;
            const Vec above = history[t].part[k] - thresholdAt(t, k);
            const Vec kept = select(above > Vec{}, Vec{}, carried.part[k]);
            Vec slope[] = {above};
            surrogate.replace(slope);
            const Vec total = load(g + at) * slope[0] + kept;
            store(dx + at, keepBits(real >> (k * VL) & ((1u << VL) - 1), total));
            carried.part[k] = tau * total;
          }
      }
  });
}
size_t alifGradScratch(const Call& call, int threads) { return size_t(threads) * AlifShape(call.ints).T * sizeof(Block); }

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
