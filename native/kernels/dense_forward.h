// y = x w' + bias of floats: dot products along the features, which both operands have side by side.
#pragma once
#include <algorithm>
#include "dense_pieces.h"
#include "matrix_tiles.h"

namespace soma::SOMA_ISA {

// [w, weights [O][stored], zeros where a position is no feature]; for layers whose w is not in stored order.
static inline void denseWeights(const Call& call) {
  constexpr int AHEAD = 32;  // pixels
  constexpr int TASK_PIECES = 32;
  const DenseShape s(call.ints);
  const DensePieces pieces(s);
  const float* w = call.f32(0);
  float* weights = call.f32(1);
  const int rowTasks = divideUp(pieces.count(), TASK_PIECES);
  call.pool->run(s.O * rowTasks, [&](int task, int) {
    const size_t o = size_t(task / rowTasks);
    const int first = task % rowTasks * TASK_PIECES;
    for (int i = first; i < smaller(pieces.count(), first + TASK_PIECES); i++)
      turnRow(pieces[i], s.HW, w + o * s.features(), AHEAD, weights + o * s.stored() + pieces[i].first);
  });
}

// Adds the products of `count` features to sums[rows][O]. Rows of x that lie apart by a power of two would share few
// lines of a cache, so they are brought together where they are read more than once.
struct DenseProducts {
  static constexpr int FEATURES = DensePieces::MOST;  // summed at once, so that operands stay in cache

  static size_t packedSize(int rows) { return size_t(rows) * FEATURES; }

  static void add(int rows, const float* x, size_t xStride, int outputs, const float* w, size_t wStride, int count,
                  float* packed, float* sums, size_t sumStride) {
    if (rows <= DOT_ROWS || outputs <= DOT_OUTPUTS)
      return dotTiles(rows, x, xStride, outputs, w, wStride, count, sums, sumStride);
    for (int r = 0; r < rows; r++) std::copy_n(x + r * xStride, count, packed + r * FEATURES);
    dotTiles(rows, packed, FEATURES, outputs, w, wStride, count, sums, sumStride);
  }
};

struct DensePlan {
  static constexpr int TASK_ROWS = 16, TASK_OUTPUTS = 48;

  float* packed;  // for each thread
  size_t bytes;

  DensePlan(char* base, int threads) {
    Scratch scratch(base);
    packed = scratch.take<float>(threads * DenseProducts::packedSize(TASK_ROWS));
    bytes = scratch.used();
  }
};

// [x, weights in stored order, bias | null, y]
static inline void dense(const Call& call) {
  constexpr int TASK_ROWS = DensePlan::TASK_ROWS, TASK_OUTPUTS = DensePlan::TASK_OUTPUTS;
  const DenseShape s(call.ints);
  const DensePlan plan(call.scratch, call.pool->threads());
  const float *x = call.f32(0), *w = call.f32(1), *bias = call.f32(2);
  float* y = call.f32(3);
  const size_t stored = s.stored();

  const int outputTasks = divideUp(s.O, TASK_OUTPUTS);
  call.pool->run(divideUp(s.rows, TASK_ROWS) * outputTasks, [&](int task, int thread) {
    const int r0 = task / outputTasks * TASK_ROWS, r1 = smaller(s.rows, r0 + TASK_ROWS);
    const int o0 = task % outputTasks * TASK_OUTPUTS, o1 = smaller(s.O, o0 + TASK_OUTPUTS);
    for (int r = r0; r < r1; r++)
      for (int o = o0; o < o1; o++) y[size_t(r) * s.O + o] = bias ? bias[o] : 0;
    for (size_t f = 0; f < stored; f += DenseProducts::FEATURES)
      DenseProducts::add(r1 - r0, x + r0 * stored + f, stored, o1 - o0, w + o0 * stored + f, stored,
                         int(std::min<size_t>(DenseProducts::FEATURES, stored - f)),
                         plan.packed + thread * DenseProducts::packedSize(TASK_ROWS), y + size_t(r0) * s.O + o0, s.O);
  });
}
static inline size_t denseScratch(const Call&, int threads) { return DensePlan(nullptr, threads).bytes; }

// Long rows are cut into groups of pieces, whose sums are added in order at the end: there is work for all threads, and
// each weight is read, and turned, once. The number of groups depends on the shape only, and so do the bits of y.
struct DenseLongPlan {
  static constexpr int MOST_GROUPS = 32, ROWS = 64, OUTPUTS = 96;  // at once, so that operands stay in cache

