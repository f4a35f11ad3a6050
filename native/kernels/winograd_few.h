// A 3x3 convolution with stride 1 of a plain map, one of up to four channels: the first layer of most networks, by
// Winograd's F(4, 3) (winograd_transform.h).
//
// The sums over channels are so short that what is around them counts. A task is a run of tiles next to each other,
// and takes these steps, all in its level 1 cache:
//
//   pixels of the run   [channel][row][column % 4][column / 4]    so that lanes are tiles
//   at the points       V [column][row][channel][tile]
//   sums of one column of points, a few tiles at a time, in registers, whose lanes are output channels;
//   the first half of their transform, and when all six columns are there, the second
//
// Weights  U [register of output channels][column][row][channel][VL]
#pragma once
#include "conv_emit.h"
#include "winograd_algorithm.h"

namespace soma::SOMA_ISA {

struct WinogradFewPlan {
  static constexpr int RUN = 16;                  // tiles
  static constexpr int TILES = VL == 16 ? 4 : 2;  // of which 6 sums each stay in registers
  static constexpr int SIDE = WINOGRAD_INPUT, STEP = WINOGRAD_OUTPUT;
  static constexpr int PHASE = RUN + VL;  // floats of one row and column % 4; a tile also reads the first of the next

  int rows, columns, runs;  // of tiles in an image; runs of tiles in a row
  size_t frameSize, pointsSize;
  float *bias, *frames, *points;
  size_t bytes;

  WinogradFewPlan(const ConvShape& s, char* base, int threads)
      : rows(divideUp(s.pool2 ? s.yH() * 2 : s.OH, STEP)),
        columns(divideUp(s.pool2 ? s.yW() * 2 : s.OW, STEP)),
        runs(divideUp(columns, RUN)),
        frameSize(size_t(s.C) * SIDE * STEP * PHASE),
        pointsSize(size_t(WINOGRAD_POINTS) * s.C * RUN) {
    Scratch scratch(base);
    bias = scratch.take<float>(size_t(blocks(s.O)) * LANES);
    frames = scratch.take<float>(threads * frameSize);
    points = scratch.take<float>(threads * pointsSize);
    bytes = scratch.used();
  }
};

static inline size_t winogradFewRegister(int inputs) { return size_t(WINOGRAD_POINTS) * inputs * VL; }

// U of weights w, O x C x 3 x 3.
static inline void winogradFewWeights(const float* w, int inputs, int outputs, float* to) {
  constexpr int TAPS = WINOGRAD_KERNEL * WINOGRAD_KERNEL;
  for (int o = 0; o < blocks(outputs) * LANES; o += VL, to += winogradFewRegister(inputs))
    for (int c = 0; c < inputs; c++) {
      float taps[TAPS * VL] = {};
      for (int l = 0; l < smaller(VL, outputs - o); l++)
        for (int t = 0; t < TAPS; t++) taps[t * VL + l] = w[(size_t(o + l) * inputs + c) * TAPS + t];
      winograd::both<3, 6, winograd::weight>(
          [&](int row, int column) { return load(taps + (row * WINOGRAD_KERNEL + column) * VL); },
          [&](int row, int column, Vec v) { store(to + (size_t(column * 6 + row) * inputs + c) * VL, v); });
    }
}

class WinogradFew {
 public:
  using Plan = WinogradFewPlan;

  WinogradFew(const Plan& plan, const ConvShape& s, const float* x, const float* weights, float* y, uint8_t* argmax)
      : plan_(plan), s_(s), x_(x), weights_(weights), emitter_(s, y, argmax) {}

  void run(int task, int thread) const {
    const int image = task / (plan_.rows * plan_.runs);
    const int row = task / plan_.runs % plan_.rows, first = task % plan_.runs * Plan::RUN;
    const int tiles = smaller(Plan::RUN, plan_.columns - first);
    float* frame = plan_.frames + thread * plan_.frameSize;
    float* points = plan_.points + thread * plan_.pointsSize;
    stageRun(image, row * Plan::STEP - s_.padTop, first * Plan::STEP - s_.padLeft, tiles, frame);
    transformRun(tiles, frame, points);
    for (int o = 0; o < blocks(s_.O) * LANES; o += VL)
      for (int tile = 0; tile < tiles; tile += Plan::TILES)
        multiply(image, o, row, first, tile, smaller(Plan::TILES, tiles - tile), points);
  }

