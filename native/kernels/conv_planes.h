// Convolutions between plain maps, those of few channels, in any number of groups. A register holds neighbouring pixels
// of a row, a weight is the same for all of them.
//
//   frames   input of a group and its padding, [channel][row][phase][column], columns split by stride (conv_source.h)
//   taps     offsets in the frames: [channel][tap], the order of an output's weights
#pragma once
#include "conv_depthwise.h"

namespace soma::SOMA_ISA {

struct PlanesPlan {
  static constexpr int MIN_TASKS = 32;

  int runs;  // of images: for the weights' gradient only
  int most;  // planes that a group has on one side
  Frame frame, gradientFrame;
  size_t frameSize;  // the larger frame, and what a register that begins in it reads beyond
  float *frames, *weights, *partial;
  int32_t* taps;
  size_t bytes;

  PlanesPlan(const ConvShape& s, char* base, int threads)
      : runs(larger(1, smaller(s.images, divideUp(MIN_TASKS, s.O)))), most(larger(s.groupC(), s.groupO())),
        frame(frameOfInput(s, 1)), gradientFrame(frameOfGradient(s, 1)),
        frameSize((frame.size() > gradientFrame.size() ? frame.size() : gradientFrame.size()) + VL) {
    Scratch scratch(base);
    taps = scratch.take<int32_t>(size_t(most) * s.taps());
    frames = scratch.take<float>(threads * most * frameSize);
    weights = scratch.take<float>(size_t(s.C) * s.groupO() * s.taps());
    partial = scratch.take<float>(size_t(runs) * s.O * s.groupC() * s.taps() * VL);
    bytes = scratch.used();
  }

  float* framesOf(int thread) const { return frames + size_t(thread) * most * frameSize; }

