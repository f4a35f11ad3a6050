// What draws random numbers or turns images into spike trains: dropout, rate and latency coding.
//
// A random number is a hash of (seed, step, stream, element), as in src/ops/noise.ts; `element` is the
// logical index, NCHW with time outermost, whatever the layout. Integers wrap at 32 bits.
#include <algorithm>
#include <cmath>
#include "../kernel.h"
#include "../simd.h"
#include "scratch.h"
#include "tables.h"

namespace soma::SOMA_ISA {
namespace {

typedef uint32_t VecU32 __attribute__((vector_size(SOMA_VEC_BYTES), may_alias));

template <class U>
inline U mix(U h) {
  h = (h ^ (h >> 16)) * 0x21f0aaadu;
  h = (h ^ (h >> 15)) * 0x735a2d97u;
  return h ^ (h >> 15);
}

struct Noise {
  uint32_t key;
  Noise(const int32_t* seedAndStep, int32_t stream)
      : key(mix(uint32_t(seedAndStep[0]) ^ mix(uint32_t(seedAndStep[1]) + mix(uint32_t(stream))))) {}

  // A uniform 24-bit integer for each element.
  VecI draw(VecU32 element) const { return VecI(mix(mix(element ^ key) + key) >> 8); }
};

// 0, step, 2·step, …
inline VecU32 multiples(uint32_t step) {
  VecU32 v;
  for (int l = 0; l < VL; l++) v[l] = uint32_t(l) * step;
  return v;
}

// A map or rows: [images][C][HW] logical elements. Rows have HW 1 and lie without padding.
struct RandomShape {
  int images, C, HW;
  bool rows, blocked;

  explicit RandomShape(const int32_t* i)
      : images(i[0]), C(i[1]), HW(i[2]), rows(i[3]), blocked(!rows && isBlocked(C)) {}
  size_t elements() const { return size_t(C) * HW; }
};

// Calls body(offset, elements, lanes) for each register: of a blocked map, whose lanes are channels; else of one
// line, elements in the order in which they lie.
template <class Body>
void forVectors(const Call& call, const RandomShape& s, const Body& body) {
  if (!s.blocked) {
    constexpr size_t PIECE = 1 << 12;
    const size_t total = size_t(s.images) * s.elements();
    const VecU32 lane = multiples(1);
    call.pool->run(int((total + PIECE - 1) / PIECE), [&](int task, int) {
      const size_t end = std::min(total, (size_t(task) + 1) * PIECE);
      for (size_t i = size_t(task) * PIECE; i < end; i += VL)
        body(i, lane + uint32_t(i), int(std::min<size_t>(VL, end - i)));
    });
    return;
  }
  const int groups = blocks(s.C);
  const VecU32 lane = multiples(uint32_t(s.HW));
  call.pool->run(s.images * groups, [&](int task, int) {
    const int image = task / groups, group = task % groups;
    const size_t at = size_t(task) * s.HW * LANES;
    const uint32_t first = uint32_t(size_t(image) * s.elements() + size_t(group) * LANES * s.HW);
    for (int p = 0; p < s.HW; p++)
      for (int part = 0; part < PARTS; part++) {
        const int lanes = std::clamp(s.C - group * LANES - part * VL, 0, VL);
        body(at + size_t(p) * LANES + part * VL, lane + (first + uint32_t(part * VL * s.HW + p)), lanes);
      }
  });
}

// ints: [TN, C, HW, rows, stream, limit]; floats: [scale]
void dropout(const Call& call) {
  const RandomShape s(call.ints);
  const Noise noise(call.i32(1), call.ints[4]);
  const VecI limit = call.ints[5] - VecI{};
  const Vec scale = broadcast(call.floats[0]);
  const float* x = call.f32(0);
  float* y = call.f32(2);
  forVectors(call, s, [&](size_t at, VecU32 elements, int lanes) {
    const VecI kept = noise.draw(elements) >= limit;
    // Lanes of a block that are no channels hold zero, and are written.
    const int held = s.blocked ? VL : lanes;
    storePart(y + at, select(kept, loadPart(x + at, held) * scale, Vec{}), held);
  });
}

// One word of spikes from 16 values of x, wherever they lie.
struct EncodeShape : RandomShape {
  int steps;
  explicit EncodeShape(const int32_t* i) : RandomShape(i), steps(i[4]) {}

