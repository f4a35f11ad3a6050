// Spatial attention on blocked maps: mean and maximum over the channels of each pixel in one pass, and the gradients of
// that and of scaling every pixel by a number. Such numbers are stored [TN][H * W].
//   ints: [TN, C, H * W]
//
// A task takes some pixels of an image, block by block of channels: what it knows of them stays in its level 1 cache.
#include <limits>
#include "../kernel.h"
#include "../simd.h"
#include "parts.h"
#include "scratch.h"
#include "tables.h"

namespace soma::SOMA_ISA {
namespace {

constexpr int CHUNK = 64;  // pixels, a multiple of VL

struct PixelShape {
  static constexpr int INTS = 3;
  int images, C, pixels;

  explicit PixelShape(const int32_t* i) : images(i[0]), C(i[1]), pixels(i[2]) {}
};

// Pixels of an image: `count` of them from `first` on.
struct PixelChunk {
  const PixelShape& s;
  int image, first, count;

  // Where their 16 channels of a block lie.
  size_t maps(int block) const { return ((size_t(image) * blocks(s.C) + block) * s.pixels + first) * LANES; }
  // Where their numbers lie.
  size_t numbers() const { return size_t(image) * s.pixels + first; }
  int channels(int block) const { return smaller(LANES, s.C - block * LANES); }
};

template <class Body>
void forChunks(const Call& call, const PixelShape& s, const Body& body) {
  constexpr int TASK_FLOATS = 1 << 15;
  const int perImage = divideUp(s.pixels, CHUNK), chunks = s.images * perImage;
  const int chunkFloats = smaller(CHUNK, s.pixels) * blocks(s.C) * LANES;
  const int perTask = larger(1, TASK_FLOATS / larger(1, chunkFloats));
  call.pool->run(divideUp(chunks, perTask), [&](int task, int) {
    for (int i = task * perTask; i < smaller(chunks, (task + 1) * perTask); i++) {
      const int first = i % perImage * CHUNK;
      body(PixelChunk{s, i / perImage, first, smaller(CHUNK, s.pixels - first)});
    }
  });
}

// A register or two of each pixel of a chunk, over whose lanes something is summed up in the end.
struct Pixels {
  alignas(64) float at[CHUNK * LANES];

