// 1x1 convolutions: products of matrices, pixels by channels. A blocked map is what the register tiles read
// (conv_tile.h), so that large maps are not staged. Small ones are brought together, so that weights are read once for
// the pixels of several images; and so are the pixels that a stride meets.
#pragma once
#include "conv_source.h"
#include "conv_tile.h"
#include "turned.h"

namespace soma::SOMA_ISA {

static inline bool isPointwise(const ConvShape& s) {
  return s.taps() == 1 && s.padTop == 0 && s.padLeft == 0 && s.OH == divideUp(s.H, s.sh) &&
         s.OW == divideUp(s.W, s.sw) && s.groups == 1 && !s.pool2 && isBlocked(s.C) && isBlocked(s.O);
}

// Pixels [first, first + count) of those of a channel block that the stride meets.
static inline void thin(const ConvShape& s, const float* map, int first, int count, float* to) {
  int row = first / s.OW, column = first % s.OW;
  for (int i = 0; i < count; i++, to += LANES) {
    storeBlock(to, loadBlock(map + (size_t(row * s.sh) * s.W + column * s.sw) * LANES));
    if (++column == s.OW) column = 0, row++;
  }
}

// A channel block from its pixels that the stride meets; all others are zero.
static inline void spread(const ConvShape& s, const float* from, float* map) {
  for (int y = 0; y < s.H; y++)
    for (int x = 0; x < s.W; x++, map += LANES) {
      const bool met = y % s.sh == 0 && x % s.sw == 0;
      storeBlock(map, met ? loadBlock(from) : Block{});
      if (met) from += LANES;
    }
}

enum class Pointwise { FORWARD, GRAD_INPUT };

struct PointwisePlan {
  static constexpr int MIN_PIXELS = 2 * TILE_PIXELS;  // of a map that is not brought together with others
  static constexpr int FRAME_FLOATS = 96 * 1024;      // input of a task: a good third of a level 2 cache
  static constexpr int MIN_TASKS = 8;
  static constexpr int CHUNK_BLOCKS = 20;  // of inputs that caches hold although they begin at the same place in each way

  int images, inputs, outputs, pixels;  // pixels: of an image, those that the stride meets
  bool thins, spreads;                  // what is read, what is written
  bool gathered;
  int together, groups;  // images of a task, where they are gathered
  int run, runs;         // else pixels of a task, and such tasks of an image
  size_t frameSize, sumsSize;
  float *bias, *frames, *sums;
  size_t bytes;

  PointwisePlan(const ConvShape& s, Pointwise pass, char* base, int threads)
      : images(s.images), inputs(pass == Pointwise::FORWARD ? s.C : s.O),
        outputs(pass == Pointwise::FORWARD ? s.O : s.C), pixels(s.OH * s.OW),
        thins(s.strided() && pass == Pointwise::FORWARD), spreads(s.strided() && pass == Pointwise::GRAD_INPUT),
        gathered(pixels < MIN_PIXELS || spreads) {
    const int fitting = larger(MIN_PIXELS, FRAME_FLOATS / larger(1, inputs));
    // As many as fit, if tasks stay enough; but a tile at least.
    const int size = larger(1, pixels);
    together = larger(divideUp(TILE_PIXELS, size), smaller(fitting / size, divideUp(images, MIN_TASKS)));
    together = smaller(together, larger(1, images));
    // A multiple of the threads, lest one works while the others are done.
    groups = smaller(divideUp(divideUp(images, together), threads) * threads, larger(1, images));
    runs = larger(1, divideUp(pixels, fitting));
    run = divideUp(pixels, runs);

    Scratch scratch(base);
    const size_t ofTask = size_t((gathered ? together * pixels : run) + 1) * LANES;
    frameSize = copies() ? blocks(inputs) * ofTask : 0;
    sumsSize = gathered ? blocks(outputs) * ofTask : 0;
    bias = scratch.take<float>(size_t(panels(outputs) + 1) * PANEL);
    frames = scratch.take<float>(threads * frameSize);
    sums = scratch.take<float>(threads * sumsSize);
    bytes = scratch.used();
  }

