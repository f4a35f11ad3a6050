// Windowed pooling, any window, stride and padding: maximum of floats and of spikes, average, and their
// gradients. Gradients are gathered, pixel by pixel, from the windows that cover a pixel in their order.
//   ints: [TN, C, H, W, OH, OW, kh, kw, sh, sw, padTop, padLeft] (PoolShape)
// Lanes of a blocked map beyond C hold zero; they are pooled like others and written as zero.
#include <algorithm>
#include <limits>
#include <vector>
#include "../kernel.h"
#include "../simd.h"
#include "scratch.h"
#include "stream.h"
#include "tables.h"

namespace soma::SOMA_ISA {
namespace {

struct PoolShape {
  static constexpr int INTS = 12;
  int images, C, H, W, OH, OW, kh, kw, sh, sw, padTop, padLeft;
  bool blocked;
  int planes;  // of pixels: one a channel, or one a channel block

  explicit PoolShape(const int32_t* i)
      : images(i[0]), C(i[1]), H(i[2]), W(i[3]), OH(i[4]), OW(i[5]), kh(i[6]), kw(i[7]), sh(i[8]), sw(i[9]),
        padTop(i[10]), padLeft(i[11]), blocked(isBlocked(C)), planes(images * (blocked ? blocks(C) : C)) {}

  int lanesOf(int plane) const { return blocked ? smaller(LANES, C - plane % blocks(C) * LANES) : 1; }
};

// Positions a window may start or end at: those inside the map.
struct Range {
  int from, to;
};
inline Range windowRange(int out, int stride, int pad, int kernel, int size) {
  const int start = out * stride - pad;
  return {larger(0, start), smaller(size, start + kernel)};
}
// Windows that cover a position.
inline Range coveringWindows(int at, int stride, int pad, int kernel, int out) {
  const int last = (at + pad) / stride;
  const int first = at + pad - kernel + 1;
  return {first <= 0 ? 0 : divideUp(first, stride), smaller(out, last + 1)};
}

// Both, of all rows and columns, so that no pixel divides.
struct Ranges {
  std::vector<Range> rows, columns;

