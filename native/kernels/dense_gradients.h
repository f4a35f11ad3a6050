// dx = g w and dw = g' x of floats: sums of outer products, whose lanes are features. A piece of features is packed once
// (and turned, where w has another order) and then met by all rows, or all outputs.
#pragma once
#include "dense_pieces.h"
#include "matrix_tiles.h"

namespace soma::SOMA_ISA {

struct DenseGradientPlan {
  float* packed;  // [thread][strips of a piece][depth][STRIP]
  float* turned;  // [thread][OUTER_ROWS][a piece]
  size_t packedSize, turnedSize, bytes;

  DenseGradientPlan(const DensePieces& pieces, int depth, char* base, int threads) {
    Scratch scratch(base);
    packedSize = size_t(depth) * pieces.floats();
    turnedSize = pieces.turned ? size_t(OUTER_ROWS) * pieces.floats() : 0;
    packed = scratch.take<float>(threads * packedSize);
    turned = scratch.take<float>(threads * turnedSize);
    bytes = scratch.used();
  }
};

// Calls body(pieces, piece, packed, turned) for all pieces of features, with scratch of the thread.
template <class Body>
static inline void forDensePieces(const Call& call, const DenseShape& s, int depth, const Body& body) {
  const DensePieces pieces(s);
  const DenseGradientPlan plan(pieces, depth, call.scratch, call.pool->threads());
  call.pool->run(pieces.count(), [&](int task, int thread) {
    body(pieces, pieces[task], plan.packed + thread * plan.packedSize, plan.turned + thread * plan.turnedSize);
  });
}

// [g, w, dx]
static inline void denseGradInput(const Call& call) {
  const DenseShape s(call.ints);
  const float *g = call.f32(0), *w = call.f32(1);
  float* dx = call.f32(2);
  const int stored = s.stored();
  forDensePieces(call, s, s.O, [&](const DensePieces& pieces, const DensePiece& piece, float* packed, float* turned) {
    for (int o = 0; o < s.O; o++) {
      const float* row = w + size_t(o) * s.features();
      if (pieces.turned) turnRow(piece, s.HW, row, s.features(), turned);
      const float* from = pieces.turned ? turned : row + piece.first;
      for (int f = 0; f < piece.count; f += STRIP)
        packStrip(1, from + f, 0, piece.count - f, packed + size_t(f) * s.O + o * STRIP);
    }
    for (int f = 0; f < piece.count; f += STRIP)
      outerStrip(s.rows, s.O, g, s.O, 1, packed + size_t(f) * s.O, smaller(STRIP, piece.count - f),
                 dx + piece.first + f, stored);
  });
}

// [x, g, dw]
static inline void denseGradWeight(const Call& call) {
  const DenseShape s(call.ints);
  const float *x = call.f32(0), *g = call.f32(1);
  float* dw = call.f32(2);
  const int stored = s.stored();
  forDensePieces(call, s, s.rows, [&](const DensePieces& pieces, const DensePiece& piece, float* packed, float* turned) {
    for (int f = 0; f < piece.count; f += STRIP)
      packStrip(s.rows, x + piece.first + f, stored, piece.count - f, packed + size_t(f) * s.rows);
    for (int o = 0; o < s.O; o += OUTER_ROWS) {
      const int outputs = smaller(OUTER_ROWS, s.O - o);
      float* rows = dw + size_t(o) * s.features();
      for (int f = 0; f < piece.count; f += STRIP)
        outerStrip(outputs, s.rows, g + o, 1, s.O, packed + size_t(f) * s.rows, smaller(STRIP, piece.count - f),
                   pieces.turned ? turned + f : rows + piece.first + f, pieces.turned ? piece.count : s.features());
      for (int i = 0; pieces.turned && i < outputs; i++)
        turnRowBack(piece, s.HW, turned + i * piece.count, rows + size_t(i) * s.features());
    }
  });
}

static inline size_t denseGradInputScratch(const Call& call, int threads) {
  const DenseShape s(call.ints);
  return DenseGradientPlan(DensePieces(s), s.O, nullptr, threads).bytes;
}
static inline size_t denseGradWeightScratch(const Call& call, int threads) {
  const DenseShape s(call.ints);
  return DenseGradientPlan(DensePieces(s), s.rows, nullptr, threads).bytes;
}

}  // namespace soma::SOMA_ISA
