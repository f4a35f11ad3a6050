// Nested axes that a reduction walks over, and a position on them.
#pragma once
#include <cstddef>

namespace soma::SOMA_ISA {

constexpr int REDUCE_MAX = 1;         // mode of a reduction; 0 is the sum
constexpr int REDUCE_PARALLEL = 32;   // parts that are wanted where there are few results

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
  size_t at[5] = {};
  ptrdiff_t x = 0, y = 0;

  Position() = default;  // the first
  Position(const Axes& axes, size_t index) {
    if (axes.total == 0) return;  // nothing to stand on
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

}  // namespace soma::SOMA_ISA
