// Sums and maxima of spikes over any axes: bits are counted. Walked over words, d[0] … d[4] with d[2] the channel
// blocks, and the 16 bits of each.
//   ints: [mode (0 sum, 1 max), kept axes as bits (bit 5: the lanes), C, lanes of y to write, d 0…4,
//          strides of x 0…4, strides of y 0…4, stride of y's lanes]; floats: [scale]
#include <algorithm>
#include <cstdint>
#include <limits>
#include "../kernel.h"
#include "../simd.h"
#include "reduce_axes.h"
#include "scratch.h"
#include "tables.h"

namespace soma::SOMA_ISA {
namespace {

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
    const size_t wanted = kept.total >= REDUCE_PARALLEL ? 1 : REDUCE_PARALLEL / std::max<size_t>(1, kept.total);
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

// Adds the bits of each lane.
void countLanes(const uint16_t* words, size_t n, int64_t* counts) {
  constexpr size_t TOGETHER = 64;
  for (size_t i = 0; i < n; i += TOGETHER) {
    uint16_t rest[TOGETHER] = {};
    const bool whole = n - i >= TOGETHER;
    if (!whole) std::copy(words + i, words + n, rest);
    uint64_t masks[LANES];
    transposeBits(whole ? words + i : rest, masks);
    for (int l = 0; l < LANES; l++) counts[l] += __builtin_popcountll(masks[l]);
  }
}

void countSpikes(const SpikeReduction& r, const uint16_t* x, size_t from, size_t to, int64_t* counts) {
  std::fill(counts, counts + r.width(), 0);
  const int inner = r.reduced.count - 1;
  for (size_t s = from; s < to;) {
    const Position p(r.reduced, s);
    const size_t run = inner < 0 ? 1 : std::min(to - s, r.reduced.size[inner] - p.at[inner]);
    const ptrdiff_t stride = inner < 0 ? 1 : r.reduced.x[inner];
    if (stride == 1) {
      if (r.laneKept)
        countLanes(x + p.x, run, counts);
      else
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
  const double none = r.mode == REDUCE_MAX && r.reduced.total == 0 ? -std::numeric_limits<double>::infinity() : 0;
  const auto write = [&](size_t unit, const int64_t* counts) {
    const Position p(r.kept, unit);
    const int valid = r.laneKept ? smaller(LANES, r.C - p.block(r.kept) * LANES) : 1;
    for (int l = 0; l < valid; l++) {
      const double v = r.mode == REDUCE_MAX ? (counts[l] > 0 ? 1 : none) : double(counts[l]) * scale;
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

const Kernel KERNELS[] = {{"reduce_spike", 2, 20, 1, reduceSpike, reduceSpikeScratch}};

}  // namespace

KernelTable reduceSpikeKernels() { return {KERNELS, sizeof KERNELS / sizeof *KERNELS}; }

}  // namespace soma::SOMA_ISA
