// Sums and maxima over any axes, of floats and of spikes.
//
// Floats are walked over six axes, d[0] … d[5], in the order in which x is stored; each is kept (with a stride
// in y) or reduced. For channel-blocked maps d[2] counts the blocks and d[5] the 16 lanes.
//   reduce ints: [mode (0 sum, 1 max), kept axes as bits, blocked, C, lanes of y to write, d 0…5,
//                 strides of x 0…5, strides of y 0…5]; floats: [scale]
// Spikes are walked over words, d[0] … d[4] with d[2] the blocks, and the 16 bits of each.
//   reduce_spike ints: [mode, kept axes as bits (bit 5: the lanes), C, lanes of y to write, d 0…4,
//                       strides of x 0…4, strides of y 0…4, stride of y's lanes]; floats: [scale]
//
// Sums are made in double. A reduction with few results is cut into parts that are added in order.
#include <algorithm>
#include <cmath>
#include <limits>
#include "../kernel.h"
#include "../simd.h"
#include "scratch.h"
#include "tables.h"

namespace soma::SOMA_ISA {
namespace {

constexpr int SUM = 0, MAX = 1;
constexpr int PARALLEL = 32;      // parts that are wanted where there are few results
constexpr size_t GRAIN = 1 << 13;  // elements that are worth a task

// Up to five nested axes, walked in order; neighbours that lie as one are merged.
struct Axes {
  int count = 0;
  size_t total = 1;
  size_t size[5];
  ptrdiff_t x[5], y[5];
  int block = -1;  // which of them counts channel blocks

  void add(size_t n, ptrdiff_t strideX, ptrdiff_t strideY, bool isBlock) {
    total *= n;
    if (n == 1 && !isBlock) return;
    const bool last = count > 0 && block != count - 1;
    if (last && !isBlock && x[count - 1] == strideX * ptrdiff_t(n) && y[count - 1] == strideY * ptrdiff_t(n)) {
      size[count - 1] *= n;
      x[count - 1] = strideX;
      y[count - 1] = strideY;
      return;
    }
    if (isBlock) block = count;
    size[count] = n;
    x[count] = strideX;
    y[count] = strideY;
    count++;
  }
};

struct Position {
  size_t at[5];
  ptrdiff_t x = 0, y = 0;