  // Whether pixels are read from a frame, not where they lie.
  bool copies() const { return gathered || thins; }
};

// `weights` as packed for the direct kernels, `bias` null or one number an output.
static inline void runPointwise(const Call& call, const ConvShape& s, Pointwise pass, const float* x,
                                const float* weights, const float* bias, float* y) {
  static constexpr int32_t ONLY_TAP = 0;
  static constexpr size_t PAGE = 4096;
  const PointwisePlan plan(s, pass, call.scratch, call.pool->threads());
  const int C = plan.inputs, O = plan.outputs;
  const size_t block = size_t(plan.pixels) * LANES, whole = size_t(s.H) * s.W * LANES;
  const size_t inputBlock = plan.thins ? whole : block, outputBlock = plan.spreads ? whole : block;
  const size_t input = blocks(C) * inputBlock, output = blocks(O) * outputBlock;
  std::memset(plan.bias, 0, size_t(panels(O) + 1) * PANEL * sizeof(float));  // and of a panel without any
  if (bias) std::memcpy(plan.bias, bias, size_t(O) * sizeof(float));

  const auto convolve = [&](const float* from, size_t fromBlock, int pixels, float* to, size_t toBlock) {
    TileGeometry geometry{};
    geometry.lanes = LANES;
    geometry.outputPixel = LANES;
    geometry.inputBlock = fromBlock;
    geometry.outputBlock = toBlock;
    // Not of frames, whose length may follow from the number of threads: what is summed together must not.
    const bool collide = !plan.copies() && fromBlock * sizeof(float) % PAGE == 0;
    const int chunks = collide ? divideUp(blocks(C), PointwisePlan::CHUNK_BLOCKS) : 1;
    for (int chunk = 0; chunk < chunks; chunk++) {
      const int first = blocks(C) * chunk / chunks, end = blocks(C) * (chunk + 1) / chunks;
      geometry.channels = smaller(C, end * LANES) - first * LANES;
      geometry.add = chunk > 0;
      geometry.relu = s.relu && pass == Pointwise::FORWARD && chunk == chunks - 1;
      for (int panel = 0; panel < panels(O); panel++) {
        const float* packed =
            weights + panel * panelSize(C, 1) + size_t(first) * LANES * panelRegisters(O, panel) * VL;
        convolvePanel(geometry, {&ONLY_TAP, 1}, from + first * fromBlock, packed,
                      plan.bias + (chunk > 0 ? panels(O) : panel) * PANEL, panel, O, 1, pixels, to);
      }
    }
  };

  if (!plan.gathered) {
    call.pool->run(plan.images * plan.runs, [&](int task, int thread) {
      const int n = task / plan.runs, first = task % plan.runs * plan.run, count = smaller(plan.run, plan.pixels - first);
      const float* from = x + n * input + size_t(first) * LANES;
      size_t fromBlock = block;
      if (plan.thins) {
        float* frame = plan.frames + thread * plan.frameSize;
        fromBlock = size_t(count + 1) * LANES;
        for (int cb = 0; cb < blocks(C); cb++)
          thin(s, x + n * input + cb * inputBlock, first, count, frame + cb * fromBlock);
        from = frame;
      }
      convolve(from, fromBlock, count, y + n * output + size_t(first) * LANES, block);
    });
    return;
  }
  call.pool->run(plan.groups, [&](int task, int thread) {
    const auto start = [&](int group) { return int(int64_t(plan.images) * group / plan.groups); };
    const int first = start(task), count = start(task + 1) - first;
    const size_t row = count * block + LANES;  // a channel block of all images; a line more, lest rows collide
    float* frame = plan.frames + thread * plan.frameSize;
    float* sums = plan.sums + thread * plan.sumsSize;
    for (int n = 0; n < count; n++)
      for (int cb = 0; cb < blocks(C); cb++) {
        const float* from = x + (first + n) * input + cb * inputBlock;
        if (plan.thins)
          thin(s, from, 0, plan.pixels, frame + cb * row + n * block);
        else
          std::memcpy(frame + cb * row + n * block, from, block * sizeof(float));
      }
    convolve(frame, row, count * plan.pixels, sums, row);
    for (int n = 0; n < count; n++)
      for (int ob = 0; ob < blocks(O); ob++) {
        float* to = y + (first + n) * output + ob * outputBlock;
        if (plan.spreads)
          spread(s, sums + ob * row + n * block, to);
        else
          std::memcpy(to, sums + ob * row + n * block, block * sizeof(float));
      }
  });
}

// dw[o][c] = sum over pixels of g[o]·x[c]. A task owns some spans of outputs, SPAN registers each, and some blocks of
// channels, whose pixels it takes a piece at a time: x of a piece stays in the second-level cache for all spans, g of one
// span in the first. Where tasks would be few, each has its share of the pieces too, and sums of its own, added in order
// at the end.
struct PointwiseGradPlan {
  static constexpr int SPAN = VL == 16 ? 3 : 2, CHANNELS = VL == 16 ? 8 : 4;  // 24 sums of 32 registers, or 8 of 16
  static constexpr int WIDTH = SPAN * VL;                                    // outputs of a span
  static constexpr int PIECE = 128;                                          // pixels
  static constexpr int MIN_TASKS = 16, MAX_SPANS = 4, MAX_BLOCKS = 12;       // of a task