  static Ranges ofWindows(const PoolShape& s) {
    Ranges of;
    for (int i = 0; i < s.OH; i++) of.rows.push_back(windowRange(i, s.sh, s.padTop, s.kh, s.H));
    for (int j = 0; j < s.OW; j++) of.columns.push_back(windowRange(j, s.sw, s.padLeft, s.kw, s.W));
    return of;
  }
  static Ranges covering(const PoolShape& s) {
    Ranges of;
    for (int i = 0; i < s.H; i++) of.rows.push_back(coveringWindows(i, s.sh, s.padTop, s.kh, s.OH));
    for (int j = 0; j < s.W; j++) of.columns.push_back(coveringWindows(j, s.sw, s.padLeft, s.kw, s.OW));
    return of;
  }
};

// Calls body(row, column) for all of both ranges; the common 2x2 without a loop.
template <class Body>
inline void forWindow(const Range& rows, const Range& columns, const Body& body) {
  if (rows.to - rows.from == 2 && columns.to - columns.from == 2) {
    body(rows.from, columns.from);
    body(rows.from, columns.from + 1);
    body(rows.from + 1, columns.from);
    body(rows.from + 1, columns.from + 1);
    return;
  }
  for (int row = rows.from; row < rows.to; row++)
    for (int column = columns.from; column < columns.to; column++) body(row, column);
}

template <class Body>
void forPlanes(const Call& call, const PoolShape& s, int work, const Body& body) {
  const int perTask = std::max(1, (1 << 13) / std::max(1, work));
  call.pool->run(divideUp(s.planes, perTask), [&](int task, int) {
    for (int plane = task * perTask; plane < smaller(s.planes, (task + 1) * perTask); plane++) body(plane);
  });
}

// The maximum of each window and which of its elements it is: the first that is largest.
void maxPool(const Call& call) {
  const PoolShape s(call.ints);
  const int L = s.blocked ? LANES : 1;
  float* y = call.f32(1);
  uint8_t* argmax = call.u8(2);
  const bool largeWindow = s.kh * s.kw > 128;  // more than storeBytes holds
  const Ranges windows = Ranges::ofWindows(s);
  forPlanes(call, s, s.OH * s.OW * s.kh * s.kw * L, [&](int plane) {
    const float* x = call.f32(0) + size_t(plane) * s.H * s.W * L;
    const int lanes = s.lanesOf(plane);
    for (int i = 0; i < s.OH; i++)
      for (int j = 0; j < s.OW; j++) {
        const Range rows = windows.rows[i], columns = windows.columns[j];
        const size_t to = (size_t(plane) * s.OH * s.OW + size_t(i) * s.OW + j) * L;
        Vec best[PARTS];
        VecI index[PARTS] = {};
        for (Vec& v : best) v = broadcast(-std::numeric_limits<float>::infinity());
        forWindow(rows, columns, [&](int row, int column) {
          const float* pixel = x + (size_t(row) * s.W + column) * L;
          const int k = (row - i * s.sh + s.padTop) * s.kw + column - j * s.sw + s.padLeft;
          if (s.blocked) {
            for (int part = 0; part < PARTS; part++) {
              const Vec v = load(pixel + part * VL);
              const VecI greater = v > best[part];
              best[part] = select(greater, v, best[part]);
              index[part] = greater ? k - VecI{} : index[part];
            }
          } else if (*pixel > best[0][0]) {
            best[0][0] = *pixel;
            index[0][0] = k;
          }
        });
        if (!s.blocked) {
          if (y) y[to] = best[0][0];
          if (argmax) argmax[to] = uint8_t(index[0][0]);
          continue;
        }
        for (int l = lanes; l < LANES; l++) {
          best[l / VL][l % VL] = 0;
          index[l / VL][l % VL] = 0;
        }
        for (int part = 0; part < PARTS; part++) {
          if (y) store(y + to + part * VL, best[part]);
          if (argmax && largeWindow) {
            for (int l = 0; l < VL; l++) argmax[to + part * VL + l] = uint8_t(index[part][l]);
          } else if (argmax) {
            storeBytes(argmax + to + part * VL, index[part]);
          }
        }
      }
  });
}

// Spikes: a window fires if any of its elements does. Where none does, the first element inside the map is the maximum.
void maxPoolSpike(const Call& call) {
  const PoolShape s(call.ints);
  const int planes = s.images * blocks(s.C);
  uint16_t* y = call.spikes(1);
  uint8_t* argmax = call.u8(2);
  const int perTask = std::max(1, (1 << 13) / std::max(1, s.OH * s.OW * s.kh * s.kw));
  const Ranges windows = Ranges::ofWindows(s);
  call.pool->run(divideUp(planes, perTask), [&](int task, int) {
    for (int plane = task * perTask; plane < smaller(planes, (task + 1) * perTask); plane++) {
      const uint16_t* x = call.spikes(0) + size_t(plane) * s.H * s.W;
      const int image = plane / blocks(s.C), block = plane % blocks(s.C);
      const int lanes = smaller(LANES, s.C - block * LANES);
      const unsigned real = (1u << lanes) - 1;
      for (int i = 0; i < s.OH; i++) {
        for (int j = 0; j < s.OW; j++) {
          const Range rows = windows.rows[i], columns = windows.columns[j];
          const auto element = [&](int row, int column) {
            return (row - i * s.sh + s.padTop) * s.kw + column - j * s.sw + s.padLeft;
          };
          const bool empty = rows.from >= rows.to || columns.from >= columns.to;
          const int first = empty ? 0 : element(rows.from, columns.from);
          unsigned fired = 0;
          VecI beyond[PARTS] = {};  // the first
          forWindow(rows, columns, [&](int row, int column) {
            const unsigned word = x[size_t(row) * s.W + column], fresh = word & ~fired;
            for (int part = 0; argmax && part < PARTS; part++)
              beyond[part] |= maskOfBits(fresh >> (part * VL)) & (element(row, column) - first - VecI{});
            fired |= word;
          });
          const size_t pixel = size_t(i) * s.OW + j;
          if (y) y[size_t(plane) * s.OH * s.OW + pixel] = uint16_t(fired);
          if (!argmax) continue;
          uint8_t index[LANES];
          for (int part = 0; part < PARTS; part++)
            storeBytes(index + part * VL, maskOfBits(real >> (part * VL)) & (beyond[part] + first));
          if (s.blocked)
            std::memcpy(argmax + (size_t(plane) * s.OH * s.OW + pixel) * LANES, index, LANES);
          else
            for (int l = 0; l < lanes; l++) argmax[(size_t(image) * s.C + l) * s.OH * s.OW + pixel] = index[l];
        }
      }
    }
  });
}

inline void storeSum(float* to, const Block& sum) { storeBlock(to, sum); }
inline void storeSum(float* to, float sum) { *to = sum; }

// Gradient of a pool for one plane: each pixel gathers from the windows that cover it. `Sum` is Block for
// blocked maps, float for plain ones; add(sum, window, i, j, k) adds what the pixel gets from window (i, j),
// whose values start at `window`, where it is element k.
template <class Sum, class Add>
void gatherPlane(const PoolShape& s, const Ranges& covering, float* dx, const Add& add) {
  constexpr int L = sizeof(Sum) / sizeof(float);
  for (int row = 0; row < s.H; row++)
    for (int column = 0; column < s.W; column++) {
      const Range is = covering.rows[row], js = covering.columns[column];
      Sum sum{};
      forWindow(is, js, [&](int i, int j) {
        const int k = (row - i * s.sh + s.padTop) * s.kw + column - j * s.sw + s.padLeft;
        add(sum, (size_t(i) * s.OW + j) * L, i, j, k);
      });
      storeSum(dx + (size_t(row) * s.W + column) * L, sum);
    }
}

// 2x2 windows of a blocked map that begin at each pixel.
inline bool overlap(const PoolShape& s) {
  return s.blocked && s.kh == 2 && s.kw == 2 && s.sh == 1 && s.sw == 1 && s.padTop == 0 && s.padLeft == 0;
}

// The gradient of a maximum over such windows, for one row of pixels: of the windows ABOVE, in whose second row it is, and
// of those in whose first it is (BELOW). What a window gives to its right column waits in a register for the next pixel.
template <bool ABOVE, bool BELOW>
void gatherOverlapping(const PoolShape& s, int row, int part, const float* g, const uint8_t* argmax, bool streams, float* dx) {
  const int windows = smaller(s.OW, s.W);
  Vec fromAbove{}, fromBelow{};
  const auto take = [&](int i, int column, int k, Vec& sum, Vec& next) {
    const size_t at = (size_t(i) * s.OW + column) * LANES + part * VL;
    const Vec value = load(g + at);
    sum = sum + next + keepBits(equalBits(argmax + at, k), value);
    next = keepBits(equalBits(argmax + at, k + 1), value);
  };
  float* to = dx + size_t(row) * s.W * LANES + part * VL;
  for (int column = 0; column < windows; column++) {
    Vec sum{};
    if constexpr (ABOVE) take(row - 1, column, 2, sum, fromAbove);
    if constexpr (BELOW) take(row, column, 0, sum, fromBelow);
    if (streams)
      stream(to + column * LANES, sum);
    else
      store(to + column * LANES, sum);
  }
  for (int column = windows; column < s.W; column++) {
    store(to + column * LANES, fromAbove + fromBelow);
    fromAbove = fromBelow = Vec{};
  }
}

void maxPoolGrad(const Call& call) {
  const PoolShape s(call.ints);
  const int L = s.blocked ? LANES : 1;
  const bool streams = leavesCaches(call.f32(2), size_t(s.planes) * s.H * s.W * L);
  const Ranges covering = Ranges::covering(s);
  forPlanes(call, s, s.H * s.W * L, [&](int plane) {
    const float* g = call.f32(0) + size_t(plane) * s.OH * s.OW * L;
    const uint8_t* argmax = call.u8(1) + size_t(plane) * s.OH * s.OW * L;
    float* dx = call.f32(2) + size_t(plane) * s.H * s.W * L;
    if (overlap(s)) {
      for (int row = 0; row < s.H; row++) {
        const auto gather = row == 0 ? gatherOverlapping<false, true>
                            : row < s.OH ? gatherOverlapping<true, true> : gatherOverlapping<true, false>;
        for (int part = 0; part < PARTS; part++) gather(s, row, part, g, argmax, streams, dx);
      }
    } else if (s.blocked) {
      gatherPlane<Block>(s, covering, dx, [&](Block& sum, size_t window, int, int, int k) {
        for (int part = 0; part < PARTS; part++)
          sum.part[part] += keepBits(equalBits(argmax + window + part * VL, k), load(g + window + part * VL));
      });
    } else {
      gatherPlane<float>(s, covering, dx, [&](float& sum, size_t window, int, int, int k) {
        if (argmax[window] == k) sum += g[window];
      });
    }
  });
}

// Elements that a window's average divides by.
inline int windowCount(const PoolShape& s, bool countPadding, const Ranges& windows, int i, int j) {
  if (countPadding) return s.kh * s.kw;
  const Range rows = windows.rows[i], columns = windows.columns[j];
  return (rows.to - rows.from) * (columns.to - columns.from);
}

void avgPool(const Call& call) {
  const PoolShape s(call.ints);
  const bool countPadding = call.ints[PoolShape::INTS];
  const int L = s.blocked ? LANES : 1;
  const Ranges windows = Ranges::ofWindows(s);
  forPlanes(call, s, s.OH * s.OW * s.kh * s.kw * L, [&](int plane) {
    const float* x = call.f32(0) + size_t(plane) * s.H * s.W * L;
    float* y = call.f32(1) + size_t(plane) * s.OH * s.OW * L;
    const int lanes = s.lanesOf(plane);
    for (int i = 0; i < s.OH; i++)
      for (int j = 0; j < s.OW; j++) {
        const Range rows = windows.rows[i], columns = windows.columns[j];
        DBlock sums{};
        double sum = 0;
        forWindow(rows, columns, [&](int row, int column) {
          const float* pixel = x + (size_t(row) * s.W + column) * L;
          if (s.blocked) {
            addTo(sums, pixel);
          } else {
            sum += *pixel;
          }
        });
        const double count = windowCount(s, countPadding, windows, i, j);
        float* to = y + (size_t(i) * s.OW + j) * L;
        if (s.blocked) {
          storeQuotient(to, sums, count);
          std::fill(to + lanes, to + LANES, 0.0f);  // a window without elements has no average
        } else {
          *to = float(sum / count);
        }
      }
  });
}

void avgPoolGrad(const Call& call) {
  const PoolShape s(call.ints);
  const bool countPadding = call.ints[PoolShape::INTS];
  const int L = s.blocked ? LANES : 1;
  const Ranges windows = Ranges::ofWindows(s), covering = Ranges::covering(s);
  forPlanes(call, s, s.H * s.W * L, [&](int plane) {
    const float* g = call.f32(0) + size_t(plane) * s.OH * s.OW * L;
    float* dx = call.f32(1) + size_t(plane) * s.H * s.W * L;
    const auto share = [&](int i, int j) { return 1.0f / float(windowCount(s, countPadding, windows, i, j)); };
    if (s.blocked) {
      gatherPlane<Block>(s, covering, dx, [&](Block& sum, size_t window, int i, int j, int) {
        const Vec factor = broadcast(share(i, j));
        for (int part = 0; part < PARTS; part++)
          sum.part[part] = fma(load(g + window + part * VL), factor, sum.part[part]);
      });
    } else {
      gatherPlane<float>(s, covering, dx,
                         [&](float& sum, size_t window, int i, int j, int) { sum += g[window] * share(i, j); });
    }
  });
}

const Kernel KERNELS[] = {
    {"max_pool", 3, PoolShape::INTS, 0, maxPool, nullptr},
    {"max_pool_spike", 3, PoolShape::INTS, 0, maxPoolSpike, nullptr},
    {"max_pool_grad", 3, PoolShape::INTS, 0, maxPoolGrad, nullptr},
    {"avg_pool", 2, PoolShape::INTS + 1, 0, avgPool, nullptr},
    {"avg_pool_grad", 2, PoolShape::INTS + 1, 0, avgPoolGrad, nullptr},
};

}  // namespace

KernelTable poolKernels() { return {KERNELS, sizeof KERNELS / sizeof *KERNELS}; }

}  // namespace soma::SOMA_ISA
