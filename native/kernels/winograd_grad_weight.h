// The gradient of the weights of a 3x3 convolution with stride 1 by Winograd's algorithm.
//
// A task owns a group of channels, C_GROUP blocks of inputs by O_GROUP blocks of outputs, and a run of
// tiles. Block of tiles by block of tiles it transforms x and g and adds their products over tiles:
//
//   points of x   V [point][channel block][tile][16]
//   points of g   D [point][output block][tile][16]
//   their sums    M [point][channel block][output block][16 channels][16 outputs]
//
// all of which stay in the level 2 cache. Sums are formed by block of tiles, by run and then in order of
// runs, so errors grow slowly; M is transformed back once a run.
#pragma once
#include "conv_grad_weight.h"
#include "winograd_algorithm.h"
#include "winograd_tiles.h"

namespace soma::SOMA_ISA {

struct WinogradGradWeightPlan {
  static constexpr int C_GROUP = 4, O_GROUP = 4;  // channel blocks
  static constexpr int BLOCK_TILES = 24;
  static constexpr int MIN_TASKS = 16, MIN_RUN = 64;  // tiles in a run, where there are few tasks

  TileGrid grid;
  int inputBlocks, outputBlocks, inputGroups, outputGroups, runs;
  size_t inputPoint, gradientPoint, sumPoint;  // floats between points of V, D and M
  size_t inputSize, gradientSize, sumSize;
  size_t pairSize;  // result of one pair of blocks: [tap][channel][16]
  float *inputs, *gradients, *sums, *partial;
  size_t bytes;

  WinogradGradWeightPlan(const ConvShape& s, char* base, int threads) : grid{s.images, UnitStride::tiles(s.OH, 0), UnitStride::tiles(s.OW, 0)} {
    inputBlocks = blocks(s.C), outputBlocks = blocks(s.O);
    inputGroups = divideUp(inputBlocks, C_GROUP), outputGroups = divideUp(outputBlocks, O_GROUP);
    const int groups = inputGroups * outputGroups;
    runs = larger(1, smaller(grid.count() / MIN_RUN, divideUp(MIN_TASKS, groups)));
    const int a = smaller(C_GROUP, inputBlocks), b = smaller(O_GROUP, outputBlocks);
    inputPoint = size_t(a) * BLOCK_TILES * LANES + LANES;
    gradientPoint = size_t(b) * BLOCK_TILES * LANES + LANES;
    sumPoint = size_t(a) * b * LANES * LANES + LANES;
    inputSize = WINOGRAD_POINTS * inputPoint;
    gradientSize = WINOGRAD_POINTS * gradientPoint;
    sumSize = WINOGRAD_POINTS * sumPoint;
    pairSize = size_t(s.taps()) * LANES * LANES;

    Scratch scratch(base);
    inputs = scratch.take<float>(threads * inputSize);
    gradients = scratch.take<float>(threads * gradientSize);
    sums = scratch.take<float>(threads * sumSize);
    partial = scratch.take<float>(size_t(runs) * inputBlocks * outputBlocks * pairSize);
    bytes = scratch.used();
  }