  int pixels, together;  // of an image, those that the stride meets; images of a piece
  int parts, part;       // pieces of an image, where it has more than one, and their pixels
  int pieces, spans, spanGroups, groups, runs;
  size_t runSize;
  float* partial;  // [run][span][channel][WIDTH]
  size_t thinned;  // pixels of a piece, where a stride skips some; else 0
  float* pixelsMet;
  size_t bytes;

  PointwiseGradPlan(const ConvShape& s, char* base, int threads) : pixels(s.OH * s.OW) {
    together = larger(1, PIECE / larger(1, pixels));
    parts = larger(1, divideUp(pixels, PIECE));
    part = divideUp(pixels, parts);
    pieces = divideUp(s.images, together) * parts;
    spans = divideUp(blocks(s.O) * LANES, WIDTH);
    spanGroups = divideUp(spans, MAX_SPANS);
    groups = divideUp(blocks(s.C), MAX_BLOCKS);
    runs = larger(1, smaller(pieces, divideUp(MIN_TASKS, spanGroups * groups)));
    runSize = size_t(spans) * blocks(s.C) * LANES * WIDTH;
    Scratch scratch(base);
    partial = scratch.take<float>(runs * runSize);
    thinned = s.strided() ? size_t(together) * part : 0;
    pixelsMet = scratch.take<float>(threads * metSize());
    bytes = scratch.used();
  }