  // In so many frames that lie one behind the other.
  void listTapsOf(int planes, const ConvShape& s, const Frame& of) const {
    for (int i = 0; i < planes; i++) listTaps(s, of, taps + i * s.taps(), i * frameSize);
  }
};

// Copies planes [first, first + count) of an image into frames whose padded pixel (0, 0) is pixel (top, left).
static inline void stagePlanes(const PlanesPlan& plan, const FloatMap& map, int n, int first, int count, int top,
                               int left, const Frame& f, float* frames) {
  for (int i = 0; i < count; i++, frames += plan.frameSize) {
    stage(map, n, first + i, 1, top, left, f, frames);
    std::memset(frames + f.size(), 0, VL * sizeof(float));
  }
}

static inline void stageInputs(const ConvShape& s, const PlanesPlan& plan, const float* x, int n, int group,
                               float* frames) {
  stagePlanes(plan, {x, s.C, s.H, s.W}, n, group * s.groupC(), s.groupC(), -s.padTop, -s.padLeft, plan.frame, frames);
}

// Sums of taps times weights for rows x columns pixels, the rows `step` apart in a frame: to(row, column, sums).
template <class To>
static inline void planeProducts(const float* frames, size_t step, int rows, int columns, const int32_t* taps,
                                 int count, const float* weights, const To& to) {
  const int across = divideUp(columns, VL);
  inParts<DEPTHWISE_SUMS>(rows * across, [&]<int N>(int first) {
    const float* at[N];
    Vec sum[N] = {};
    for (int i = 0; i < N; i++) at[i] = frames + size_t((first + i) / across) * step + (first + i) % across * VL;
    for (int t = 0; t < count; t++) {
      const Vec weight = broadcast(weights[t]);
#pragma GCC unroll 8
      for (int i = 0; i < N; i++) sum[i] = fma(load(at[i] + taps[t]), weight, sum[i]);
    }
#pragma GCC unroll 8
    for (int i = 0; i < N; i++) to((first + i) / across, (first + i) % across * VL, sum[i]);
  });
}

static inline void runPlanesForward(const Call& call, const ConvShape& s, const float* x, const float* w,
                                    const float* bias, float* y) {
  const PlanesPlan plan(s, call.scratch, call.pool->threads());
  const int count = s.groupC() * s.taps();
  plan.listTapsOf(s.groupC(), s, plan.frame);
  forPlanes(call, s, s.groups, [&](int n, int group, int thread) {
    float* frames = plan.framesOf(thread);
    stageInputs(s, plan, x, n, group, frames);
    for (int o = group * s.groupO(); o < (group + 1) * s.groupO(); o++) {
      float* to = y + (size_t(n) * s.O + o) * s.OH * s.OW;
      const Vec add = broadcast(bias ? bias[o] : 0.0f);
      planeProducts(frames, s.sh * plan.frame.rowSize(), s.OH, s.OW, plan.taps, count, w + size_t(o) * count,
                    [&](int row, int column, Vec sum) {
                      sum = sum + add;
                      // The maximum keeps a NaN.
                      storePart(to + size_t(row) * s.OW + column, s.relu ? max(Vec{}, sum) : sum,
                                smaller(VL, s.OW - column));
                    });
    }
  });
}

// With stride 1: the forward pass of the gradient with filters turned round and sides exchanged.
static inline void gatherPlanesGradInput(const Call& call, const ConvShape& s, const PlanesPlan& plan, const float* g,
                                         const float* w, float* dx) {
  const Frame& f = plan.gradientFrame;
  const int count = s.groupO() * s.taps();
  plan.listTapsOf(s.groupO(), s, f);
  for (int c = 0; c < s.C; c++)
    for (int o = 0; o < s.groupO(); o++) {
      const float* from = w + (size_t(c / s.groupC() * s.groupO() + o) * s.groupC() + c % s.groupC()) * s.taps();
      float* to = plan.weights + size_t(c) * count + o * s.taps();
      for (int t = 0; t < s.taps(); t++) to[s.taps() - 1 - t] = from[t];
    }
  forPlanes(call, s, s.groups, [&](int n, int group, int thread) {
    float* frames = plan.framesOf(thread);
    stagePlanes(plan, {g, s.O, s.OH, s.OW}, n, group * s.groupO(), s.groupO(), s.padTop - (s.kh - 1) * s.dilH,
                s.padLeft - (s.kw - 1) * s.dilW, f, frames);
    for (int c = group * s.groupC(); c < (group + 1) * s.groupC(); c++) {
      float* to = dx + (size_t(n) * s.C + c) * s.H * s.W;
      planeProducts(frames, f.rowSize(), s.H, s.W, plan.taps, count, plan.weights + size_t(c) * count,
                    [&](int row, int column, Vec sum) {
                      storePart(to + size_t(row) * s.W + column, sum, smaller(VL, s.W - column));
                    });
    }
  });
}

// Adds a plane of gradients times the weights under a filter to a frame.
static inline void scatterPlane(const ConvShape& s, const PlanesPlan& plan, const float* g, const float* w,
                                float* frame) {
  for (int row = 0; row < s.OH; row++)
    for (int column = 0; column < s.OW; column += VL) {
      const Vec gradient = loadPart(g + size_t(row) * s.OW + column, smaller(VL, s.OW - column));
      float* out = frame + row * s.sh * plan.frame.rowSize() + column;
      for (int t = 0; t < s.taps(); t++) {
        float* sum = out + plan.taps[t];
        store(sum, fma(gradient, broadcast(w[t]), load(sum)));
      }
    }
}

static inline void runPlanesGradInput(const Call& call, const ConvShape& s, const float* g, const float* w,
                                      float* dx) {
  const PlanesPlan plan(s, call.scratch, call.pool->threads());
  if (s.sh == 1 && s.sw == 1) return gatherPlanesGradInput(call, s, plan, g, w, dx);
  plan.listTapsOf(1, s, plan.frame);
  forPlanes(call, s, s.C, [&](int n, int c, int thread) {
    float* frame = plan.framesOf(thread);
    std::memset(frame, 0, plan.frameSize * sizeof(float));
    for (int i = 0; i < s.groupO(); i++) {
      const int o = c / s.groupC() * s.groupO() + i;
      scatterPlane(s, plan, g + (size_t(n) * s.O + o) * s.OH * s.OW,
                   w + (size_t(o) * s.groupC() + c % s.groupC()) * s.taps(), frame);
    }
    float* to = dx + (size_t(n) * s.C + c) * s.H * s.W;
    for (int row = 0; row < s.H; row++)
      for (int column = 0; column < s.W; column++) *to++ = frame[plan.frame.offset(row + s.padTop, column + s.padLeft)];
  });
}

// Adds to partial[tap][VL] for TAPS taps: input under the tap times gradient.
template <int TAPS>
static inline void correlatePlane(const ConvShape& s, const float* frames, size_t step, const int32_t* taps,
                                  const float* g, float* partial) {
  Vec sum[TAPS] = {};
  for (int row = 0; row < s.OH; row++)
    for (int column = 0; column < s.OW; column += VL) {
      const Vec gradient = loadPart(g + size_t(row) * s.OW + column, smaller(VL, s.OW - column));
      const float* x = frames + row * step + column;
#pragma GCC unroll 8
      for (int t = 0; t < TAPS; t++) sum[t] = fma(load(x + taps[t]), gradient, sum[t]);
    }
#pragma GCC unroll 8
  for (int t = 0; t < TAPS; t++) store(partial + t * VL, load(partial + t * VL) + sum[t]);
}

static inline void runPlanesGradWeight(const Call& call, const ConvShape& s, const float* x, const float* g,
                                       float* dw) {
  const PlanesPlan plan(s, call.scratch, call.pool->threads());
  const int count = s.groupC() * s.taps();
  plan.listTapsOf(s.groupC(), s, plan.frame);
  const size_t step = s.sh * plan.frame.rowSize();
  call.pool->run(plan.runs * s.groups, [&](int task, int thread) {
    const int run = task / s.groups, group = task % s.groups;
    float* frames = plan.framesOf(thread);
    float* partial = plan.partial + (size_t(run) * s.O + group * s.groupO()) * count * VL;
    std::memset(partial, 0, size_t(s.groupO()) * count * VL * sizeof(float));
    const int end = int(int64_t(s.images) * (run + 1) / plan.runs);
    for (int n = int(int64_t(s.images) * run / plan.runs); n < end; n++) {
      stageInputs(s, plan, x, n, group, frames);
      for (int o = 0; o < s.groupO(); o++) {
        const float* gradients = g + (size_t(n) * s.O + group * s.groupO() + o) * s.OH * s.OW;
        inParts<DEPTHWISE_SUMS>(count, [&]<int TAPS>(int t) {
          correlatePlane<TAPS>(s, frames, step, plan.taps + t, gradients, partial + (size_t(o) * count + t) * VL);
        });
      }
    }
  });
  for (int i = 0; i < s.O * count; i++) {
    Vec sum{};
    for (int run = 0; run < plan.runs; run++) sum = sum + load(plan.partial + (size_t(run) * s.O * count + i) * VL);
    dw[i] = sumLanes(sum);
  }
}

}  // namespace soma::SOMA_ISA