  Position(const Axes& axes, size_t index) {
    for (int a = axes.count - 1; a >= 0; a--) {
      at[a] = index % axes.size[a];
      index /= axes.size[a];
      x += ptrdiff_t(at[a]) * axes.x[a];
      y += ptrdiff_t(at[a]) * axes.y[a];
    }
  }
  void next(const Axes& axes) {
    for (int a = axes.count - 1; a >= 0; a--) {
      x += axes.x[a];
      y += axes.y[a];
      if (++at[a] < axes.size[a]) return;
      x -= ptrdiff_t(axes.size[a]) * axes.x[a];
      y -= ptrdiff_t(axes.size[a]) * axes.y[a];
      at[a] = 0;
    }
  }
  int block(const Axes& axes) const { return axes.block < 0 ? 0 : int(at[axes.block]); }
};

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
      : mode(i[0]), C(i[3]), yLanes(i[4]), blocked(i[2]), laneKept(i[1] >> 5 & 1), length(size_t(i[5 + 5])),
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
    const size_t wanted = units >= PARALLEL ? 1 : PARALLEL / std::max<size_t>(1, units);
    parts = int(std::max<size_t>(1, std::min({wanted, steps, work / GRAIN})));
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
  if (r.mode == MAX) {
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

// Lanes are reduced too.
double reduceAll(const Reduction& r, const float* x, int keptBlock, size_t from, size_t to) {
  Position p(r.reduced, from);
  double best = -std::numeric_limits<double>::infinity();
  DBlock sums{};
  double rest = 0;
  for (size_t s = from; s < to; s++, p.next(r.reduced)) {
    const float* at = x + p.x;
    const int block = r.reduced.block >= 0 ? p.block(r.reduced) : keptBlock;
    const size_t lanes = r.blocked ? size_t(smaller(LANES, r.C - block * LANES)) : r.length;
    if (r.mode == MAX) {
      for (size_t l = 0; l < lanes; l++) best = at[ptrdiff_t(l) * r.laneX] > best ? at[ptrdiff_t(l) * r.laneX] : best;
    } else {
      size_t l = 0;
      if (r.laneX == 1)
        for (; l + LANES <= lanes; l += LANES) addTo(sums, at + l);
      for (; l < lanes; l++) rest += at[ptrdiff_t(l) * r.laneX];
    }
  }
  if (r.mode == MAX) return best;
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
    call.pool->run(int((r.units + perTask - 1) / perTask), [&](int task, int) {
      const size_t end = std::min(r.units, (size_t(task) + 1) * perTask);
      for (size_t unit = size_t(task) * perTask; unit < end; unit++) {
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
        values[l] = r.mode == MAX ? std::max(values[l], v) : values[l] + v;
      }
    }
    write(unit, values);
  }
}
size_t reduceScratch(const Call& call, int) {
  const Reduction r(call.ints);
  return Partials(r, nullptr).bytes;
}

// ---- Spikes

struct SpikeReduction {
  int mode, C, yLanes;
  bool laneKept;
  Axes kept, reduced;
  ptrdiff_t laneY;
  int parts;

  explicit SpikeReduction(const int32_t* i)
      : mode(i[0]), C(i[2]), yLanes(i[3]), laneKept(i[1] >> 5 & 1), laneY(i[19]) {
    for (int a = 0; a < 5; a++) {
      // Only kept lanes must know their block: bits beyond C are zero and count for nothing.
      if (i[1] >> a & 1) {
        kept.add(size_t(i[4 + a]), i[9 + a], i[14 + a], laneKept && a == 2);
      } else {
        reduced.add(size_t(i[4 + a]), i[9 + a], 0, false);
      }
    }
    const size_t wanted = kept.total >= PARALLEL ? 1 : PARALLEL / std::max<size_t>(1, kept.total);
    parts = int(std::max<size_t>(1, std::min(wanted, reduced.total / 512)));
  }
  int width() const { return laneKept ? LANES : 1; }
};

struct SpikePartials {
  int64_t* counts;  // [parts][kept][lanes]
  size_t bytes;

  SpikePartials(const SpikeReduction& r, char* base) {
    Scratch scratch(base);
    counts = scratch.take<int64_t>(r.parts > 1 ? size_t(r.parts) * r.kept.total * size_t(r.width()) : 0);
    bytes = scratch.used();
  }
};

int64_t countBits(const uint16_t* words, size_t n) {
  int64_t count = 0;
  size_t i = 0;
  for (; i + 4 <= n; i += 4) {
    uint64_t four;
    __builtin_memcpy(&four, words + i, sizeof four);
    count += __builtin_popcountll(four);
  }
  for (; i < n; i++) count += __builtin_popcount(words[i]);
  return count;
}

void countSpikes(const SpikeReduction& r, const uint16_t* x, size_t from, size_t to, int64_t* counts) {
  std::fill(counts, counts + r.width(), 0);
  const int inner = r.reduced.count - 1;
  for (size_t s = from; s < to;) {
    const Position p(r.reduced, s);
    const size_t run = inner < 0 ? 1 : std::min(to - s, r.reduced.size[inner] - p.at[inner]);
    const ptrdiff_t stride = inner < 0 ? 1 : r.reduced.x[inner];
    if (!r.laneKept && stride == 1) {
      *counts += countBits(x + p.x, run);
    } else {
      for (size_t k = 0; k < run; k++) {
        unsigned word = x[p.x + ptrdiff_t(k) * stride];
        if (!r.laneKept) {
          *counts += __builtin_popcount(word);
        } else {
          for (; word; word &= word - 1) counts[__builtin_ctz(word)]++;
        }
      }
    }
    s += run;
  }
}

void reduceSpike(const Call& call) {
  const SpikeReduction r(call.ints);
  const size_t units = r.kept.total;
  if (units == 0) return;
  const SpikePartials partials(r, call.scratch);
  const uint16_t* x = call.spikes(0);
  float* y = call.f32(1);
  const double scale = call.floats[0];
  const double none = r.mode == MAX && r.reduced.total == 0 ? -std::numeric_limits<double>::infinity() : 0;
  const auto write = [&](size_t unit, const int64_t* counts) {
    const Position p(r.kept, unit);
    const int valid = r.laneKept ? smaller(LANES, r.C - p.block(r.kept) * LANES) : 1;
    for (int l = 0; l < valid; l++) {
      const double v = r.mode == MAX ? (counts[l] > 0 ? 1 : none) : double(counts[l]) * scale;
      y[p.y + l * r.laneY] = float(v);
    }
    for (int l = valid; l < r.yLanes; l++) y[p.y + l * r.laneY] = 0;
  };

  const size_t perTask = std::max<size_t>(1, 1024 / std::max<size_t>(1, r.reduced.total / size_t(r.parts)));
  if (r.parts == 1) {
    call.pool->run(int((units + perTask - 1) / perTask), [&](int task, int) {
      const size_t end = std::min(units, (size_t(task) + 1) * perTask);
      for (size_t unit = size_t(task) * perTask; unit < end; unit++) {
        int64_t counts[LANES];
        countSpikes(r, x + Position(r.kept, unit).x, 0, r.reduced.total, counts);
        write(unit, counts);
      }
    });
    return;
  }
  const size_t width = size_t(r.width());
  call.pool->run(r.parts * int(units), [&](int task, int) {
    const size_t part = size_t(task) / units, unit = size_t(task) % units;
    countSpikes(r, x + Position(r.kept, unit).x, r.reduced.total * part / size_t(r.parts),
                r.reduced.total * (part + 1) / size_t(r.parts), partials.counts + size_t(task) * width);
  });
  for (size_t unit = 0; unit < units; unit++) {
    int64_t counts[LANES] = {};
    for (size_t part = 0; part < size_t(r.parts); part++)
      for (size_t l = 0; l < width; l++) counts[l] += partials.counts[(part * units + unit) * width + l];
    write(unit, counts);
  }
}
size_t reduceSpikeScratch(const Call& call, int) {
  const SpikeReduction r(call.ints);
  return SpikePartials(r, nullptr).bytes;
}

// ---- Gradient of a maximum

// (x, y, g) → dx: the first element of a reduction, in logical order, that equals its maximum gets g.
//   ints: [spikes, blocked (x and dx), kept axes of T N C H W as bits, T, N, C, H, W, strides of y for T N C H W,
//          strides of y's channel block and lane]
// Works on logical positions: it is rarely used and seldom large.
void reduceMaxGrad(const Call& call) {
  const int32_t* i = call.ints;
  const bool spikes = i[0], blocked = i[1];
  const int32_t *size = i + 3, *yStride = i + 8;
  const int C = size[2], H = size[3], W = size[4];
  const size_t plane = size_t(H) * W;
  const size_t image = spikes || blocked ? size_t(blocks(C)) * plane : size_t(C) * plane;  // words, blocks or floats
  const float *y = call.f32(1), *g = call.f32(2);
  float* dx = call.f32(3);
  const auto indexInDx = [&](size_t tn, int c, size_t p) {
    return blocked ? (tn * image + size_t(c / LANES) * plane + p) * LANES + c % LANES : (tn * C + c) * plane + p;
  };
  const auto valueOf = [&](size_t tn, int c, size_t p) {
    if (!spikes) return call.f32(0)[indexInDx(tn, c, p)];
    const size_t word = (tn * size_t(blocks(C)) + c / LANES) * plane + p;
    return float(call.spikes(0)[word] >> (c % LANES) & 1);
  };
  int keptAxes[5], reducedAxes[5], keptCount = 0, reducedCount = 0;
  size_t results = 1, steps = 1;
  for (int a = 0; a < 5; a++) {
    if (i[2] >> a & 1) {
      keptAxes[keptCount++] = a;
      results *= size_t(size[a]);
    } else {
      reducedAxes[reducedCount++] = a;
      steps *= size_t(size[a]);
    }
  }
  if (blocked && C % LANES != 0)
    std::fill(dx, dx + size_t(size[0]) * size[1] * image * LANES, 0.0f);
  const auto spread = [&](size_t index, const int* axes, int count, int* at) {
    for (int k = count - 1; k >= 0; k--) {
      at[axes[k]] = int(index % size_t(size[axes[k]]));
      index /= size_t(size[axes[k]]);
    }
  };
  call.pool->run(int(results), [&](int task, int) {
    int at[5] = {};
    spread(size_t(task), keptAxes, keptCount, at);
    ptrdiff_t j = 0;
    for (int k = 0; k < keptCount; k++) {
      const int a = keptAxes[k];
      j += a == 2 ? ptrdiff_t(at[2] / LANES) * i[13] + ptrdiff_t(at[2] % LANES) * i[14] : ptrdiff_t(at[a]) * yStride[a];
    }
    bool taken = false;
    for (size_t s = 0; s < steps; s++) {
      spread(s, reducedAxes, reducedCount, at);
      const size_t tn = size_t(at[0]) * size[1] + at[1], p = size_t(at[3]) * W + at[4];
      const bool first = !taken && valueOf(tn, at[2], p) == y[j];
      taken |= first;
      dx[indexInDx(tn, at[2], p)] = first ? g[j] : 0;
    }
  });
}

const Kernel KERNELS[] = {
    {"reduce", 2, 23, 1, reduce, reduceScratch},
    {"reduce_spike", 2, 20, 1, reduceSpike, reduceSpikeScratch},
    {"reduce_max_grad", 4, 15, 0, reduceMaxGrad, nullptr},
};

}  // namespace

KernelTable reduceKernels() { return {KERNELS, sizeof KERNELS / sizeof *KERNELS}; }

}  // namespace soma::SOMA_ISA
