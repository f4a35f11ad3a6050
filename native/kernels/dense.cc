// Fully connected layers of floats: y = x w' + bias, dx = g w, dw = g' x.
//
// The forward pass is made of dot products along the features (both operands are contiguous there); the
// two gradients are sums of outer products whose lanes are features. The weights that dense and dense_grad_input
// read are in stored order (dense_shape.h): w itself, or what dense_weights made of it.
#include "dense_shape.h"
#include "tables.h"

#include <utility>

namespace soma::SOMA_ISA {

namespace {

// [w, weights [O][stored], zeros where a position is no feature]; for layers whose w is not in stored order.
void denseWeights(const Call& call) {
  constexpr int PIECE = 1024;
  const DenseShape s(call.ints);
  const float* w = call.f32(0);
  float* weights = call.f32(1);
  call.pool->run(divideUp(s.stored(), PIECE), [&](int task, int) {
    const int first = task * PIECE, count = smaller(PIECE, s.stored() - first);
    int features[PIECE];
    for (int i = 0; i < count; i++) features[i] = s.feature(first + i);
    for (int o = 0; o < s.O; o++) {
      const float* from = w + size_t(o) * s.features();
      float* to = weights + size_t(o) * s.stored() + first;
      for (int i = 0; i < count; i++) to[i] = features[i] < 0 ? 0.0f : from[features[i]];
    }
  });
}

// ---- Forward

// y[r][o] += x[r] . w[o] over `count` features, for R rows and N outputs.
template <int R, int N>
void dotTile(const float* x, size_t xStride, const float* w, size_t wStride, int count, float* y, size_t yStride) {
  Vec sum[R][N] = {};
  const auto step = [&](int i, const auto& loadAt) {
    Vec weights[N];
#pragma GCC unroll 8
    for (int n = 0; n < N; n++) weights[n] = loadAt(w + n * wStride + i);
#pragma GCC unroll 8
    for (int r = 0; r < R; r++) {
      const Vec value = loadAt(x + r * xStride + i);
#pragma GCC unroll 8
      for (int n = 0; n < N; n++) sum[r][n] = fma(value, weights[n], sum[r][n]);
    }
  };
  int i = 0;
  for (; i + VL <= count; i += VL) step(i, [](const float* p) { return load(p); });
  if (i < count) step(i, [&](const float* p) { return loadFirst(p, count - i); });
  for (int r = 0; r < R; r++)
    for (int n = 0; n < N; n++) y[r * yStride + n] += sumLanes(sum[r][n]);
}

constexpr int DOT_ROWS = 4, DOT_OUTPUTS = VL == 16 ? 6 : 2;

using DotFn = void (*)(const float*, size_t, const float*, size_t, int, float*, size_t);
template <int R, size_t... N>
DotFn dotTileFor(int outputs, std::index_sequence<N...>) {
  static constexpr DotFn TILES[] = {dotTile<R, int(N) + 1>...};
  return TILES[outputs - 1];
}

void dense(const Call& call) {
  constexpr int TASK_ROWS = 16, TASK_OUTPUTS = 48;
  constexpr int FEATURES = 1024;  // summed at once, so that a task's weights stay in cache
  const DenseShape s(call.ints);
  const float *x = call.f32(0), *w = call.f32(1), *bias = call.f32(2);
  float* y = call.f32(3);
  const int stored = s.stored();

  const int outputTasks = divideUp(s.O, TASK_OUTPUTS);
  call.pool->run(divideUp(s.rows, TASK_ROWS) * outputTasks, [&](int task, int) {
    const int r0 = task / outputTasks * TASK_ROWS, r1 = smaller(s.rows, r0 + TASK_ROWS);
    const int o0 = task % outputTasks * TASK_OUTPUTS, o1 = smaller(s.O, o0 + TASK_OUTPUTS);
    const int tiles = divideUp(o1 - o0, DOT_OUTPUTS);
    for (int r = r0; r < r1; r++)
      for (int o = o0; o < o1; o++) y[size_t(r) * s.O + o] = bias ? bias[o] : 0;
    for (int f = 0; f < stored; f += FEATURES) {
      const int count = smaller(FEATURES, stored - f);
      for (int i = 0; i < tiles; i++) {
        const int o = o0 + (o1 - o0) * i / tiles, outputs = o0 + (o1 - o0) * (i + 1) / tiles - o;
        constexpr auto widths = std::make_index_sequence<DOT_OUTPUTS>();
        for (int r = r0; r < r1;) {
          const int rows = r1 - r >= DOT_ROWS ? DOT_ROWS : 1;
          const DotFn tile = rows == 1 ? dotTileFor<1>(outputs, widths) : dotTileFor<DOT_ROWS>(outputs, widths);
          tile(x + size_t(r) * stored + f, stored, w + size_t(o) * stored + f, stored, count,
               y + size_t(r) * s.O + o, s.O);
          r += rows;
        }
      }
    }
  });
}

// ---- Gradients

constexpr int OUTER_REGISTERS = VL == 16 ? 4 : 2;
constexpr int STRIP = OUTER_REGISTERS * VL;  // features in a strip

// out[m][0 … count) = sum over k < depth of a[m * aRow + k * aStep] * b[k][0 … count), for M rows m.
template <int M>
void outerTile(int depth, const float* a, size_t aRow, size_t aStep, const float* b, size_t bStride, int count,
               float* out, size_t outStride) {
  Vec sum[M][OUTER_REGISTERS] = {};
  const auto accumulate = [&](const auto& loadAt) {
    for (int k = 0; k < depth; k++) {
      Vec values[OUTER_REGISTERS];
#pragma GCC unroll 8
      for (int v = 0; v < OUTER_REGISTERS; v++) values[v] = loadAt(b + k * bStride, v * VL);
#pragma GCC unroll 8
      for (int m = 0; m < M; m++) {
        const Vec factor = broadcast(a[m * aRow + k * aStep]);
#pragma GCC unroll 8
        for (int v = 0; v < OUTER_REGISTERS; v++) sum[m][v] = fma(factor, values[v], sum[m][v]);
      }
    }
  };
  if (count == STRIP)
    accumulate([](const float* p, int at) { return load(p + at); });
  else
    accumulate([&](const float* p, int at) { return loadFirst(p + at, count - at); });
  for (int m = 0; m < M; m++)
    for (int v = 0; v < OUTER_REGISTERS; v++) storeFirst(out + m * outStride + v * VL, sum[m][v], count - v * VL);
}

// All rows of one strip.
void outerStrip(int rows, int depth, const float* a, size_t aRow, size_t aStep, const float* b, size_t bStride,
                int count, float* out, size_t outStride) {
  int m = 0;
  for (; m + 4 <= rows; m += 4)
    outerTile<4>(depth, a + m * aRow, aRow, aStep, b, bStride, count, out + m * outStride, outStride);
  for (; m < rows; m++)
    outerTile<1>(depth, a + m * aRow, aRow, aStep, b, bStride, count, out + m * outStride, outStride);
}

void denseGradInput(const Call& call) {
  constexpr int TASK_ROWS = 32, TASK_STRIPS = 16;
  const DenseShape s(call.ints);
  const float *g = call.f32(0), *w = call.f32(1);
  float* dx = call.f32(2);
  const int stored = s.stored();

  const int strips = divideUp(stored, STRIP), stripTasks = divideUp(strips, TASK_STRIPS);
  call.pool->run(divideUp(s.rows, TASK_ROWS) * stripTasks, [&](int task, int) {
    const int r = task / stripTasks * TASK_ROWS, rows = smaller(TASK_ROWS, s.rows - r);
    const int first = task % stripTasks * TASK_STRIPS;
    for (int strip = first; strip < smaller(strips, first + TASK_STRIPS); strip++) {
      const int f = strip * STRIP;
      outerStrip(rows, s.O, g + size_t(r) * s.O, s.O, 1, w + f, stored, smaller(STRIP, stored - f),
                 dx + size_t(r) * stored + f, stored);
    }
  });
}

struct DenseGradWeightPlan {
  float* strips;  // [thread][O][STRIP], where dw is not in stored order
  size_t bytes;

