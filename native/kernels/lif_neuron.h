// What the forward and the backward pass of leaky integrate-and-fire neurons share: how neurons lie side by side, their
// parameters, and the recursion.
//
//   b = clip(beta, 0, 1), U[-1] = 0, S[t] = U[t] > theta
//   delayed reset (snnTorch's Leaky):  A[t] = b * U[t-1] + I[t],  U[t] = A[t] reset by S[t-1]
//   immediate reset:                   U[t] = b * V[t-1] + I[t],  V[t] = U[t] reset by S[t]
//   reset of a value v by a spike:     subtract v - theta | zero 0 | none v
//
// A current may be a normalisation that is computed on the way: I = (x - mean) * scale * invStd + shift, by channel.
//
// Each operation rounds to f32 in this order, forward and recomputed, so that spikes are equal to the bit.
// Each step waits for the one before, so that several strands are taken side by side where there are any.
#pragma once
#include "../kernel.h"
#include "../simd.h"
#include "conv_source.h"
#include "norm_line.h"
#include "scratch.h"

namespace soma::SOMA_ISA {

enum Reset { SUBTRACT, ZERO, NONE };

struct LifShape {
  static constexpr int INTS = 11, FLOATS = 2;
  static constexpr int MIN_TASKS = 32;

  int N, C, HW, T;
  bool timedCurrent, betaPerChannel, thresholdPerChannel;
  int reset;
  bool delay;
  int surrogate;
  bool reluGrad;
  bool flat, plain;
  size_t row, spikeRow;  // floats and words of one image at one time
  int channelBlocks, runs;  // tasks: (channel block, run of images)

  explicit LifShape(const int32_t* i)
      : N(i[0]), C(i[1]), HW(i[2]), T(i[3]), timedCurrent(i[4]), betaPerChannel(i[5]), thresholdPerChannel(i[6]),
        reset(i[7]), delay(i[8]), surrogate(i[9]), reluGrad(i[10]), flat(HW == 0), plain(!flat && !isBlocked(C)),
        row(flat ? size_t(C) : mapSize(C, HW)), spikeRow(size_t(blocks(C)) * (flat ? 1 : HW)),
        channelBlocks(blocks(C)), runs(larger(1, smaller(N, divideUp(MIN_TASKS, channelBlocks)))) {}

  int firstImage(int run) const { return int(int64_t(N) * run / runs); }
  // Floats between a strand's values at successive times.
  size_t timeStride() const { return N * row; }
  size_t currentStride() const { return timedCurrent ? timeStride() : 0; }
};

// Strands side by side: neighbouring pixels of a blocked map.
constexpr int TOGETHER = VL == 16 ? 4 : 2;

// Sixteen lanes that share a row: channels of a pixel, features, or (plain maps) pixels of a channel. With `count`
// strands, each begins LANES floats after the one before, and all lanes exist.
struct Strand {
  int count;      // 1 or TOGETHER
  size_t offset;  // of lane 0 at t = 0, in floats
  int lanes;      // that exist in memory; the others are neither read nor written
  int filled;     // that are channels; lanes between are written as zero
  Block beta, theta;
  NormLine norm;  // where the current is normalised
};

// ---- Parameters

struct LifParameters {
  const float *beta, *theta;
  const float *mean, *invStd, *scale, *shift;  // of the current's normalisation, or null

