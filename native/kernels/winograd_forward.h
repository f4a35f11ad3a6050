// A 3x3 convolution by Winograd's algorithm (winograd_algorithm.h says which there are): forward, and the gradient
// of the input, which is a convolution of the gradient with weights turned round and transposed.
//
// Blocks of tiles are taken through the three stages while they lie in cache; nothing larger is ever stored:
//
//   slots of the input     V [point][channel block][tile][slot][16]
//   times the weights      U [group][point][panel][channel][PANEL]     (winograd_weights.h)
//   give the output's      M [point][block of the group][tile][slot][16], one group of output channels at a time
//
// At each point the sum over channels is a 1x1 convolution over slots, and runs on the register tiles of
// conv_tile.h.
//
// Many tiles: a task is a block of tiles with all three stages, V in its level 2 cache. Few tiles or many
// channels: the weights are the larger part, so V is shared, and a task is a group of output channels, which
// reads its weights once. Where that is the only time that they are read, it can also transform them, a slab of
// input channels at a time, and U, four times as large as the weights, is never stored.
#pragma once
#include "conv_emit.h"
#include "conv_tile.h"
#include "winograd_tiles.h"
#include "winograd_weights.h"

namespace soma::SOMA_ISA {

// ---- The convolution

template <class Algorithm>
struct WinogradPlan {
  using Layout = SlotLayout<Algorithm>;

  static constexpr size_t OWN_FLOATS = 160 * 1024;  // of V and M, where each task has its own
  static constexpr int OWN_TILES = Algorithm::PLAIN > 1 ? 6 : 14, MOST_OWN_TILES = 28, MIN_TASKS = 16;
  // Where weights are transformed besides, once for each block: about half of MOST_TILES of
  // src/engine/native/lower-conv.ts.
  static constexpr int SHARED_TILES = 56, MOST_SHARED_TILES = divideUp(128, OWN_TILES) * OWN_TILES;
  // Input channels summed at a stretch. Rounding errors grow with the length of a sum, and the transform of the
  // points back to outputs makes them larger: so long sums are made of sums. Plain weights are transformed as many
  // at a time, which a level 2 cache holds.
  static constexpr int SLAB = 128;

  TileGrid grid;
  bool shared;
  int blockTiles, tileBlocks;
  int inputBlocks;
  Layout inputLayout, outputLayout;  // V of a block of tiles, M of a block of tiles and a group
  size_t weightsSize;                // U of a group and a slab
  float *bias, *inputs, *outputs, *weights;
  size_t bytes;

  // `plainWeights`: they have not been transformed.
  WinogradPlan(const ConvShape& s, char* base, int threads, bool plainWeights = false)
      : grid{s.images, Algorithm::tiles(s.pool2 ? s.yH() * 2 : s.OH, s.padTop),
             Algorithm::tiles(s.pool2 ? s.yW() * 2 : s.OW, s.padLeft)},
        blockTiles(chooseBlocks(s, plainWeights, threads)),
        inputBlocks(blocks(s.C)),
        inputLayout(inputBlocks, blockTiles),
        outputLayout(WINOGRAD_GROUP / LANES, blockTiles) {
    Scratch scratch(base);
    bias = scratch.take<float>(size_t(blocks(s.O)) * LANES);
    inputs = scratch.take<float>((shared ? 1 : threads) * inputLayout.size);
    outputs = scratch.take<float>(threads * outputLayout.size);
    weightsSize = plainWeights ? winogradWeightsGroup(smaller(SLAB, s.C)) : 0;
    weights = scratch.take<float>(threads * weightsSize);
    bytes = scratch.used();
  }

  int firstTile(int block) const { return block * blockTiles; }
  int tiles(int block) const { return smaller(blockTiles, grid.count() - firstTile(block)); }

