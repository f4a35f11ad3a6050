// Average pooling to a given size: window i of OH has the rows from ⌊i·H/OH⌋ to ⌈(i+1)·H/OH⌉, columns likewise.
// Its gradient is gathered, pixel by pixel, from the windows that cover a pixel, in their order.
//   ints: [TN, C, H, W, OH, OW]
#include <algorithm>
#include "../kernel.h"
#include "../simd.h"
#include "scratch.h"
#include "tables.h"

namespace soma::SOMA_ISA {
namespace {

struct Range {
  int from, to;
  int length() const { return to - from; }
};

// Elements of n that are in window i of `out`; and, with both exchanged, windows that cover element i.
inline Range window(int i, int n, int out) {
  return {int(int64_t(i) * n / out), int((int64_t(i + 1) * n + out - 1) / out)};
}

struct AdaptiveShape {
  static constexpr int INTS = 6;
  int C, H, W, OH, OW;
  bool blocked;
  int planes;  // of pixels: one a channel, or one a channel block
  int lanes;   // floats of a pixel

  explicit AdaptiveShape(const int32_t* i)
      : C(i[1]), H(i[2]), W(i[3]), OH(i[4]), OW(i[5]), blocked(isBlocked(C)), planes(i[0] * (blocked ? blocks(C) : C)),
        lanes(blocked ? LANES : 1) {}
};

// Calls body(plane) for each plane of pixels.
template <class Body>
void forPlanes(const Call& call, const AdaptiveShape& s, const Body& body) {
  const int work = std::max(1, s.H * s.W * s.lanes);
  const int perTask = std::max(1, (1 << 13) / work);
  call.pool->run(divideUp(s.planes, perTask), [&](int task, int) {
    for (int plane = task * perTask; plane < smaller(s.planes, (task + 1) * perTask); plane++) body(size_t(plane));
  });
}

void adaptiveAvgPool(const Call& call) {
  const AdaptiveShape s(call.ints);
  forPlanes(call, s, [&](size_t plane) {
    const float* x = call.f32(0) + plane * s.H * s.W * s.lanes;
    float* y = call.f32(1) + plane * s.OH * s.OW * s.lanes;
    for (int i = 0; i < s.OH; i++)
      for (int j = 0; j < s.OW; j++, y += s.lanes) {
        const Range rows = window(i, s.H, s.OH), columns = window(j, s.W, s.OW);
        DBlock sums{};
        double sum = 0;
        for (int row = rows.from; row < rows.to; row++)
          for (int column = columns.from; column < columns.to; column++) {
            const float* pixel = x + (size_t(row) * s.W + column) * s.lanes;
            if (s.blocked)
              addTo(sums, pixel);
            else
              sum += *pixel;
          }
        const double count = double(rows.length()) * columns.length();
        if (s.blocked)
          storeQuotient(y, sums, count);  // lanes beyond C are zero, and so is their mean
        else
          *y = float(sum / count);
      }
  });
}

void adaptiveAvgPoolGrad(const Call& call) {
  const AdaptiveShape s(call.ints);
  forPlanes(call, s, [&](size_t plane) {
    const float* g = call.f32(0) + plane * s.OH * s.OW * s.lanes;
    float* dx = call.f32(1) + plane * s.H * s.W * s.lanes;
    for (int row = 0; row < s.H; row++)
      for (int column = 0; column < s.W; column++, dx += s.lanes) {
        const Range is = window(row, s.OH, s.H), js = window(column, s.OW, s.W);
        Block sums{};
        float sum = 0;
        for (int i = is.from; i < is.to; i++)
          for (int j = js.from; j < js.to; j++) {
            const float share = 1.0f / float(window(i, s.H, s.OH).length() * window(j, s.W, s.OW).length());
            const float* from = g + (size_t(i) * s.OW + j) * s.lanes;
            if (!s.blocked) sum += *from * share;
            for (int part = 0; s.blocked && part < PARTS; part++)
              sums.part[part] = fma(load(from + part * VL), broadcast(share), sums.part[part]);
          }
        if (s.blocked)
          storeBlock(dx, sums);
        else
          *dx = sum;
      }
  });
}

const Kernel KERNELS[] = {
    {"adaptive_avg_pool", 2, AdaptiveShape::INTS, 0, adaptiveAvgPool, nullptr},
    {"adaptive_avg_pool_grad", 2, AdaptiveShape::INTS, 0, adaptiveAvgPoolGrad, nullptr},
};

}  // namespace

KernelTable adaptivePoolKernels() { return {KERNELS, sizeof KERNELS / sizeof *KERNELS}; }

}  // namespace soma::SOMA_ISA
