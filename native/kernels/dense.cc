// Fully connected layers of floats: y = x w' + bias, dx = g w, dw = g' x.
//
// The forward pass is made of dot products along the features (both operands are contiguous there); the
// two gradients are sums of outer products whose lanes are features. The weights that dense and dense_grad_input
// read are in stored order (dense_shape.h): w itself, or what dense_weights made of it.
#include "dense_shape.h"
#include "matrix_tiles.h"
#include "tables.h"

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
    for (int r = r0; r < r1; r++)
      for (int o = o0; o < o1; o++) y[size_t(r) * s.O + o] = bias ? bias[o] : 0;
    for (int f = 0; f < stored; f += FEATURES) {
      const int count = smaller(FEATURES, stored - f);
      dotTiles(r1 - r0, x + size_t(r0) * stored + f, stored, o1 - o0, w + size_t(o0) * stored + f, stored, count,
               y + size_t(r0) * s.O + o0, s.O);
    }
  });
}

// ---- Gradients

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