 private:
  int chooseBlocks(const ConvShape& s, bool plainWeights, int threads) {
    const int tasks = threads > 1 ? MIN_TASKS : 1;
    const size_t tileFloats = size_t(Algorithm::SLOTS) * Algorithm::SLOTS * (blocks(s.C) * LANES + WINOGRAD_GROUP);
    const int fit = smaller(MOST_OWN_TILES, int(OWN_FLOATS / tileFloats) / OWN_TILES * OWN_TILES);
    shared = fit < OWN_TILES || grid.count() < OWN_TILES * tasks || plainWeights;
    const int most = plainWeights ? MOST_SHARED_TILES : shared ? SHARED_TILES : smaller(fit, grid.count() / tasks);
    // As few register tiles as can be, all about as wide: 64 tiles are 26 + 26 + 12, not 22 + 21 + 21.
    const int count = larger(1, grid.count()), wide = divideUp(count, OWN_TILES);
    const int wideInBlock = divideUp(wide, divideUp(wide, larger(1, most / OWN_TILES)));
    const int tiles = wideInBlock * divideUp(count, wide);
    tileBlocks = divideUp(grid.count(), tiles);
    return tiles;
  }
};

template <class Algorithm, class Source>
class WinogradConvolution {
 public:
  using Plan = WinogradPlan<Algorithm>;

  WinogradConvolution(const Plan& plan, const ConvShape& s, const Source& x, float* y, uint8_t* argmax)
      : plan_(plan), s_(s), x_(x), emitter_(s, y, argmax) {}

  // V of one channel block.
  void transformInput(int block, int cb, float* inputs) const {
    forTiles(plan_.grid, plan_.firstTile(block), plan_.tiles(block), [&](int i, int n, int row, int column) {
      const int y = Algorithm::inputOrigin(row, s_.padTop), x = Algorithm::inputOrigin(column, s_.padLeft);
      const auto slots = plan_.inputLayout.slots(cb, i);
      withTile<Algorithm::INPUT>(x_, n, cb, y, x, [&](const auto& read) {
        winogradInput<Algorithm>(
            read, [&](int row, int column, int lane, Vec v) { store(inputs + slots(row, column) + lane, v); });
      });
    });
  }

  // M of one group of output channels.
  void multiply(int block, int group, const float* inputs, const float* weights, float* outputs) const {
    const size_t point = winogradWeightsPoint(s_.C);
    const float* from = weights + group * winogradWeightsGroup(s_.C);
    for (int p = 0; p < WINOGRAD_POINTS; p++)
      for (int panel = 0; panel < panels(channelsOf(group)); panel++)
        for (int c = 0; c < s_.C; c += Plan::SLAB)
          multiplyPoint(block, group, p, panel, c, smaller(Plan::SLAB, s_.C - c), inputs,
                        from + p * point + panel * panelSize(s_.C, 1) + size_t(c) * panelWidth(group), outputs);
  }

  // The same with weights that are transformed on the way, a slab of input channels at a time.
  void multiply(int block, int group, const float* inputs, const WinogradWeights<Algorithm>& weights, float* slab,
                float* outputs) const {
    for (int c = 0; c < s_.C; c += Plan::SLAB) {
      const int channels = smaller(Plan::SLAB, s_.C - c);
      const size_t point = winogradWeightsPoint(channels), panelStride = panelSize(channels, 1);
      for (int i = 0; i < channels; i += LANES)
        weights.transform(group, c + i, smaller(LANES, channels - i), slab + size_t(i) * panelWidth(group), point,
                          panelStride);
      for (int p = 0; p < WINOGRAD_POINTS; p++)
        for (int panel = 0; panel < panels(channelsOf(group)); panel++)
          multiplyPoint(block, group, p, panel, c, channels, inputs, slab + p * point + panel * panelStride, outputs);
    }
  }

  // What becomes of the sums.
  void finish(int block, int group, const float* outputs) const {
    const int firstChannel = group * WINOGRAD_GROUP;
    for (int b = 0; b < blocks(channelsOf(group)); b++) {
      const Block bias = loadBlock(plan_.bias + firstChannel + b * LANES);
      forTiles(plan_.grid, plan_.firstTile(block), plan_.tiles(block), [&](int i, int n, int row, int column) {
        const int y = Algorithm::outputOrigin(row, s_.padTop), x = Algorithm::outputOrigin(column, s_.padLeft);
        const auto slots = plan_.outputLayout.slots(b, i);
        for (int part = 0; part < PARTS; part++) {
          const float* from = outputs + part * VL;
          Vec tile[Algorithm::OUTPUT][Algorithm::OUTPUT];
          winogradOutput<Algorithm>([&](int row, int column) { return load(from + slots(row, column)); },
                                    [&](int row, int column, Vec v) { tile[row][column] = v; });
          emitter_.emitTile(n, firstChannel / LANES + b, part, y, x, tile, bias.part[part]);
        }
      });
    }
  }