  size_t metSize() const { return MAX_BLOCKS * LANES * thinned; }
};

// Adds to sums[CHANNELS][WIDTH] what REGISTERS registers of g make with CHANNELS channels of x; asks for the values that
// lie `ahead` of those of x.
template <int REGISTERS>
static inline void multiplyPixels(const float* x, size_t xImage, size_t ahead, const float* const* g, size_t gImage,
                                  int images, int pixels, float* sums) {
  constexpr int CHANNELS = PointwiseGradPlan::CHANNELS, WIDTH = PointwiseGradPlan::WIDTH;
  Vec sum[CHANNELS][REGISTERS];
#pragma GCC unroll 32
  for (int c = 0; c < CHANNELS; c++)
#pragma GCC unroll 32
    for (int v = 0; v < REGISTERS; v++) sum[c][v] = load(sums + c * WIDTH + v * VL);
  for (int n = 0; n < images; n++) {
    const float* value = x + n * xImage;
    for (size_t i = n * gImage, end = i + size_t(pixels) * LANES; i < end; i += LANES, value += LANES) {
      Vec gradient[REGISTERS];
#pragma GCC unroll 32
      for (int v = 0; v < REGISTERS; v++) gradient[v] = load(g[v] + i);
      __builtin_prefetch(value + ahead);
#pragma GCC unroll 32
      for (int c = 0; c < CHANNELS; c++) {
        const Vec channel = broadcast(value[c]);
#pragma GCC unroll 32
        for (int v = 0; v < REGISTERS; v++) sum[c][v] = fma(channel, gradient[v], sum[c][v]);
      }
    }
  }
#pragma GCC unroll 32
  for (int c = 0; c < CHANNELS; c++)
#pragma GCC unroll 32
    for (int v = 0; v < REGISTERS; v++) store(sums + c * WIDTH + v * VL, sum[c][v]);
}

static inline void runPointwiseGradWeight(const Call& call, const ConvShape& s, const float* x, const float* g,
                                          float* dw) {
  using Plan = PointwiseGradPlan;
  const Plan plan(s, call.scratch, call.pool->threads());
  const size_t block = size_t(plan.pixels) * LANES, gImage = blocks(s.O) * block;
  const size_t xBlock = size_t(s.H) * s.W * LANES, xImage = blocks(s.C) * xBlock;
  const int registers = blocks(s.O) * LANES / VL;

  call.pool->run(plan.runs * plan.spanGroups * plan.groups, [&](int task, int thread) {
    float* met = plan.pixelsMet + thread * plan.metSize();
    const int group = task % plan.groups, spanGroup = task / plan.groups % plan.spanGroups;
    const int run = task / plan.groups / plan.spanGroups;
    const int firstBlock = blocks(s.C) * group / plan.groups, endBlock = blocks(s.C) * (group + 1) / plan.groups;
    const int firstSpan = plan.spans * spanGroup / plan.spanGroups;
    const int endSpan = plan.spans * (spanGroup + 1) / plan.spanGroups;
    const auto sumsOf = [&](int span, int channel) {
      return plan.partial + run * plan.runSize + (size_t(span) * blocks(s.C) * LANES + channel) * Plan::WIDTH;
    };
    for (int span = firstSpan; span < endSpan; span++)
      std::memset(sumsOf(span, firstBlock * LANES), 0, size_t(endBlock - firstBlock) * LANES * Plan::WIDTH * sizeof(float));
    const int firstPiece = int(int64_t(plan.pieces) * run / plan.runs);
    const int endPiece = int(int64_t(plan.pieces) * (run + 1) / plan.runs);
    for (int piece = firstPiece; piece < endPiece; piece++) {
      const int n = piece / plan.parts * plan.together, p = piece % plan.parts * plan.part;
      const int images = smaller(plan.together, s.images - n), pixels = smaller(plan.part, plan.pixels - p);
      // The piece's values: from the first block on, of the next one, of the next image.
      const float* values = x + n * xImage + firstBlock * xBlock + p * LANES;
      size_t nextBlock = xBlock, nextImage = xImage;
      if (plan.thinned) {
        for (int cb = firstBlock; cb < endBlock; cb++)
          for (int i = 0; i < images; i++)
            thin(s, x + (n + i) * xImage + cb * xBlock, p, pixels,
                 met + ((cb - firstBlock) * plan.thinned + size_t(i) * pixels) * LANES);
        values = met, nextBlock = plan.thinned * LANES, nextImage = size_t(pixels) * LANES;
      }
      for (int span = firstSpan; span < endSpan; span++) {
        const int count = smaller(Plan::SPAN, registers - span * Plan::SPAN);
        const float* gradient[Plan::SPAN];
        for (int v = 0; v < count; v++) {
          const int channel = (span * Plan::SPAN + v) * VL;
          gradient[v] = g + n * gImage + channel / LANES * block + p * LANES + channel % LANES;
        }
        const auto multiply = count == 1            ? multiplyPixels<1>
                              : count == Plan::SPAN ? multiplyPixels<Plan::SPAN>
                                                    : multiplyPixels<2>;
        for (int c = firstBlock * LANES; c < smaller(s.C, endBlock * LANES); c += Plan::CHANNELS)
          multiply(values + (c / LANES - firstBlock) * nextBlock + c % LANES, nextImage, nextBlock, gradient, gImage,
                   images, pixels, sumsOf(span, c));
      }
    }
  });

  call.pool->run(plan.spans * blocks(s.C), [&](int task, int) {
    const int span = task / blocks(s.C), cb = task % blocks(s.C);
    const float* first = plan.partial + (size_t(span) * blocks(s.C) + cb) * LANES * Plan::WIDTH;
    for (int v = 0; v < Plan::SPAN; v++) {
      const int o = (span * Plan::SPAN + v) * VL, c = cb * LANES;
      storeTurned(smaller(VL, s.O - o), smaller(LANES, s.C - c), size_t(s.C), dw + size_t(o) * s.C + c, [&](int column) {
        const float* from = first + size_t(column) * Plan::WIDTH + v * VL;
        Vec sum = load(from);
        for (int run = 1; run < plan.runs; run++) sum = sum + load(from + run * plan.runSize);
        return sum;
      });
    }
  });
}

}  // namespace soma::SOMA_ISA