  int groupPieces, groups;
  float* packed;   // for each thread
  float* weights;  // [thread][OUTPUTS][a piece], turned
  float* parts;    // [group][rows][O]
  size_t packedSize, weightsSize, bytes;

  DenseLongPlan(const DensePieces& pieces, char* base, int threads) {
    Scratch scratch(base);
    const DenseShape& s = pieces.s;
    groupPieces = divideUp(pieces.count(), MOST_GROUPS);
    groups = divideUp(pieces.count(), groupPieces);
    packedSize = DenseProducts::packedSize(smaller(ROWS, s.rows));
    packed = scratch.take<float>(threads * packedSize);
    weightsSize = pieces.turned ? size_t(OUTPUTS) * DensePieces::MOST : 0;
    weights = scratch.take<float>(threads * weightsSize);
    parts = scratch.take<float>(size_t(groups) * s.rows * s.O);
    bytes = scratch.used();
  }
};

// [x, w in its own order, bias | null, y]
static inline void denseLong(const Call& call) {
  constexpr int ROWS = DenseLongPlan::ROWS, OUTPUTS = DenseLongPlan::OUTPUTS, RESULTS = 2048;
  const DenseShape s(call.ints);
  const DensePieces pieces(s);
  const DenseLongPlan plan(pieces, call.scratch, call.pool->threads());
  const float *x = call.f32(0), *w = call.f32(1), *bias = call.f32(2);
  float* y = call.f32(3);
  const int stored = s.stored(), results = s.rows * s.O;

  const auto addPiece = [&](const DensePiece& piece, int thread, float* sums) {
    float* turned = plan.weights + thread * plan.weightsSize;
    for (int o = 0; o < s.O; o += OUTPUTS) {
      const int outputs = smaller(OUTPUTS, s.O - o);
      const float* weights = w + size_t(o) * s.features();
      for (int i = 0; pieces.turned && i < outputs; i++)
        turnRow(piece, s.HW, weights + size_t(i) * s.features(), s.features(), turned + size_t(i) * piece.count);
      for (int r = 0; r < s.rows; r += ROWS)
        DenseProducts::add(smaller(ROWS, s.rows - r), x + size_t(r) * stored + piece.first, stored, outputs,
                           pieces.turned ? turned : weights + piece.first, pieces.turned ? piece.count : stored,
                           piece.count, plan.packed + thread * plan.packedSize, sums + size_t(r) * s.O + o, s.O);
    }
  };
  call.pool->run(plan.groups, [&](int group, int thread) {
    float* sums = plan.parts + size_t(group) * results;
    std::fill_n(sums, results, 0.0f);
    for (int i = group * plan.groupPieces; i < smaller(pieces.count(), (group + 1) * plan.groupPieces); i++)
      addPiece(pieces[i], thread, sums);
  });
  call.pool->run(divideUp(results, RESULTS), [&](int task, int) {
    const int first = task * RESULTS, end = smaller(results, first + RESULTS);
    for (int i = first; i < end; i++) y[i] = bias ? bias[i % s.O] : 0;
    for (int group = 0; group < plan.groups; group++)
      for (int i = first; i < end; i++) y[i] += plan.parts[size_t(group) * results + i];
  });
}
static inline size_t denseLongScratch(const Call& call, int threads) {
  return DenseLongPlan(DensePieces(DenseShape(call.ints)), nullptr, threads).bytes;
}

}  // namespace soma::SOMA_ISA
