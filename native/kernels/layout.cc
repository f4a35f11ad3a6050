// Moving elements between layouts: casts of spikes, reshapes, and the copies that concatenation and slicing
// are made of.
#include <algorithm>
#include <cstring>
#include "../kernel.h"
#include "../simd.h"
#include "scratch.h"
#include "tables.h"

namespace soma::SOMA_ISA {
namespace {

// ints: [cache lines]
void zero(const Call& call) {
  constexpr int LINES = 1 << 10;
  const int lines = call.ints[0];
  call.pool->run(divideUp(lines, LINES), [&](int task, int) {
    const size_t from = size_t(task) * LINES, to = std::min(from + LINES, size_t(lines));
    std::memset(static_cast<char*>(call.buffers[0]) + from * 64, 0, (to - from) * 64);
  });
}

// The same bytes elsewhere; ints: [cache lines]
void move(const Call& call) {
  constexpr int LINES = 1 << 10;
  const int lines = call.ints[0];
  call.pool->run(divideUp(lines, LINES), [&](int task, int) {
    const size_t from = size_t(task) * LINES, to = std::min(from + LINES, size_t(lines));
    std::memcpy(static_cast<char*>(call.buffers[1]) + from * 64, static_cast<char*>(call.buffers[0]) + from * 64,
                (to - from) * 64);
  });
}

// How one side of a copy lies: strides of n, channel block, lane, h and w, after `base`; its channels start
// at `firstC`. Where channels are not blocked the block's stride is 16 times the lane's.
struct Side {
  ptrdiff_t base, n, block, lane, h, w;
  int firstC;