  float* pair(int run, int cb, int ob) const {
    return partial + ((size_t(run) * inputBlocks + cb) * outputBlocks + ob) * pairSize;
  }
};

// Points of `count` tiles of channel blocks [firstBlock, endBlock).
template <bool GRADIENT, class Source>
static inline void transformBlocks(const TileGrid& grid, const Source& source, int firstTile, int count, int firstBlock,
                                   int endBlock, int padTop, int padLeft, float* to, size_t pointStride) {
  constexpr int SIDE = GRADIENT ? WINOGRAD_OUTPUT : WINOGRAD_INPUT;
  for (int cb = firstBlock; cb < endBlock; cb++, to += size_t(WinogradGradWeightPlan::BLOCK_TILES) * LANES)
    forTiles(grid, firstTile, count, [&](int i, int n, int row, int column) {
      const int y = UnitStride::inputOrigin(row, padTop), x = UnitStride::inputOrigin(column, padLeft);
      float* at = to + i * LANES;
      withTile<SIDE>(source, n, cb, y, x, [&](const auto& read) {
        if constexpr (GRADIENT)
          winogradGradient(read, at, pointStride);
        else
          winogradInput<UnitStride>(read, [&](int row, int column, int lane, Vec v) {
            store(at + (row * 6 + column) * pointStride + lane, v);
          });
      });
    });
}

template <class Source, class Gradient>
static inline void runWinogradGradWeight(const Call& call, const ConvShape& s, const Source& x, const Gradient& g,
                                         float* dw) {
  using Plan = WinogradGradWeightPlan;
  const Plan plan(s, call.scratch, call.pool->threads());
  static const int32_t onlyTap = 0;

  const int groups = plan.inputGroups * plan.outputGroups;
  call.pool->run(plan.runs * groups, [&](int task, int thread) {
    const int run = task / groups;
    const int firstC = task / plan.outputGroups % plan.inputGroups * Plan::C_GROUP;
    const int firstO = task % plan.outputGroups * Plan::O_GROUP;
    const int endC = smaller(plan.inputBlocks, firstC + Plan::C_GROUP);
    const int endO = smaller(plan.outputBlocks, firstO + Plan::O_GROUP);
    float* inputs = plan.inputs + thread * plan.inputSize;
    float* gradients = plan.gradients + thread * plan.gradientSize;
    float* sums = plan.sums + thread * plan.sumSize;
    std::memset(sums, 0, plan.sumSize * sizeof(float));

    const int endTile = int(int64_t(plan.grid.count()) * (run + 1) / plan.runs);
    for (int first = int(int64_t(plan.grid.count()) * run / plan.runs); first < endTile; first += Plan::BLOCK_TILES) {
      const int tiles = smaller(Plan::BLOCK_TILES, endTile - first);
      transformBlocks<false>(plan.grid, x, first, tiles, firstC, endC, s.padTop, s.padLeft, inputs, plan.inputPoint);
      transformBlocks<true>(plan.grid, g, first, tiles, firstO, endO, 0, 0, gradients, plan.gradientPoint);
      for (int p = 0; p < WINOGRAD_POINTS; p++) {
        float* to = sums + p * plan.sumPoint;
        constexpr size_t BLOCK = size_t(Plan::BLOCK_TILES) * LANES;
        for (int c = 0; c < endC - firstC; c++, to += (endO - firstO) * LANES * LANES)
          correlateBlocks({inputs + p * plan.inputPoint + c * BLOCK, 0, gradients + p * plan.gradientPoint, BLOCK, 1, tiles},
                          &onlyTap, 1, endO - firstO, to, LANES * LANES);
      }
    }

    const float* from = sums;
    for (int cb = firstC; cb < endC; cb++)
      for (int ob = firstO; ob < endO; ob++, from += LANES * LANES)
        for (int i = 0; i < LANES * LANES; i += VL)
          winogradWeightGradient(from + i, plan.sumPoint, plan.pair(run, cb, ob) + i, LANES * LANES);
  });

  call.pool->run(plan.inputBlocks * plan.outputBlocks, [&](int task, int) {
    const int ob = task % plan.outputBlocks, cb = task / plan.outputBlocks;
    float* total = plan.pair(0, cb, ob);
    for (int run = 1; run < plan.runs; run++) {
      const float* add = plan.pair(run, cb, ob);
      for (size_t i = 0; i < plan.pairSize; i += VL) store(total + i, load(total + i) + load(add + i));
    }
    storeTaps(total, s.taps(), LANES, smaller(LANES, s.C - cb * LANES), smaller(LANES, s.O - ob * LANES),
              size_t(s.C) * s.taps(), dw + (size_t(ob) * LANES * s.C + cb * LANES) * s.taps());
  });
}

}  // namespace soma::SOMA_ISA
