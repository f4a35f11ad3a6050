// Sums and maxima of floats over any axes.
//
// x is walked over six axes, d[0] … d[5], in the order in which it is stored; each is kept (with a stride in y) or
// reduced. For channel-blocked maps d[2] counts the blocks and d[5] the 16 lanes; where all lanes are channels such a map
// is like any other.
//   ints: [mode (0 sum, 1 max), kept axes as bits, blocked, C, lanes of y to write, d 0…5, strides of x 0…5,
//          strides of y 0…5]; floats: [scale]
//
// Sums are made in double. A reduction with few results is cut into parts that are added in order.
#include <algorithm>
#include <cmath>
#include <limits>
#include "../kernel.h"
#include "../simd.h"
#include "reduce_axes.h"
#include "scratch.h"
#include "tables.h"

namespace soma::SOMA_ISA {
namespace {

constexpr size_t GRAIN = 1 << 13;  // elements that are worth a task

struct Reduction {
  int mode, C, yLanes;
  bool blocked, laneKept;
  Axes kept, reduced;
  size_t length;  // of the last axis
  ptrdiff_t laneX, laneY;
  size_t chunks;  // kept lanes are taken 16 at a time
  size_t units;   // results, or blocks of results
  size_t steps;   // axis steps that make one unit
  int parts;

  explicit Reduction(const int32_t* i)
      : mode(i[0]), C(i[3]), yLanes(i[4]), blocked(i[2] && i[3] % LANES != 0), laneKept(i[1] >> 5 & 1), length(size_t(i[5 + 5])),
        laneX(i[11 + 5]), laneY(i[17 + 5]) {
    const int32_t *size = i + 5, *x = i + 11, *y = i + 17;
    int outer = 5;
    if (!blocked) {
      // The last axis takes in those before it that lie as one with it.
      for (; outer > 0; outer--) {
        const int a = outer - 1;
        const bool same = bool(i[1] >> a & 1) == laneKept;
        if (size[a] != 1 && !(same && x[a] == ptrdiff_t(length) * laneX && (!laneKept || y[a] == ptrdiff_t(length) * laneY)))
          break;
        length *= size_t(size[a]);
      }
    }
    for (int a = 0; a < outer; a++) {
      const bool isBlock = blocked && a == 2;
      if (i[1] >> a & 1) {
        kept.add(size_t(size[a]), x[a], y[a], isBlock);
      } else {
        reduced.add(size_t(size[a]), x[a], 0, isBlock);
      }
    }
    if (!laneKept && !blocked && length > GRAIN && laneX == 1 && length % GRAIN == 0) {
      reduced.add(length / GRAIN, ptrdiff_t(GRAIN), 0, false);
      length = GRAIN;
    }
    chunks = laneKept ? (length + LANES - 1) / LANES : 1;
    units = kept.total * chunks;
    steps = reduced.total;
    const size_t work = steps * (laneKept ? LANES : length);
    const size_t wanted = units >= REDUCE_PARALLEL ? 1 : REDUCE_PARALLEL / std::max<size_t>(1, units);
    parts = int(std::max<size_t>(1, std::min({wanted, steps, work / GRAIN})));
  }

  // Whether results lie side by side, as what they are sums of does: over time, or over a batch.
  bool sumsSideBySide() const {
    return mode != REDUCE_MAX && laneKept && laneX == 1 && laneY == 1 && kept.count == 0 && length % LANES == 0;
  }

  // Whether each result is a pixel's sum over its channels, and so are its neighbours' beside it.
  bool sumsPixels() const {
    const int inner = kept.count - 1;
    const bool channels = blocked ? kept.block < 0 : length == LANES;
    return mode != REDUCE_MAX && !laneKept && laneX == 1 && channels && inner >= 0 && kept.x[inner] == LANES &&
           kept.y[inner] == 1;
  }

  // Kept lanes that exist in a chunk.
  int validLanes(const Position& p, size_t chunk) const {
    return blocked ? smaller(LANES, C - p.block(kept) * LANES) : int(std::min<size_t>(LANES, length - chunk * LANES));
  }
  size_t unitsPerTask() const {
    const size_t work = std::max<size_t>(1, steps * (laneKept ? LANES : length) / size_t(parts));
    return std::max<size_t>(1, GRAIN / work);
  }
};

struct Partials {
  double* values;  // [parts][units][lanes]
  size_t bytes;