  bool normalises() const { return mean != nullptr; }
};

static inline float clipBeta(float beta) { return beta < 0 ? 0 : beta > 1 ? 1 : beta; }

// Lane l has channel channelOf(l); lanes beyond C rest at zero below a threshold of one.
template <class ChannelOf>
static inline void loadParameters(const LifShape& s, const LifParameters& p, Strand& strand, const ChannelOf& channelOf) {
  float b[LANES] = {}, h[LANES], mean[LANES] = {}, slope[LANES] = {}, shift[LANES] = {};
  for (int l = 0; l < LANES; l++) {
    const int c = channelOf(l);
    h[l] = 1;
    if (c >= s.C) continue;
    b[l] = clipBeta(p.beta[s.betaPerChannel ? c : 0]);
    h[l] = p.theta[s.thresholdPerChannel ? c : 0];
    if (!p.normalises()) continue;
    mean[l] = p.mean[c];
    slope[l] = p.invStd[c] * p.scale[c];
    shift[l] = p.shift[c];
  }
  strand.beta = loadBlock(b);
  strand.theta = loadBlock(h);
  strand.norm = {loadBlock(mean), loadBlock(slope), loadBlock(shift)};
}

// Calls body(strand, first channel, position) for all strands of a task. `position` is the spike word of
// lane 0 within its row; in a plain map it is the first pixel, and `first channel` is the only one.
template <class Body>
static inline void eachStrand(const LifShape& s, const LifParameters& parameters, int block, int run, const Body& body) {
  Strand strand;
  strand.count = 1;
  const int end = s.firstImage(run + 1);
  if (s.plain) {
    for (int n = s.firstImage(run); n < end; n++)
      for (int p = 0; p < s.HW; p += LANES)
        for (int c = 0; c < s.C; c++) {
          loadParameters(s, parameters, strand, [&](int) { return c; });
          strand.offset = n * s.row + size_t(c) * s.HW + p;
          strand.lanes = strand.filled = smaller(LANES, s.HW - p);
          body(strand, n, c, p);
        }
    return;
  }
  loadParameters(s, parameters, strand, [&](int lane) { return block * LANES + lane; });
  strand.filled = smaller(LANES, s.C - block * LANES);
  strand.lanes = s.flat ? strand.filled : LANES;
  const int pixels = s.flat ? 1 : s.HW;
  for (int n = s.firstImage(run); n < end; n++)
    for (int p = 0; p < pixels; p += strand.count) {
      strand.count = pixels - p >= TOGETHER ? TOGETHER : 1;
      const size_t word = size_t(block) * pixels + p;
      strand.offset = n * s.row + word * LANES;
      body(strand, n, block * LANES, int(word));
    }
}

// ---- The recursion

template <int RESET>
static inline Vec resetBy(VecI spike, Vec value, Vec theta) {
  if (RESET == SUBTRACT) return select(spike, value - theta, value);
  if (RESET == ZERO) return select(spike, Vec{}, value);
  return value;
}

// Runs K registers of neurons: current(t, k), each(t, k, U).
template <int K, int RESET, bool DELAY, class Current, class Each>
static inline void integrate(int T, Vec beta, Vec theta, const Current& current, const Each& each) {
  Vec state[K] = {};
  VecI spike[K];
  for (int k = 0; k < K; k++) spike[k] = state[k] > theta;
  for (int t = 0; t < T; t++) {
#pragma GCC unroll 4
    for (int k = 0; k < K; k++) {
      Vec U = beta * state[k] + current(t, k);
      if (DELAY) U = resetBy<RESET>(spike[k], U, theta);
      spike[k] = U > theta;
      each(t, k, U);
      state[k] = DELAY ? U : resetBy<RESET>(spike[k], U, theta);
    }
  }
}

// The same for register `part` of a strand whose current may have to be normalised first.
template <int K, int RESET, bool DELAY, class Stored, class Each>
static inline void integrateStrand(int T, const Strand& strand, int part, bool normalises, const Stored& stored, const Each& each) {
  const Vec beta = strand.beta.part[part], theta = strand.theta.part[part];
  if (!normalises) return integrate<K, RESET, DELAY>(T, beta, theta, stored, each);
  integrate<K, RESET, DELAY>(T, beta, theta, [&](int t, int k) { return strand.norm(stored(t, k), part); }, each);
}

// Of K > 1 strands all lanes exist.
template <int K>
static inline Vec loadLanes(const float* p, int lanes) {
  return K > 1 ? load(p) : loadFirst(p, lanes);
}
template <int K>
static inline void storeLanes(float* p, Vec v, int lanes) {
  if (K > 1) return store(p, v);
  storeFirst(p, v, lanes);
}

}  // namespace soma::SOMA_ISA
