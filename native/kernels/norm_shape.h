// The shape of a batch normalisation, how its kernels walk over a value, and two-level sums.
//   ints: [TN, C, H, W, layout, training, unbiased, relu, pool2]
// Layouts: blocked maps; rows [TN][C]; planes [TN][C][H·W] of maps with few channels and of other ranks.
//
// A *group* is what a task works on in one image: 16 channels side by side, or one channel's plane. A *unit*
// is 16 floats of a group, in lanes that are channels (blocked maps, rows) or neighbouring pixels (planes).
#pragma once
#include <algorithm>
#include <type_traits>
#include "../kernel.h"
#include "../simd.h"
#include "scratch.h"

namespace soma::SOMA_ISA {

enum NormLayout { BLOCKED, ROWS, PLANES };

struct NormShape {
  static constexpr int INTS = 9;
  static constexpr int MIN_TASKS = 128;  // of a pass that sums: runs of images × groups

  int images, C, H, W, layout;
  bool training, unbiased, relu, pool2;
  int inner, groups;
  int runs;  // parts that the images are summed in

  explicit NormShape(const int32_t* i)
      : images(i[0]), C(i[1]), H(i[2]), W(i[3]), layout(i[4]), training(i[5]), unbiased(i[6]), relu(i[7]), pool2(i[8]),
        inner(H * W), groups(layout == PLANES ? C : blocks(C)),
        runs(larger(1, smaller(images, divideUp(MIN_TASKS, larger(1, groups))))) {}

  int firstImage(int run) const { return int(int64_t(images) * run / runs); }
  int firstChannel(int group) const { return layout == PLANES ? group : group * LANES; }
  int channels(int group) const { return layout == PLANES ? 1 : smaller(LANES, C - group * LANES); }
  double count() const { return double(images) * inner; }

  size_t imageSize() const { return size_t(layout == BLOCKED ? blocks(C) * LANES : C) * inner; }
  // Where a group of an image starts.
  size_t offset(int image, int group) const {
    const size_t planes = layout == BLOCKED ? size_t(group) * LANES : size_t(firstChannel(group));
    return size_t(image) * imageSize() + planes * (layout == ROWS ? 1 : inner);
  }
  // Where the pooled values of a group start, and how many there are in a row and a column.
  size_t pooledOffset(int image, int group) const {
    return (size_t(image) * blocks(C) + group) * LANES * pooledH() * pooledW();
  }
  int pooledH() const { return H / 2; }
  int pooledW() const { return W / 2; }
};

// Lanes of a register that hold values, of `lanes` in a unit.
template <class Lanes>
static inline int lanesOfPart(Lanes lanes, int part) {
  return std::clamp(int(lanes) - part * VL, 0, VL);
}

using WholeUnit = std::integral_constant<int, LANES>;

// Calls body(at, lanes) for each unit of a group in one image. `lanes` is a constant where units are whole.
template <class Body>
static inline void forUnits(const NormShape& s, int image, int group, const Body& body) {
  const size_t start = s.offset(image, group);
  if (s.layout == ROWS) {
    const int channels = s.channels(group);
    if (channels == LANES) return body(start, WholeUnit());
    return body(start, channels);
  }
  const int floats = s.layout == BLOCKED ? s.inner * LANES : s.inner;
  int i = 0;
  for (; i + LANES <= floats; i += LANES) body(start + i, WholeUnit());
  if (i < floats) body(start + i, floats - i);
}

// Calls body(image, group) for all of them, on all threads.
template <class Body>
static inline void forGroups(const Call& call, const NormShape& s, const Body& body) {
  const int work = s.inner * (s.layout == PLANES ? 1 : LANES);
  const int perTask = larger(1, (1 << 13) / larger(1, work)), units = s.images * s.groups;
  call.pool->run(divideUp(units, perTask), [&](int task, int) {
    for (int unit = task * perTask; unit < smaller(units, (task + 1) * perTask); unit++)
      body(unit / s.groups, unit % s.groups);
  });
}

// A number a channel as the lanes of a group's units: the same in all of a plane's, zero beyond C.
static inline Block channelLanes(const NormShape& s, int group, const float* ofChannel) {
  float lane[LANES];
  const int first = s.firstChannel(group);
  for (int l = 0; l < LANES; l++)
    lane[l] = s.layout == PLANES ? ofChannel[first] : l < s.channels(group) ? ofChannel[first + l] : 0;
  return loadBlock(lane);
}

// ---- Sums: in floats over a run of units, in doubles over runs

constexpr int SUMMED_UNITS = 128;

struct LaneTotals {
  double first[LANES] = {}, second[LANES] = {};