  int wordsPerImage() const { return blocks(C) * HW; }
  size_t words() const { return size_t(images) * wordsPerImage(); }
  // Calls body(word, x of its first lane, stride of lanes in x, first logical element, lanes that exist).
  template <class Body>
  void forWords(const Call& call, const Body& body) const {
    constexpr size_t PIECE = 1 << 8;
    const float* x = call.f32(0);
    const ptrdiff_t lane = blocked || rows ? 1 : HW;
    call.pool->run(int((words() + PIECE - 1) / PIECE), [&](int task, int) {
      const size_t end = std::min(words(), (size_t(task) + 1) * PIECE);
      for (size_t word = size_t(task) * PIECE; word < end; word++) {
        const size_t image = word / wordsPerImage();
        const int group = int(word % wordsPerImage()) / HW, p = int(word % wordsPerImage()) % HW;
        const size_t element = image * elements() + size_t(group) * LANES * HW + p;
        body(word, x + (blocked ? word * LANES : element), lane, element, smaller(LANES, C - group * LANES));
      }
    });
  }
};

// S[t] = 1 with probability x; ints: [N, C, HW, rows, T, stream]
void rateEncode(const Call& call) {
  const EncodeShape s(call.ints);
  const Noise noise(call.i32(1), call.ints[5]);
  uint16_t* y = call.spikes(2);
  const VecU32 lane = multiples(uint32_t(s.HW));
  s.forWords(call, [&](size_t word, const float* x, ptrdiff_t stride, size_t element, int lanes) {
    // Integers of up to 24 bits are floats without rounding.
    float limit[LANES] = {};
    for (int l = 0; l < lanes; l++) {
      const float p = x[l * stride] > 0 ? std::min(x[l * stride], 1.0f) : 0;  // also where it is NaN
      limit[l] = float(std::floor(p * 0x1p24 + 0.5));
    }
    for (int t = 0; t < s.steps; t++) {
      const uint32_t first = uint32_t(size_t(t) * s.images * s.elements() + element);
      unsigned bits = 0;
      for (int part = 0; part < PARTS; part++) {
        const VecI draw = noise.draw(lane + (first + uint32_t(part * VL * s.HW)));
        bits |= greaterBits(load(limit + part * VL), __builtin_convertvector(draw, Vec)) << (part * VL);
      }
      y[size_t(t) * s.words() + word] = uint16_t(bits);
    }
  });
}

// One spike, the earlier the larger x; ints: [N, C, HW, rows, T]; floats: [threshold]
void latencyEncode(const Call& call) {
  const EncodeShape s(call.ints);
  const float threshold = call.floats[0];
  uint16_t* y = call.spikes(1);
  s.forWords(call, [&](size_t word, const float* x, ptrdiff_t stride, size_t, int lanes) {
    for (int t = 0; t < s.steps; t++) y[size_t(t) * s.words() + word] = 0;
    for (int l = 0; l < lanes; l++) {
      const float value = x[l * stride];
      if (!(value >= threshold)) continue;
      const float late = float(s.steps - 1) * (1 - value);
      const int step = int(std::clamp(std::floor(late + 0.5f), 0.0f, float(s.steps - 1)));
      y[size_t(step) * s.words() + word] |= uint16_t(1u << l);
    }
  });
}

const Kernel KERNELS[] = {
    {"dropout", 3, 6, 1, dropout, nullptr},
    {"rate_encode", 3, 6, 0, rateEncode, nullptr},
    {"latency_encode", 2, 5, 1, latencyEncode, nullptr},
};

}  // namespace

KernelTable randomKernels() { return {KERNELS, sizeof KERNELS / sizeof *KERNELS}; }

}  // namespace soma::SOMA_ISA