 private:
  // Pixels of the map, zeros outside, their columns dealt out to four.
  void stageRun(int image, int top, int left, int tiles, float* frame) const {
    constexpr int WIDTH = Plan::STEP * Plan::PHASE;
    const int firstX = smaller(larger(0, -left), WIDTH), endX = smaller(WIDTH, s_.W - left);
    float line[WIDTH] = {};
    for (int c = 0; c < s_.C; c++)
      for (int r = 0; r < Plan::SIDE; r++, frame += WIDTH) {
        const int y = top + r;
        if (y < 0 || y >= s_.H || firstX >= endX) {
          std::memset(frame, 0, WIDTH * sizeof(float));
          continue;
        }
        const float* from = x_ + ((size_t(image) * s_.C + c) * s_.H + y) * s_.W + left + firstX;
        std::memcpy(line + firstX, from, size_t(endX - firstX) * sizeof(float));
        for (int i = 0; i < tiles; i += VL) deal(line + i * Plan::STEP, frame + i);
        // The last tile also reads the first columns of the next.
        for (int i = 0; i < Plan::SIDE - Plan::STEP; i++) frame[i * Plan::PHASE + tiles] = line[tiles * Plan::STEP + i];
      }
  }
  static void deal(const float* from, float* to) {
    const Vec a = load(from), b = load(from + VL), c = load(from + 2 * VL), d = load(from + 3 * VL);
    const auto lanes = std::make_integer_sequence<int, VL>();
    const Vec evenLow = everySecond<0>(a, b, lanes), evenHigh = everySecond<0>(c, d, lanes);
    const Vec oddLow = everySecond<1>(a, b, lanes), oddHigh = everySecond<1>(c, d, lanes);
    store(to, everySecond<0>(evenLow, evenHigh, lanes));
    store(to + Plan::PHASE, everySecond<0>(oddLow, oddHigh, lanes));
    store(to + 2 * Plan::PHASE, everySecond<1>(evenLow, evenHigh, lanes));
    store(to + 3 * Plan::PHASE, everySecond<1>(oddLow, oddHigh, lanes));
  }
  template <int FIRST, int... LANE>
  static Vec everySecond(Vec a, Vec b, std::integer_sequence<int, LANE...>) {
    return __builtin_shufflevector(a, b, (2 * LANE + FIRST)...);
  }

  void transformRun(int tiles, const float* frame, float* points) const {
    for (int c = 0; c < s_.C; c++, frame += Plan::SIDE * Plan::STEP * Plan::PHASE)
      for (int i = 0; i < tiles; i += VL)
        winograd::both<6, 6, winograd::input>(
            [&](int row, int column) {
              return load(frame + (row * Plan::STEP + column % Plan::STEP) * Plan::PHASE + i + column / Plan::STEP);
            },
            [&](int row, int column, Vec v) {
              store(points + (size_t(column * 6 + row) * s_.C + c) * Plan::RUN + i, v);
            });
  }

  // VL output channels from `o` on of `count` tiles from `tile` on, of a run whose first tile is in column `first`.
  // Beyond `count` there are points of zeros, or of another run.
  void multiply(int image, int o, int row, int first, int tile, int count, const float* points) const {
    constexpr int T = Plan::TILES;
    const float* u = weights_ + size_t(o / VL) * winogradFewRegister(s_.C);
    const float* v = points + tile;
    float half[T][Plan::STEP][6][VL];
    for (int column = 0; column < 6; column++) {
      Vec sum[T][6] = {};
      for (int c = 0; c < s_.C; c++)
#pragma GCC unroll 6
        for (int r = 0; r < 6; r++) {
          const Vec w = load(u + (r * s_.C + c) * VL);
#pragma GCC unroll 4
          for (int t = 0; t < T; t++) sum[t][r] = fma(broadcast(v[(r * s_.C + c) * Plan::RUN + t]), w, sum[t][r]);
        }
      u += 6 * s_.C * VL, v += 6 * s_.C * Plan::RUN;
#pragma GCC unroll 4
      for (int t = 0; t < T; t++) {
        Vec out[Plan::STEP];
        winograd::output(sum[t], out);
#pragma GCC unroll 4
        for (int r = 0; r < Plan::STEP; r++) store(half[t][r][column], out[r]);
      }
    }
    const Vec bias = load(plan_.bias + o);
    for (int t = 0; t < count; t++) {
      Vec out[Plan::STEP][Plan::STEP];
#pragma GCC unroll 4
      for (int r = 0; r < Plan::STEP; r++) {
        Vec in[6];
#pragma GCC unroll 6
        for (int column = 0; column < 6; column++) in[column] = load(half[t][r][column]);
        winograd::output(in, out[r]);
      }
      emitter_.emitTile(image, o / LANES, o % LANES / VL, row * Plan::STEP, (first + tile + t) * Plan::STEP, out, bias);
    }
  }

  const Plan& plan_;
  const ConvShape& s_;
  const float *x_, *weights_;
  const ConvEmitter emitter_;
};

// y = conv(x) + bias, pooled and clamped as `s` says, with transformed weights.
static inline void runWinogradFew(const Call& call, const ConvShape& s, const float* x, const float* weights,
                                  const float* bias, float* y, uint8_t* argmax) {
  const WinogradFewPlan plan(s, call.scratch, call.pool->threads());
  packBias(bias, s.O, plan.bias);
  const WinogradFew convolution(plan, s, x, weights, y, argmax);
  call.pool->run(s.images * plan.rows * plan.runs, [&](int task, int thread) { convolution.run(task, thread); });
}

}  // namespace soma::SOMA_ISA
