// A 3x3 convolution with stride 1 by Winograd's algorithm: forward, and the gradient of the input, which is
// the same convolution of the gradient with weights turned round and transposed.
//
// Blocks of tiles are taken through the three stages while they lie in cache; nothing larger is ever stored:
//
//   points of the input    V [point][channel block][tile][16]
//   times the weights      U [group][point][panel][channel][PANEL]     (winogradWeights, a call of its own)
//   give the output's      M [point][block of the group][tile][16], one group of output channels at a time
//
// At each point the sum over channels is a 1x1 convolution over tiles, and runs on the register tiles of
// conv_tile.h. Each row (V, U, M of a point) is made one cache line longer than it needs to be, because 36
// rows a power of two apart would fall into the same few sets of a cache.
//
// Many tiles: a task is a block of tiles with all three stages, V in its level 2 cache. Few tiles or many
// channels: the weights are the larger part, so V is shared, and a task is a group of output channels, which
// reads its weights once.
#pragma once
#include "conv_emit.h"
#include "conv_tile.h"
#include "winograd_tiles.h"

namespace soma::SOMA_ISA {

constexpr int WINOGRAD_GROUP = PANEL > LANES ? PANEL : LANES;  // output channels in a group

// ---- Weights

static inline int winogradGroups(int outputChannels) { return divideUp(outputChannels, WINOGRAD_GROUP); }
static inline size_t winogradWeightsPoint(int inputChannels) { return size_t(inputChannels) * WINOGRAD_GROUP + LANES; }
static inline size_t winogradWeightsGroup(int inputChannels) {
  return WINOGRAD_POINTS * winogradWeightsPoint(inputChannels);
}

// Transforms all weights. weight(o, c, tap) is that from input channel c to output channel o.
// TRANSPOSED: weights of neighbouring o lie next to each other, instead of those of neighbouring c.
template <bool TRANSPOSED, class Weight>
static inline void transformWeights(Pool& pool, int inputChannels, int outputChannels, float* to,
                                    const Weight& weight) {
  constexpr int TAPS = WINOGRAD_KERNEL * WINOGRAD_KERNEL;
  const int inputBlocks = divideUp(inputChannels, LANES);
  pool.run(winogradGroups(outputChannels) * inputBlocks, [&](int task, int) {
    const int group = task / inputBlocks, firstChannel = task % inputBlocks * LANES;
    const int channels = smaller(LANES, inputChannels - firstChannel);
    const int outputs = smaller(WINOGRAD_GROUP, outputChannels - group * WINOGRAD_GROUP);
    float taps[LANES][TAPS][WINOGRAD_GROUP];
    const auto copyTaps = [&](int o, int c) {
      for (int t = 0; t < TAPS; t++)
        taps[c][t][o] = o < outputs ? weight(group * WINOGRAD_GROUP + o, firstChannel + c, t) : 0.0f;
    };
    // In the order in which the weights lie.
    if (TRANSPOSED)
      for (int c = 0; c < channels; c++)
        for (int o = 0; o < WINOGRAD_GROUP; o++) copyTaps(o, c);
    else
      for (int o = 0; o < WINOGRAD_GROUP; o++)
        for (int c = 0; c < channels; c++) copyTaps(o, c);
    float* groupTo = to + group * winogradWeightsGroup(inputChannels);
    const int padded = blocks(outputs) * LANES;
    for (int o = 0; o < padded; o += VL) {
      const int panel = o / PANEL, width = smaller(PANEL, padded - panel * PANEL);
      for (int c = 0; c < channels; c++)
        winogradWeight(&taps[c][0][o], WINOGRAD_GROUP,
                       groupTo + panel * panelSize(inputChannels, 1) + (firstChannel + c) * width + o % PANEL,
                       winogradWeightsPoint(inputChannels));
    }
  });
}

// ---- The convolution

struct WinogradPlan {
  static constexpr size_t OWN_FLOATS = 160 * 1024;  // of V and M, where each task has its own
  static constexpr int OWN_TILES = 14, MOST_OWN_TILES = 28, MIN_TASKS = 16;
  static constexpr int SHARED_TILES = 56;