  void fill(int count, float value) {
    for (int i = 0; i < count * LANES; i += VL) store(at + i, broadcast(value));
  }
  // Combines the lanes of each pixel; take(pixel, VL results, how many of them there are).
  template <class Combine, class Take>
  void reduce(int count, const Combine& combine, const Take& take) const {
    for (int p = 0; p < count; p += VL) {
      Vec square[VL] = {};
      const int rows = smaller(VL, count - p);
      for (int r = 0; r < rows; r++) {
        const float* from = at + (p + r) * LANES;
        square[r] = load(from);
        for (int part = 1; part < PARTS; part++) square[r] = combine(square[r], load(from + part * VL));
      }
      transpose(square);
      for (int width = VL / 2; width > 0; width /= 2)
        for (int l = 0; l < width; l++) square[l] = combine(square[l], square[l + width]);
      take(p, square[0], rows);
    }
  }
};

Vec sumOf(Vec a, Vec b) { return a + b; }
Vec largestOf(Vec a, Vec b) { return select(b > a, b, a); }  // ignores a NaN in b

// Lanes of a register that are channels.
VecI channelLanes(int channels, int part) {
  VecI lanes{};
  for (int l = 0; l < VL; l++) lanes[l] = part * VL + l < channels ? -1 : 0;
  return lanes;
}

// [x, mean | null, maximum | null]
void pixelSummary(const Call& call) {
  const PixelShape s(call.ints);
  const float* const x = call.f32(0);
  float *const mean = call.f32(1), *const largest = call.f32(2);
  const Vec least = broadcast(-std::numeric_limits<float>::infinity());
  forChunks(call, s, [&](const PixelChunk& chunk) {
    Pixels sums, maxima;
    sums.fill(chunk.count, 0);
    maxima.fill(chunk.count, least[0]);
    inParts<4>(blocks(s.C), [&]<int BLOCKS>(int block) {
      const float* from[BLOCKS];
      VecI lanes[BLOCKS][PARTS];
      for (int b = 0; b < BLOCKS; b++) {
        from[b] = x + chunk.maps(block + b);
        for (int part = 0; part < PARTS; part++) lanes[b][part] = channelLanes(chunk.channels(block + b), part);
      }
      for (int i = 0; i < chunk.count * LANES; i += LANES)
        for (int part = 0; part < PARTS; part++) {
          const int at = i + part * VL;
          Vec sum = load(sums.at + at), maximum = load(maxima.at + at);
#pragma GCC unroll 4
          for (int b = 0; b < BLOCKS; b++) {
            const Vec v = load(from[b] + at);
            sum = sum + v;
            maximum = largestOf(maximum, select(lanes[b][part], v, least));
          }
          store(sums.at + at, sum);
          store(maxima.at + at, maximum);
        }
    });
    const size_t to = chunk.numbers();
    if (mean)
      sums.reduce(chunk.count, sumOf, [&](int p, Vec sum, int count) {
        storePart(mean + to + p, sum * broadcast(1.0f / float(s.C)), count);
      });
    if (largest)
      maxima.reduce(chunk.count, largestOf, [&](int p, Vec v, int count) { storePart(largest + to + p, v, count); });
  });
}

// The gradient of the scale: Σ x·g over channels. [x, g, sums]
void pixelDot(const Call& call) {
  const PixelShape s(call.ints);
  forChunks(call, s, [&](const PixelChunk& chunk) {
    Pixels sums;
    sums.fill(chunk.count, 0);
    for (int block = 0; block < blocks(s.C); block++) {
      const float *x = call.f32(0) + chunk.maps(block), *g = call.f32(1) + chunk.maps(block);
      for (int i = 0; i < chunk.count * LANES; i += VL)
        store(sums.at + i, fma(load(x + i), load(g + i), load(sums.at + i)));
    }
    sums.reduce(chunk.count, sumOf, [&](int p, Vec sum, int count) {
      storePart(call.f32(2) + chunk.numbers() + p, sum, count);
    });
  });
}

// [g | null, x | null, scale | null, offset | null, maximum | null, its gradient | null, dx]; floats: [factor]
//   dx = g·scale + factor·offset, and at the first channel that has the pixel's maximum its gradient besides
// x is what the maximum was taken of. dx may lie where g or x does.
template <bool LARGEST>
void pixelGradOf(const Call& call) {
  const PixelShape s(call.ints);
  const float *const g = call.f32(0), *const x = call.f32(1);
  float* const dx = call.f32(6);
  forChunks(call, s, [&](const PixelChunk& chunk) {
    const auto numbers = [&](int buffer) { return call.f32(buffer) ? call.f32(buffer) + chunk.numbers() : nullptr; };
    const float *const largest = numbers(4), *const ofLargest = numbers(5);
    float scale[CHUNK], offset[CHUNK];
    for (int p = 0; p < chunk.count; p++) {
      scale[p] = numbers(2) ? numbers(2)[p] : 1;
      offset[p] = numbers(3) ? numbers(3)[p] * call.floats[0] : 0;
    }
    uint64_t taken = 0;  // a bit is a pixel whose maximum has been met
    for (int block = 0; block < blocks(s.C); block++) {
      size_t at = chunk.maps(block);
      const unsigned channels = (1u << chunk.channels(block)) - 1;
      for (int p = 0; p < chunk.count; p++)
        for (int part = 0; part < PARTS; part++, at += VL) {
          const unsigned inside = channels >> part * VL & ((1ull << VL) - 1);
          Vec sum = keepBits(inside, broadcast(offset[p]));
          if (g) sum = fma(load(g + at), broadcast(scale[p]), sum);
          if (LARGEST) {
            const Vec same = select(load(x + at) == broadcast(largest[p]), broadcast(1), Vec{});
            unsigned bits = taken >> p & 1 ? 0 : nonzeroBits(same) & inside;
            bits &= 0u - bits;  // the first
            taken |= uint64_t(bits != 0) << p;
            sum = sum + keepBits(bits, broadcast(ofLargest[p]));
          }
          store(dx + at, sum);
        }
    }
  });
}

void pixelGrad(const Call& call) { (call.f32(4) ? pixelGradOf<true> : pixelGradOf<false>)(call); }

const Kernel KERNELS[] = {
    {"pixel_summary", 3, PixelShape::INTS, 0, pixelSummary, nullptr},
    {"pixel_dot", 3, PixelShape::INTS, 0, pixelDot, nullptr},
    {"pixel_grad", 7, PixelShape::INTS, 1, pixelGrad, nullptr},
};

}  // namespace

KernelTable pixelKernels() { return {KERNELS, sizeof KERNELS / sizeof *KERNELS}; }

}  // namespace soma::SOMA_ISA
