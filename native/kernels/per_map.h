// One number a channel and image: means and maxima of maps, and the scales of a channel attention.
// Stored [TN][stride], where stride is C or, as a map of one pixel, C padded to blocks.
#pragma once
#include <algorithm>
#include <limits>
#include "../kernel.h"
#include "../simd.h"
#include "scratch.h"

namespace soma::SOMA_ISA {

struct PerMap {
  float* data;  // null: absent
  int stride;

  int lanes(int group) const { return smaller(LANES, stride - group * LANES); }
  size_t at(int image, int group) const { return size_t(image) * stride + size_t(group) * LANES; }

  // Zeros beyond the last channel.
  Block read(int image, int group) const {
    float lane[LANES] = {};
    std::copy_n(data + at(image, group), lanes(group), lane);
    return loadBlock(lane);
  }
  void write(int image, int group, const float* lane) const { std::copy_n(lane, lanes(group), data + at(image, group)); }
};

// Where mean and maximum of each map go; either may be absent.
struct MapSummary {
  PerMap mean, largest;

  bool wanted() const { return mean.data || largest.data; }
};

// Sum and maximum of one map's 16 channels: floats within a row, doubles over rows.
class MapSums {
 public:
  MapSums() {
    for (Vec& v : largest_.part) v = broadcast(-std::numeric_limits<float>::infinity());
  }
  void add(int part, Vec x) {
    sum_.part[part] += x;
    largest_.part[part] = select(x > largest_.part[part], x, largest_.part[part]);
  }
  __attribute__((always_inline)) void endRow() {
    float row[LANES];
    storeBlock(row, sum_);
    for (int l = 0; l < LANES; l++) total_[l] += row[l];
    sum_ = Block{};
  }
  void write(const MapSummary& to, int image, int group, int pixels) const {
    float mean[LANES], largest[LANES];
    for (int l = 0; l < LANES; l++) mean[l] = float(total_[l] * (1.0 / pixels));
    storeBlock(largest, largest_);
    if (to.mean.data) to.mean.write(image, group, mean);
    if (to.largest.data) to.largest.write(image, group, largest);
  }

 private:
  Block sum_{}, largest_;
  double total_[LANES] = {};
};

}  // namespace soma::SOMA_ISA