  TileGrid grid;
  bool shared;
  int blockTiles, tileBlocks;
  int inputBlocks;
  size_t inputPoint, outputPoint;  // floats between points of V and M
  size_t inputSize, outputSize;    // V of a block of tiles, M of a block of tiles and a group
  float *bias, *inputs, *outputs;
  size_t bytes;

  WinogradPlan(const ConvShape& s, char* base, int threads)
      : grid(s.images, s.pool2 ? s.yH() * 2 : s.OH, s.pool2 ? s.yW() * 2 : s.OW) {
    inputBlocks = blocks(s.C);
    const size_t tileFloats = size_t(WINOGRAD_POINTS) * (inputBlocks * LANES + WINOGRAD_GROUP);
    const int fit = smaller(MOST_OWN_TILES, int(OWN_FLOATS / tileFloats) / OWN_TILES * OWN_TILES);
    shared = fit < OWN_TILES || grid.count() < OWN_TILES * MIN_TASKS;
    const int most = shared ? SHARED_TILES : smaller(fit, grid.count() / MIN_TASKS);
    tileBlocks = divideUp(grid.count(), larger(1, most));
    blockTiles = divideUp(grid.count(), larger(1, tileBlocks));
    inputPoint = size_t(inputBlocks) * blockTiles * LANES + LANES;
    outputPoint = size_t(WINOGRAD_GROUP) * blockTiles + LANES;
    inputSize = WINOGRAD_POINTS * inputPoint;
    outputSize = WINOGRAD_POINTS * outputPoint;

    Scratch scratch(base);
    bias = scratch.take<float>(size_t(blocks(s.O)) * LANES);
    inputs = scratch.take<float>((shared ? 1 : threads) * inputSize);
    outputs = scratch.take<float>(threads * outputSize);
    bytes = scratch.used();
  }

  int firstTile(int block) const { return block * blockTiles; }
  int tiles(int block) const { return smaller(blockTiles, grid.count() - firstTile(block)); }
};

template <class Source>
class WinogradConvolution {
 public:
  WinogradConvolution(const WinogradPlan& plan, const ConvShape& s, const Source& x, const float* weights, float* y,
                      uint8_t* argmax)
      : plan_(plan), s_(s), x_(x), weights_(weights), emitter_(s, y, argmax) {}

  // V of one channel block.
  void transformInput(int block, int cb, float* inputs) const {
    float room[WINOGRAD_POINTS * LANES];
    forTiles(plan_.grid, plan_.firstTile(block), plan_.tiles(block), [&](int i, int n, int y, int x) {
      const Tile tile = tileAt<WINOGRAD_INPUT>(x_, n, cb, y - s_.padTop, x - s_.padLeft, room);
      winogradInput(tile.data, tile.rowStride, inputs + (size_t(cb) * plan_.blockTiles + i) * LANES, plan_.inputPoint);
    });
  }

  // The sums of one group of output channels, and what becomes of them.
  void computeGroup(int block, int group, const float* inputs, float* outputs) const {
    static const float noBias[PANEL] = {};
    static const int32_t onlyTap = 0;
    const int firstChannel = group * WINOGRAD_GROUP, channels = smaller(WINOGRAD_GROUP, s_.O - firstChannel);
    TileGeometry geometry{};
    geometry.lanes = LANES;
    geometry.inputBlock = size_t(plan_.blockTiles) * LANES;
    geometry.outputPixel = LANES;
    geometry.outputBlock = size_t(plan_.blockTiles) * LANES;
    for (int p = 0; p < WINOGRAD_POINTS; p++) {
      const float* groupWeights = weights_ + group * winogradWeightsGroup(s_.C) + p * winogradWeightsPoint(s_.C);
      for (int panel = 0; panel < panels(channels); panel++) {
        const float* weights = groupWeights + panel * panelSize(s_.C, 1);
        for (int c = 0; c < s_.C; c += SLAB) {
          geometry.channels = smaller(SLAB, s_.C - c);
          geometry.add = c > 0;
          convolvePanel(geometry, {&onlyTap, 1}, inputs + p * plan_.inputPoint + c / LANES * geometry.inputBlock,
                        weights + size_t(c) * panelRegisters(channels, panel) * VL, noBias, panel, channels, 1,
                        plan_.tiles(block), outputs + p * plan_.outputPoint);
        }
      }
    }
    for (int b = 0; b < blocks(channels); b++) {
      const Block bias = loadBlock(plan_.bias + firstChannel + b * LANES);
      forTiles(plan_.grid, plan_.firstTile(block), plan_.tiles(block), [&](int i, int n, int y, int x) {
        finishTile(outputs + (size_t(b) * plan_.blockTiles + i) * LANES, n, firstChannel / LANES + b, y, x, bias);
      });
    }
  }