  DenseGradWeightPlan(const DenseShape& s, char* base, int threads) {
    Scratch scratch(base);
    strips = s.canonicalOrder() ? nullptr : scratch.take<float>(size_t(threads) * s.O * STRIP);
    bytes = scratch.used();
  }
};

void denseGradWeight(const Call& call) {
  const DenseShape s(call.ints);
  const DenseGradWeightPlan plan(s, call.scratch, call.pool->threads());
  const float *x = call.f32(0), *g = call.f32(1);
  float* dw = call.f32(2);
  const int stored = s.stored();
  call.pool->run(divideUp(stored, STRIP), [&](int strip, int thread) {
    const int f = strip * STRIP, count = smaller(STRIP, stored - f);
    if (!plan.strips) {
      outerStrip(s.O, s.rows, g, 1, s.O, x + f, stored, count, dw + f, stored);
      return;
    }
    float* sums = plan.strips + size_t(thread) * s.O * STRIP;
    outerStrip(s.O, s.rows, g, 1, s.O, x + f, stored, count, sums, STRIP);
    int features[STRIP];
    for (int i = 0; i < count; i++) features[i] = s.feature(f + i);
    for (int o = 0; o < s.O; o++)
      for (int i = 0; i < count; i++)
        if (features[i] >= 0) dw[size_t(o) * s.features() + features[i]] = sums[size_t(o) * STRIP + i];
  });
}
size_t denseGradWeightScratch(const Call& call, int threads) {
  return DenseGradWeightPlan(DenseShape(call.ints), nullptr, threads).bytes;
}

const Kernel KERNELS[] = {
    {"dense_weights", 2, DenseShape::INTS, 0, denseWeights, nullptr},
    {"dense", 4, DenseShape::INTS, 0, dense, nullptr},
    {"dense_grad_input", 3, DenseShape::INTS, 0, denseGradInput, nullptr},
    {"dense_grad_weight", 3, DenseShape::INTS, 0, denseGradWeight, denseGradWeightScratch},
};

}  // namespace

KernelTable denseKernels() { return {KERNELS, sizeof KERNELS / sizeof *KERNELS}; }

}  // namespace soma::SOMA_ISA
