// Depthwise convolutions of plain maps, those of few channels: planes that have nothing to do with each other. A register
// holds neighbouring pixels of a row, a weight is the same for all of them.
//
//   frame    input of a plane and its padding, [row][phase][column], columns split by stride (conv_source.h)
#pragma once
#include <algorithm>
#include "conv_depthwise.h"

namespace soma::SOMA_ISA {

// Whether a depthwise convolution is one of plain maps; it is then not pooled (src/compile/conv-step.ts).
static inline bool isPlanes(const ConvShape& s) { return !isBlocked(s.C); }

struct PlanesPlan {
  static constexpr int MIN_TASKS = 32;

  int runs;  // of images: for the weights' gradient only
  Frame frame, gradientFrame;
  size_t frameSize;  // the larger frame, and what a register that begins in it reads beyond
  float *frames, *partial;
  int32_t* taps;
  size_t bytes;

  PlanesPlan(const ConvShape& s, char* base, int threads)
      : runs(larger(1, smaller(s.images, divideUp(MIN_TASKS, s.C)))), frame(depthwiseFrame(s, 1)),
        gradientFrame(depthwiseGradientFrame(s, 1)),
        frameSize((frame.size() > gradientFrame.size() ? frame.size() : gradientFrame.size()) + VL) {
    Scratch scratch(base);
    taps = scratch.take<int32_t>(s.taps());
    frames = scratch.take<float>(threads * frameSize);
    partial = scratch.take<float>(size_t(runs) * s.C * s.taps() * VL);
    bytes = scratch.used();
  }
};

// Copies a plane into a frame whose padded pixel (0, 0) is the plane's pixel (top, left); the rest becomes zero.
static inline void stagePlane(const float* plane, int height, int width, int top, int left, const Frame& f,
                              float* out) {
  std::memset(out, 0, (f.size() + VL) * sizeof(float));
  const int first = larger(0, left), end = smaller(width, left + f.columns * f.phases);
  if (first >= end) return;
  for (int y = larger(0, top); y < smaller(height, top + f.rows); y++) {
    const float* from = plane + size_t(y) * width;
    if (f.phases == 1) {
      std::memcpy(out + f.offset(y - top, first - left), from + first, size_t(end - first) * sizeof(float));
    } else {
      for (int x = first; x < end; x++) out[f.offset(y - top, x - left)] = from[x];
    }
  }
}

// Sums of taps times weights for rows x columns pixels, the rows `step` apart in the frame: to(row, column, sums).
template <class To>
static inline void planeProducts(const float* frame, size_t step, int rows, int columns, const int32_t* taps, int count,
                                 const float* weights, const To& to) {
  const int across = divideUp(columns, VL);
  inParts<DEPTHWISE_SUMS>(rows * across, [&]<int N>(int first) {
    const float* at[N];
    Vec sum[N] = {};
    for (int i = 0; i < N; i++) at[i] = frame + size_t((first + i) / across) * step + (first + i) % across * VL;
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
  listTaps(s, plan.frame, plan.taps);
  forPlanes(call, s, s.C, [&](int n, int c, int thread) {
    const size_t plane = size_t(n) * s.C + c;
    float* frame = plan.frames + thread * plan.frameSize;
    float* to = y + plane * s.OH * s.OW;
    const Vec add = broadcast(bias ? bias[c] : 0.0f);
    stagePlane(x + plane * s.H * s.W, s.H, s.W, -s.padTop, -s.padLeft, plan.frame, frame);
    planeProducts(frame, s.sh * plan.frame.rowSize(), s.OH, s.OW, plan.taps, s.taps(), w + size_t(c) * s.taps(),
                  [&](int row, int column, Vec sum) {
                    sum = sum + add;
                    // The maximum keeps a NaN.
                    storePart(to + size_t(row) * s.OW + column, s.relu ? max(Vec{}, sum) : sum,
                              smaller(VL, s.OW - column));
                  });
  });
}

static inline void gatherPlanesGradInput(const Call& call, const ConvShape& s, const PlanesPlan& plan, const float* g,
                                         const float* w, float* dx) {
  const Frame& f = plan.gradientFrame;
  listTaps(s, f, plan.taps);
  std::reverse(plan.taps, plan.taps + s.taps());
  forPlanes(call, s, s.C, [&](int n, int c, int thread) {
    const size_t plane = size_t(n) * s.C + c;
    float* frame = plan.frames + thread * plan.frameSize;
    float* to = dx + plane * s.H * s.W;
    stagePlane(g + plane * s.OH * s.OW, s.OH, s.OW, s.padTop - (s.kh - 1) * s.dilH, s.padLeft - (s.kw - 1) * s.dilW, f,
               frame);
    planeProducts(frame, f.rowSize(), s.H, s.W, plan.taps, s.taps(), w + size_t(c) * s.taps(),
                  [&](int row, int column, Vec sum) {
                    storePart(to + size_t(row) * s.W + column, sum, smaller(VL, s.W - column));
                  });
  });
}

static inline void runPlanesGradInput(const Call& call, const ConvShape& s, const float* g, const float* w,
                                      float* dx) {
  const PlanesPlan plan(s, call.scratch, call.pool->threads());
  if (s.sh == 1 && s.sw == 1) return gatherPlanesGradInput(call, s, plan, g, w, dx);
  listTaps(s, plan.frame, plan.taps);
  forPlanes(call, s, s.C, [&](int n, int c, int thread) {
    const size_t plane = size_t(n) * s.C + c;
    float* frame = plan.frames + thread * plan.frameSize;
    std::memset(frame, 0, plan.frameSize * sizeof(float));
    for (int row = 0; row < s.OH; row++)
      for (int column = 0; column < s.OW; column += VL) {
        const Vec gradient = loadPart(g + (plane * s.OH + row) * s.OW + column, smaller(VL, s.OW - column));
        float* out = frame + row * s.sh * plan.frame.rowSize() + column;
        for (int t = 0; t < s.taps(); t++) {
          float* sum = out + plan.taps[t];
          store(sum, fma(gradient, broadcast(w[size_t(c) * s.taps() + t]), load(sum)));
        }
      }
    float* to = dx + plane * s.H * s.W;
    for (int row = 0; row < s.H; row++)
      for (int column = 0; column < s.W; column++) *to++ = frame[plan.frame.offset(row + s.padTop, column + s.padLeft)];
  });
}

// Adds to partial[tap][VL] for TAPS taps: input under the tap times gradient.
template <int TAPS>
static inline void correlatePlane(const ConvShape& s, const float* frame, size_t step, const int32_t* taps,
                                  const float* g, float* partial) {
  Vec sum[TAPS] = {};
  for (int row = 0; row < s.OH; row++)
    for (int column = 0; column < s.OW; column += VL) {
      const Vec gradient = loadPart(g + size_t(row) * s.OW + column, smaller(VL, s.OW - column));
      const float* x = frame + row * step + column;
#pragma GCC unroll 8
      for (int t = 0; t < TAPS; t++) sum[t] = fma(load(x + taps[t]), gradient, sum[t]);
    }
#pragma GCC unroll 8
  for (int t = 0; t < TAPS; t++) store(partial + t * VL, load(partial + t * VL) + sum[t]);
}

static inline void runPlanesGradWeight(const Call& call, const ConvShape& s, const float* x, const float* g,
                                       float* dw) {
  const PlanesPlan plan(s, call.scratch, call.pool->threads());
  listTaps(s, plan.frame, plan.taps);
  const size_t step = s.sh * plan.frame.rowSize();
  call.pool->run(plan.runs * s.C, [&](int task, int thread) {
    const int run = task / s.C, c = task % s.C;
    float* frame = plan.frames + thread * plan.frameSize;
    float* partial = plan.partial + size_t(task) * s.taps() * VL;
    std::memset(partial, 0, size_t(s.taps()) * VL * sizeof(float));
    const int end = int(int64_t(s.images) * (run + 1) / plan.runs);
    for (int n = int(int64_t(s.images) * run / plan.runs); n < end; n++) {
      const size_t plane = size_t(n) * s.C + c;
      stagePlane(x + plane * s.H * s.W, s.H, s.W, -s.padTop, -s.padLeft, plan.frame, frame);
      inParts<DEPTHWISE_SUMS>(s.taps(), [&]<int TAPS>(int t) {
        correlatePlane<TAPS>(s, frame, step, plan.taps + t, g + plane * s.OH * s.OW, partial + size_t(t) * VL);
      });
    }
  });
  for (int i = 0; i < s.C * s.taps(); i++) {
    Vec sum{};
    for (int run = 0; run < plan.runs; run++)
      sum = sum + load(plan.partial + (size_t(run) * s.C * s.taps() + i) * VL);
    dw[i] = sumLanes(sum);
  }
}

}  // namespace soma::SOMA_ISA