  Partials(const Reduction& r, char* base) {
    Scratch scratch(base);
    values = scratch.take<double>(r.parts > 1 ? size_t(r.parts) * r.units * (r.laneKept ? LANES : 1) : 0);
    bytes = scratch.used();
  }
};

// 16 kept lanes: out[l] = sum or maximum over steps [from, to) of the reduced axes.
void reduceLanes(const Reduction& r, const float* x, int lanes, size_t from, size_t to, double* out) {
  Position p(r.reduced, from);
  if (r.mode == REDUCE_MAX) {
    std::fill(out, out + LANES, -std::numeric_limits<double>::infinity());
    for (size_t s = from; s < to; s++, p.next(r.reduced))
      for (int l = 0; l < lanes; l++) {
        const double v = x[p.x + l * r.laneX];
        if (v > out[l]) out[l] = v;
      }
    return;
  }
  DBlock sums{};
  if (lanes == LANES && r.laneX == 1) {
    const int inner = r.reduced.count - 1;
    for (size_t s = from; s < to;) {
      if (inner < 0) {
        addTo(sums, x + p.x);
        break;
      }
      // Along the innermost reduced axis without looking at the others.
      const size_t run = std::min(to - s, r.reduced.size[inner] - p.at[inner]);
      const float* at = x + p.x;
      for (size_t k = 0; k < run; k++) addTo(sums, at + ptrdiff_t(k) * r.reduced.x[inner]);
      s += run;
      if (s < to) p = Position(r.reduced, s);
    }
  } else {
    for (size_t s = from; s < to; s++, p.next(r.reduced))
      for (int l = 0; l < lanes; l++) sums.lane(l) += x[p.x + l * r.laneX];
  }
  for (int l = 0; l < LANES; l++) out[l] = sums.lane(l);
}

// 16 * K results of those that lie side by side.
template <int K>
void sumSideBySide(const Reduction& r, const float* x, double scale, float* y) {
  DBlock sums[K] = {};
  Position p;
  for (size_t s = 0; s < r.steps; s++, p.next(r.reduced))
#pragma GCC unroll 4
    for (int k = 0; k < K; k++) addTo(sums[k], x + p.x + k * LANES);
#pragma GCC unroll 4
  for (int k = 0; k < K; k++) storeProduct(y + k * LANES, sums[k], scale);
}

// Sums over the channels of `count` <= 16 pixels side by side, which are turned round to be the lanes.
void sumPixels(const Reduction& r, const float* x, int count, double scale, float* y) {
  DBlock sums{};
  Position p;
  for (size_t s = 0; s < r.steps; s++, p.next(r.reduced)) {
    const int lanes = r.blocked ? smaller(LANES, r.C - p.block(r.reduced) * LANES) : LANES;
    float turned[LANES][LANES];  // [channel][pixel]
    for (int pixel = 0; pixel < LANES; pixel += VL)
      for (int lane = 0; lane < lanes; lane += VL) {
        Vec square[VL] = {};
        for (int i = 0; i < smaller(VL, count - pixel); i++) square[i] = load(x + p.x + (pixel + i) * LANES + lane);
        transpose(square);
        for (int i = 0; i < VL; i++) store(&turned[lane + i][pixel], square[i]);
      }
    for (int lane = 0; lane < lanes; lane++) addTo(sums, turned[lane]);
  }
  float results[LANES];
  storeProduct(results, sums, scale);
  std::copy_n(results, count, y);
}

// Lanes are reduced too.
double reduceAll(const Reduction& r, const float* x, int keptBlock, size_t from, size_t to) {
  Position p(r.reduced, from);
  double best = -std::numeric_limits<double>::infinity();
  Vec high = broadcast(-std::numeric_limits<float>::infinity());  // of whole registers; passes over NaNs as `best` does
  DBlock sums{};
  double rest = 0;
  for (size_t s = from; s < to; s++, p.next(r.reduced)) {
    const float* at = x + p.x;
    const int block = r.reduced.block >= 0 ? p.block(r.reduced) : keptBlock;
    const size_t lanes = r.blocked ? size_t(smaller(LANES, r.C - block * LANES)) : r.length;
    if (r.mode == REDUCE_MAX) {
      size_t l = 0;
      if (r.laneX == 1)
        for (; l + VL <= lanes; l += VL) high = max(load(at + l), high);
      for (; l < lanes; l++) best = at[ptrdiff_t(l) * r.laneX] > best ? at[ptrdiff_t(l) * r.laneX] : best;
    } else {
      size_t l = 0;
      if (r.laneX == 1)
        for (; l + LANES <= lanes; l += LANES) addTo(sums, at + l);
      for (; l < lanes; l++) rest += at[ptrdiff_t(l) * r.laneX];
    }
  }
  if (r.mode == REDUCE_MAX) {
    for (int l = 0; l < VL; l++) best = high[l] > best ? high[l] : best;
    return best;
  }
  for (int l = 0; l < LANES; l++) rest += sums.lane(l);
  return rest;
}

void reduce(const Call& call) {
  const Reduction r(call.ints);
  if (r.units == 0) return;
  const Partials partials(r, call.scratch);
  const double scale = call.floats[0];
  const float* x = call.f32(0);
  float* y = call.f32(1);
  const int width = r.laneKept ? LANES : 1;

  const auto compute = [&](size_t unit, size_t from, size_t to, double* out) {
    const Position p(r.kept, unit / r.chunks);
    const size_t chunk = unit % r.chunks;
    if (!r.laneKept) {
      *out = reduceAll(r, x + p.x, p.block(r.kept), from, to);
      return;
    }
    const int lanes = r.validLanes(p, chunk);
    reduceLanes(r, x + p.x + ptrdiff_t(chunk * LANES) * r.laneX, lanes, from, to, out);
  };
  const auto write = [&](size_t unit, const double* values) {
    const Position p(r.kept, unit / r.chunks);
    const size_t chunk = unit % r.chunks;
    float* to = y + p.y + ptrdiff_t(chunk * LANES) * r.laneY;
    if (!r.laneKept) {
      *to = float(*values * scale);
      return;
    }
    const int valid = r.validLanes(p, chunk);
    for (int l = 0; l < valid; l++) to[l * r.laneY] = float(values[l] * scale);
    for (int l = valid; l < r.yLanes; l++) to[l * r.laneY] = 0;
  };

  if (r.parts == 1) {
    const size_t perTask = r.unitsPerTask();
    const bool sideBySide = r.sumsSideBySide(), pixels = r.sumsPixels();
    call.pool->run(int((r.units + perTask - 1) / perTask), [&](int task, int) {
      const size_t end = std::min(r.units, (size_t(task) + 1) * perTask);
      size_t unit = size_t(task) * perTask;
      if (sideBySide) {
        constexpr int TOGETHER = 4;
        for (; unit + TOGETHER <= end; unit += TOGETHER)
          sumSideBySide<TOGETHER>(r, x + unit * LANES, scale, y + unit * LANES);
        for (; unit < end; unit++) sumSideBySide<1>(r, x + unit * LANES, scale, y + unit * LANES);
      }
      while (pixels && unit < end) {
        const Position p(r.kept, unit);
        const int inner = r.kept.count - 1;
        const size_t inRow = r.kept.size[inner] - p.at[inner];
        const int count = int(std::min({end - unit, inRow, size_t(LANES)}));
        sumPixels(r, x + p.x, count, scale, y + p.y);
        unit += size_t(count);
      }
      for (; unit < end; unit++) {
        double values[LANES];
        compute(unit, 0, r.steps, values);
        write(unit, values);
      }
    });
    return;
  }
  call.pool->run(r.parts * int(r.units), [&](int task, int) {
    const size_t part = size_t(task) / r.units, unit = size_t(task) % r.units;
    compute(unit, r.steps * part / size_t(r.parts), r.steps * (part + 1) / size_t(r.parts),
            partials.values + size_t(task) * size_t(width));
  });
  for (size_t unit = 0; unit < r.units; unit++) {
    double values[LANES];
    for (int l = 0; l < width; l++) {
      values[l] = partials.values[unit * size_t(width) + size_t(l)];
      for (int part = 1; part < r.parts; part++) {
        const double v = partials.values[(size_t(part) * r.units + unit) * size_t(width) + size_t(l)];
        values[l] = r.mode == REDUCE_MAX ? std::max(values[l], v) : values[l] + v;
      }
    }
    write(unit, values);
  }
}
size_t reduceScratch(const Call& call, int) {
  const Reduction r(call.ints);
  return Partials(r, nullptr).bytes;
}

const Kernel KERNELS[] = {{"reduce", 2, 23, 1, reduce, reduceScratch}};

}  // namespace

KernelTable reduceKernels() { return {KERNELS, sizeof KERNELS / sizeof *KERNELS}; }

}  // namespace soma::SOMA_ISA