  // Writes one number a channel of the group.
  void write(const NormShape& s, int group, double* firstOut, double* secondOut) const {
    if (s.layout != PLANES) {
      std::copy(first, first + s.channels(group), firstOut);
      std::copy(second, second + s.channels(group), secondOut);
      return;
    }
    *firstOut = *secondOut = 0;
    for (int l = 0; l < LANES; l++) {
      *firstOut += first[l];
      *secondOut += second[l];
    }
  }
};

// Σ x and Σ x² a lane. A run is summed around its first value, so that floats keep a variance that is small
// beside the mean; what the shift takes away is put back in doubles.
class Moments {
 public:
  template <class Lanes>
  void add(const float* p, Lanes lanes) {
    if (lanes < LANES) {
      for (int l = 0; l < lanes; l++) {
        totals_.first[l] += p[l];
        totals_.second[l] += double(p[l]) * p[l];
      }
      return;
    }
    if (held_ == 0) shift_ = loadBlock(p);
    for (int part = 0; part < PARTS; part++) {
      const Vec x = load(p + part * VL) - shift_.part[part];
      sum_.part[part] += x;
      square_.part[part] = fma(x, x, square_.part[part]);
    }
    if (++held_ == SUMMED_UNITS) flush();
  }

  const LaneTotals& totals() {
    flush();
    return totals_;
  }

 private:
  // Inlined, or the sums could not stay in registers.
  __attribute__((always_inline)) void flush() {
    float shift[LANES], sum[LANES], square[LANES];
    storeBlock(shift, shift_);
    storeBlock(sum, sum_);
    storeBlock(square, square_);
    const double n = held_;
    for (int l = 0; l < LANES; l++) {
      const double k = shift[l], s = sum[l];
      totals_.first[l] += s + n * k;
      totals_.second[l] += square[l] + k * (2 * s + n * k);
    }
    sum_ = square_ = Block{};
    held_ = 0;
  }

  Block shift_{}, sum_{}, square_{};
  int held_ = 0;
  LaneTotals totals_;
};

// Σ g and Σ g·d a lane.
class Products {
 public:
  void add(int part, Vec g, Vec d) {
    sum_.part[part] += g;
    product_.part[part] = fma(g, d, product_.part[part]);
    if (part == 0 && ++held_ > SUMMED_UNITS) flush();
  }
  const LaneTotals& totals() {
    flush();
    return totals_;
  }

 private:
  // Inlined, or the sums could not stay in registers.
  __attribute__((always_inline)) void flush() {
    float sum[LANES], product[LANES];
    storeBlock(sum, sum_);
    storeBlock(product, product_);
    for (int l = 0; l < LANES; l++) {
      totals_.first[l] += sum[l];
      totals_.second[l] += product[l];
    }
    sum_ = product_ = Block{};
    held_ = 0;
  }

  Block sum_{}, product_{};
  int held_ = 0;
  LaneTotals totals_;
};

// ---- What both directions hold in scratch

struct NormPlan {
  double *first, *second;  // [runs][C]; sums over all images come to lie in the first run
  float *p, *q, *r;        // [C]: constants of the second pass
  size_t bytes;

  NormPlan(const NormShape& s, char* base) {
    Scratch scratch(base);
    first = scratch.take<double>(size_t(s.runs) * s.C);
    second = scratch.take<double>(size_t(s.runs) * s.C);
    p = scratch.take<float>(size_t(s.C));
    q = scratch.take<float>(size_t(s.C));
    r = scratch.take<float>(size_t(s.C));
    bytes = scratch.used();
  }
};

// Sums over all images: sum(group, first image, end) gives the totals of a run.
template <class Sum>
static inline void sumChannels(const Call& call, const NormShape& s, const NormPlan& plan, const Sum& sum) {
  call.pool->run(s.runs * s.groups, [&](int task, int) {
    const int run = task / s.groups, group = task % s.groups;
    const size_t at = size_t(run) * s.C + s.firstChannel(group);
    sum(group, s.firstImage(run), s.firstImage(run + 1)).write(s, group, plan.first + at, plan.second + at);
  });
  for (int run = 1; run < s.runs; run++)
    for (int c = 0; c < s.C; c++) {
      plan.first[c] += plan.first[size_t(run) * s.C + c];
      plan.second[c] += plan.second[size_t(run) * s.C + c];
    }
}

static inline Vec clamped(Vec y) { return select(y <= Vec{}, Vec{}, y); }  // keeps a NaN

}  // namespace soma::SOMA_ISA
