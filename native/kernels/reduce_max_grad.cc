// Gradient of a maximum over any axes.
// (x, y, g) → dx: the first element of a reduction, in logical order, that equals its maximum gets g.
//   ints: [spikes, blocked (x and dx), kept axes of T N C H W as bits, T, N, C, H, W, strides of y for T N C H W,
//          strides of y's channel block and lane]
// Position by position; over the channels of a blocked map it is pixel_grad (pixel.cc).
#include <algorithm>
#include "../kernel.h"
#include "../simd.h"
#include "scratch.h"
#include "tables.h"

namespace soma::SOMA_ISA {
namespace {

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

const Kernel KERNELS[] = {{"reduce_max_grad", 4, 15, 0, reduceMaxGrad, nullptr}};

}  // namespace

KernelTable reduceMaxGradKernels() { return {KERNELS, sizeof KERNELS / sizeof *KERNELS}; }

}  // namespace soma::SOMA_ISA