 private:
  // Channels summed at a stretch. Rounding errors grow with the length of a sum, and the transform of the
  // points back to outputs makes them larger: so long sums are made of sums.
  static constexpr int SLAB = 128;

  void finishTile(const float* from, int n, int outputBlock, int y, int x, const Block& bias) const {
    if (!s_.pool2 && y + WINOGRAD_OUTPUT <= s_.OH && x + WINOGRAD_OUTPUT <= s_.OW) {
      float* to = emitter_.blockAt(n, outputBlock, y, x);
      winogradOutput(from, plan_.outputPoint, [&](int row, int column, int part, Vec v) {
        store(to + (size_t(row) * s_.OW + column) * LANES + part * VL, emitter_.finish(v, bias.part[part]));
      });
      return;
    }
    float tile[WINOGRAD_OUTPUT * WINOGRAD_OUTPUT * LANES];
    winogradOutput(from, plan_.outputPoint, [&](int row, int column, int part, Vec v) {
      store(tile + (row * WINOGRAD_OUTPUT + column) * LANES + part * VL, v);
    });
    emitter_.emitTile<WINOGRAD_OUTPUT>(n, outputBlock, y, x, tile, bias);
  }

  const WinogradPlan& plan_;
  const ConvShape& s_;
  const Source& x_;
  const float* weights_;
  const ConvEmitter emitter_;
};

// y = conv(x) + bias, pooled and clamped as `s` says.
template <class Source>
static inline void runWinograd(const Call& call, const ConvShape& s, const Source& x, const float* weights,
                               const float* bias, float* y, uint8_t* argmax) {
  const WinogradPlan plan(s, call.scratch, call.pool->threads());
  const WinogradConvolution<Source> convolution(plan, s, x, weights, y, argmax);
  packBias(bias, s.O, plan.bias);
  const int groups = winogradGroups(s.O);
  if (!plan.shared) {
    call.pool->run(plan.tileBlocks, [&](int block, int thread) {
      float* inputs = plan.inputs + thread * plan.inputSize;
      for (int cb = 0; cb < plan.inputBlocks; cb++) convolution.transformInput(block, cb, inputs);
      for (int group = 0; group < groups; group++)
        convolution.computeGroup(block, group, inputs, plan.outputs + thread * plan.outputSize);
    });
    return;
  }
  for (int block = 0; block < plan.tileBlocks; block++) {
    call.pool->run(plan.inputBlocks, [&](int cb, int) { convolution.transformInput(block, cb, plan.inputs); });
    call.pool->run(groups, [&](int group, int thread) {
      convolution.computeGroup(block, group, plan.inputs, plan.outputs + thread * plan.outputSize);
    });
  }
}

// The shape of the convolution that computes the input's gradient.
static inline ConvShape winogradTransposed(const ConvShape& s) {
  ConvShape t = s.transposed();
  t.padTop = WINOGRAD_KERNEL - 1 - s.padTop;
  t.padLeft = WINOGRAD_KERNEL - 1 - s.padLeft;
  return t;
}

}  // namespace soma::SOMA_ISA