 private:
  int channelsOf(int group) const { return smaller(WINOGRAD_GROUP, s_.O - group * WINOGRAD_GROUP); }
  int panelWidth(int group) const { return smaller(PANEL, blocks(channelsOf(group)) * LANES); }

  // Adds what `channels` input channels from `firstChannel` on give to one panel at one point.
  void multiplyPoint(int block, int group, int p, int panel, int firstChannel, int channels, const float* inputs,
                     const float* weights, float* outputs) const {
    static const float noBias[PANEL] = {};
    static const int32_t onlyTap = 0;
    TileGeometry geometry{};
    geometry.channels = channels;
    geometry.lanes = LANES;
    geometry.inputBlock = plan_.inputLayout.blockSize(p);
    geometry.outputPixel = LANES;
    geometry.outputBlock = plan_.outputLayout.blockSize(p);
    geometry.add = firstChannel > 0;
    convolvePanel(geometry, {&onlyTap, 1},
                  inputs + plan_.inputLayout.start[p] + firstChannel / LANES * geometry.inputBlock, weights, noBias,
                  panel, channelsOf(group), 1, plan_.tiles(block) * Plan::Layout::slotsOf(p),
                  outputs + plan_.outputLayout.start[p]);
  }

  const Plan& plan_;
  const ConvShape& s_;
  const Source& x_;
  const ConvEmitter emitter_;
};

// y = conv(x) + bias, pooled and clamped as `s` says, with transformed weights.
template <class Algorithm, class Source>
static inline void runWinograd(const Call& call, const ConvShape& s, const Source& x, const float* weights,
                               const float* bias, float* y, uint8_t* argmax) {
  const WinogradPlan<Algorithm> plan(s, call.scratch, call.pool->threads());
  const WinogradConvolution<Algorithm, Source> convolution(plan, s, x, y, argmax);
  packBias(bias, s.O, plan.bias);
  const int groups = winogradGroups(s.O);
  const auto runGroup = [&](int block, int group, const float* inputs, int thread) {
    float* outputs = plan.outputs + thread * plan.outputLayout.size;
    convolution.multiply(block, group, inputs, weights, outputs);
    convolution.finish(block, group, outputs);
  };
  if (!plan.shared) {
    call.pool->run(plan.tileBlocks, [&](int block, int thread) {
      float* inputs = plan.inputs + thread * plan.inputLayout.size;
      for (int cb = 0; cb < plan.inputBlocks; cb++) convolution.transformInput(block, cb, inputs);
      for (int group = 0; group < groups; group++) runGroup(block, group, inputs, thread);
    });
    return;
  }
  for (int block = 0; block < plan.tileBlocks; block++) {
    call.pool->run(plan.inputBlocks, [&](int cb, int) { convolution.transformInput(block, cb, plan.inputs); });
    call.pool->run(groups, [&](int group, int thread) { runGroup(block, group, plan.inputs, thread); });
  }
}

// The same with weights as they are.
template <class Algorithm, class Source>
static inline void runWinograd(const Call& call, const ConvShape& s, const Source& x,
                               const WinogradWeights<Algorithm>& weights, const float* bias, float* y,
                               uint8_t* argmax) {
  const WinogradPlan<Algorithm> plan(s, call.scratch, call.pool->threads(), true);
  const WinogradConvolution<Algorithm, Source> convolution(plan, s, x, y, argmax);
  packBias(bias, s.O, plan.bias);
  for (int block = 0; block < plan.tileBlocks; block++) {
    call.pool->run(plan.inputBlocks, [&](int cb, int) { convolution.transformInput(block, cb, plan.inputs); });
    call.pool->run(winogradGroups(s.O), [&](int group, int thread) {
      float* outputs = plan.outputs + thread * plan.outputLayout.size;
      convolution.multiply(block, group, plan.inputs, weights, plan.weights + thread * plan.weightsSize, outputs);
      convolution.finish(block, group, outputs);
    });
  }
}

// The shape of the convolution that computes the input's gradient. Of stride 2 it keeps its own padding.
static inline ConvShape winogradTransposed(const ConvShape& s) {
  ConvShape t = s.transposed();
  if (s.sh == 2) return t;
  t.padTop = WINOGRAD_KERNEL - 1 - s.padTop;
  t.padLeft = WINOGRAD_KERNEL - 1 - s.padLeft;
  return t;
}

}  // namespace soma::SOMA_ISA
