// Products of matrices, one pair a row of the batch: y[n] = a[n] b[n], each of both transposed where wanted.
//   ints: [TN, M, K, P, transposed a, transposed b]; a is [M][K] or [K][M], b is [K][P] or [P][K], y is [M][P]
//
// A task makes some rows of one product, or all of several small ones. Where b is transposed and a is not, both lie
// along the sum; where both are, b is first turned.
#include <algorithm>
#include "../kernel.h"
#include "matrix_tiles.h"
#include "scratch.h"
#include "tables.h"

namespace soma::SOMA_ISA {
namespace {

constexpr size_t GRAIN = 1 << 16;  // multiplications that are worth a task

struct MatmulShape {
  static constexpr int INTS = 6;
  int N, M, K, P;
  bool transposeA, transposeB;

  explicit MatmulShape(const int32_t* i)
      : N(i[0]), M(i[1]), K(i[2]), P(i[3]), transposeA(i[4]), transposeB(i[5]) {}

  size_t sizeA() const { return size_t(M) * K; }
  size_t sizeB() const { return size_t(K) * P; }
  size_t sizeY() const { return size_t(M) * P; }
  bool turnsB() const { return transposeA && transposeB; }
  bool dots() const { return transposeB && !transposeA; }
};

struct MatmulPlan {
  float* turned;  // [N][K][P], where b has to be turned
  float* strips;  // [thread][K][STRIP] of b, where the columns of the result are lanes
  size_t bytes;

  MatmulPlan(const MatmulShape& s, char* base, int threads) {
    Scratch scratch(base);
    strips = s.dots() ? nullptr : scratch.take<float>(size_t(threads) * s.K * STRIP);
    turned = s.turnsB() ? scratch.take<float>(size_t(s.N) * s.sizeB()) : nullptr;
    bytes = scratch.used();
  }
};

// Rows [m0, m1) of one product; b is [K][P], or [P][K] where it is made of dot products.
void rowsOf(const MatmulShape& s, const float* a, const float* b, float* strip, int m0, int m1, float* y) {
  const int rows = m1 - m0;
  y += size_t(m0) * s.P;
  if (s.dots()) {
    constexpr int DEPTH = 1024;  // summed at once, so that what is read again stays in cache
    std::fill(y, y + size_t(rows) * s.P, 0.0f);
    for (int k = 0; k < s.K; k += DEPTH)
      dotTiles(rows, a + size_t(m0) * s.K + k, s.K, s.P, b + k, s.K, smaller(DEPTH, s.K - k), y, s.P);
    return;
  }
  const float* from = s.transposeA ? a + m0 : a + size_t(m0) * s.K;
  const size_t row = s.transposeA ? 1 : s.K, step = s.transposeA ? s.M : 1;
  for (int p = 0; p < s.P; p += STRIP) {
    const int count = smaller(STRIP, s.P - p);
    packStrip(s.K, b + p, s.P, count, strip);
    outerStrip(rows, s.K, from, row, step, strip, count, y + p, s.P);
  }
}

void matmul(const Call& call) {
  constexpr int TASK_ROWS = 32;
  const MatmulShape s(call.ints);
  const MatmulPlan plan(s, call.scratch, call.pool->threads());
  if (plan.turned)
    call.pool->run(s.N, [&](int n, int) {
      const float* b = call.f32(1) + n * s.sizeB();
      float* to = plan.turned + n * s.sizeB();
      for (int k = 0; k < s.K; k++)
        for (int p = 0; p < s.P; p++) to[size_t(k) * s.P + p] = b[size_t(p) * s.K + k];
    });
  const float* b = plan.turned ? plan.turned : call.f32(1);
  const int parts = divideUp(s.M, TASK_ROWS);
  const size_t work = std::max<size_t>(1, std::min(s.M, TASK_ROWS) * s.sizeB());
  const int pieces = s.N * parts, perTask = int(std::max<size_t>(1, GRAIN / work));
  call.pool->run(divideUp(pieces, perTask), [&](int task, int thread) {
    float* strip = plan.strips + (plan.strips ? size_t(thread) * s.K * STRIP : 0);
    for (int piece = task * perTask; piece < smaller(pieces, (task + 1) * perTask); piece++) {
      const size_t n = size_t(piece / parts);
      const int m0 = piece % parts * TASK_ROWS;
      rowsOf(s, call.f32(0) + n * s.sizeA(), b + n * s.sizeB(), strip, m0, smaller(s.M, m0 + TASK_ROWS),
             call.f32(2) + n * s.sizeY());
    }
  });
}
size_t matmulScratch(const Call& call, int threads) {
  return MatmulPlan(MatmulShape(call.ints), nullptr, threads).bytes;
}

const Kernel KERNELS[] = {{"matmul", 3, MatmulShape::INTS, 0, matmul, matmulScratch}};

}  // namespace

KernelTable matmulKernels() { return {KERNELS, sizeof KERNELS / sizeof *KERNELS}; }

}  // namespace soma::SOMA_ISA