  explicit Side(const int32_t* i) : base(i[0]), n(i[1]), block(i[2]), lane(i[3]), h(i[4]), w(i[5]), firstC(i[6]) {}
  ptrdiff_t channel(int c) const { return (firstC + c) / LANES * block + (firstC + c) % LANES * lane; }
  bool blocked() const { return lane == 1 && firstC % LANES == 0; }
  // Whether 16 channels from a multiple of 16 on are one lane's stride apart.
  bool even() const { return blocked() || block == LANES * lane; }
};

// One pixel's channels, `lanes` of them.
inline void copyPixel(const float* x, ptrdiff_t xLane, float* y, ptrdiff_t yLane, int lanes) {
  if (lanes == LANES && xLane == 1 && yLane == 1) return storeBlock(y, loadBlock(x));
  for (int l = 0; l < lanes; l++) y[l * yLane] = x[l * xLane];
}

// Copies a region of n × C × h × w elements; ints: [n, C, h, w, 7 of the source, 7 of the target]. Works on 16
// channels at a time where these are one block on a side and evenly spaced on the other.
void copy(const Call& call) {
  const int n = call.ints[0], C = call.ints[1], H = call.ints[2], W = call.ints[3];
  const Side from(call.ints + 4), to(call.ints + 11);
  const float* x = call.f32(0);
  float* y = call.f32(1);
  const bool wide = (from.blocked() && to.even()) || (to.blocked() && from.even());
  const int width = wide ? LANES : 1, groups = divideUp(C, width);
  const int perTask = std::max(1, (1 << 13) / std::max(1, H * W * width));
  call.pool->run(divideUp(n * groups, perTask), [&](int task, int) {
    for (int unit = task * perTask; unit < smaller(n * groups, (task + 1) * perTask); unit++) {
      const int image = unit / groups, c = unit % groups * width;
      const float* px = x + from.base + image * from.n + from.channel(c);
      float* py = y + to.base + image * to.n + to.channel(c);
      const int lanes = smaller(width, C - c);
      for (int h = 0; h < H; h++) {
        if (!wide && from.w == 1 && to.w == 1) {
          std::memcpy(py + h * to.h, px + h * from.h, size_t(W) * sizeof(float));
          continue;
        }
        for (int w = 0; w < W; w++)
          copyPixel(px + h * from.h + w * from.w, from.lane, py + h * to.h + w * to.w, to.lane, lanes);
      }
    }
  });
}

// A tensor of [T][N][C][H][W] logical elements.
struct Map {
  size_t N, C, H, W;
  explicit Map(const int32_t* i) : N(size_t(i[0])), C(size_t(i[1])), H(size_t(i[2])), W(size_t(i[3])) {}
  size_t elements() const { return N * C * H * W; }
  size_t plane() const { return H * W; }
  size_t channelBlocks() const { return size_t(blocks(int(C))); }
};

// Element of logical index e within one time step: its (block, pixel) word and its lane.
struct Place {
  size_t word;
  unsigned lane;
};
Place placeOf(const Map& m, size_t e) {
  const size_t pixel = e % m.plane(), c = e / m.plane() % m.C, n = e / m.plane() / m.C;
  return {(n * m.channelBlocks() + c / LANES) * m.plane() + pixel, unsigned(c % LANES)};
}

// Blocked map to blocked map of another shape; ints: [T, source N C H W, target N C H W].
void reshapeMap(const Call& call) {
  const Map from(call.ints + 1), to(call.ints + 5);
  const size_t sourceStep = from.N * from.channelBlocks() * from.plane() * LANES;
  const size_t words = to.N * to.channelBlocks() * to.plane();
  call.pool->run(call.ints[0] * int(to.N), [&](int task, int) {
    const size_t perImage = words / to.N, t = size_t(task) / to.N, n = size_t(task) % to.N;
    const float* x = call.f32(0) + t * sourceStep;
    for (size_t word = n * perImage; word < (n + 1) * perImage; word++) {
      float* y = call.f32(1) + (t * words + word) * LANES;
      const size_t pixel = word % to.plane(), block = word / to.plane() % to.channelBlocks();
      for (size_t l = 0; l < LANES; l++) {
        const size_t c = block * LANES + l;
        const Place at = placeOf(from, (n * to.C + c) * to.plane() + pixel);
        y[l] = c < to.C ? x[at.word * LANES + at.lane] : 0;
      }
    }
  });
}

// The same for spikes; rows of F features are maps of F channels and one pixel.
void reshapeSpike(const Call& call) {
  const Map from(call.ints + 1), to(call.ints + 5);
  const size_t sourceStep = from.N * from.channelBlocks() * from.plane();
  const size_t words = to.N * to.channelBlocks() * to.plane();
  call.pool->run(call.ints[0] * int(to.N), [&](int task, int) {
    const size_t perImage = words / to.N, t = size_t(task) / to.N, n = size_t(task) % to.N;
    const uint16_t* x = call.spikes(0) + t * sourceStep;
    for (size_t word = n * perImage; word < (n + 1) * perImage; word++) {
      const size_t pixel = word % to.plane(), block = word / to.plane() % to.channelBlocks();
      unsigned bits = 0;
      for (size_t l = 0; l < LANES && block * LANES + l < to.C; l++) {
        const Place at = placeOf(from, (n * to.C + block * LANES + l) * to.plane() + pixel);
        bits |= unsigned(x[at.word] >> at.lane & 1) << l;
      }
      call.spikes(1)[t * words + word] = uint16_t(bits);
    }
  });
}

// Spikes as floats; ints: [TN, C, HW, rows]. Rows are [TN][C] without padding (HW is 1).
void cast(const Call& call) {
  const int images = call.ints[0], C = call.ints[1], HW = call.ints[2];
  const bool rows = call.ints[3], blocked = !rows && isBlocked(C);
  const int wordsPerImage = blocks(C) * HW;
  const int perTask = std::max(1, 512 / std::max(1, wordsPerImage));
  call.pool->run(divideUp(images, perTask), [&](int task, int) {
    for (int n = task * perTask; n < smaller(images, (task + 1) * perTask); n++) {
      const uint16_t* x = call.spikes(0) + size_t(n) * wordsPerImage;
      if (blocked) {
        float* y = call.f32(1) + size_t(n) * wordsPerImage * LANES;
        for (int i = 0; i < wordsPerImage; i++)
          for (int k = 0; k < PARTS; k++)
            store(y + i * LANES + k * VL, spikesAsFloats(x[i], k));
        continue;
      }
      float* y = call.f32(1) + size_t(n) * C * HW;
      for (int c = 0; c < C; c++)
        for (int p = 0; p < HW; p++) y[size_t(c) * HW + p] = float(x[c / LANES * HW + p] >> (c % LANES) & 1);
    }
  });
}

const Kernel KERNELS[] = {
    {"zero", 1, 1, 0, zero, nullptr},
    {"move", 2, 1, 0, move, nullptr},
    {"copy", 2, 18, 0, copy, nullptr},
    {"reshape_map", 2, 9, 0, reshapeMap, nullptr},
    {"reshape_spike", 2, 9, 0, reshapeSpike, nullptr},
    {"cast", 2, 4, 0, cast, nullptr},
};

}  // namespace

KernelTable layoutKernels() { return {KERNELS, sizeof KERNELS / sizeof *KERNELS}; }

}  // namespace soma::SOMA_ISA
