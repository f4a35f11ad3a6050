// Leaky integrate-and-fire neurons over all time steps at once, forward and backward.
//
//   b = clip(beta, 0, 1), U[-1] = 0, S[t] = U[t] > theta
//   delayed reset (snnTorch's Leaky):  A[t] = b * U[t-1] + I[t],  U[t] = A[t] reset by S[t-1]
//   immediate reset:                   U[t] = b * V[t-1] + I[t],  V[t] = U[t] reset by S[t]
//   reset of a value v by a spike:     subtract v - theta | zero 0 | none v
//
// Each operation rounds to f32 in this order, forward and recomputed, so that spikes are equal to the bit.
// The backward pass keeps no membrane: it recomputes a strand (16 lanes, all T) and walks back through it.
// Each step waits for the one before, so that several strands are taken side by side where there are any.
// The spike inside a reset is detached; the theta that a subtraction takes away is not.
#include "../kernel.h"
#include "../simd.h"
#include "conv_source.h"
#include "scratch.h"
#include "tables.h"

#include <numbers>

namespace soma::SOMA_ISA {
namespace {

enum Reset { SUBTRACT, ZERO, NONE };
enum Surrogate { FAST_SIGMOID, ARCTAN, RECTANGLE, TRIANGLE, STRAIGHT_THROUGH };

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
};

// ---- Parameters

static inline float clipBeta(float beta) { return beta < 0 ? 0 : beta > 1 ? 1 : beta; }

// Lane l has channel `first + l`; lanes beyond C rest at zero below a threshold of one.
void loadParameters(const LifShape& s, const float* beta, const float* theta, int first, Strand& strand) {
  float b[LANES], h[LANES];
  for (int l = 0; l < LANES; l++) {
    const bool real = first + l < s.C;
    b[l] = real ? clipBeta(beta[s.betaPerChannel ? first + l : 0]) : 0;
    h[l] = real ? theta[s.thresholdPerChannel ? first + l : 0] : 1;
  }
  strand.beta = loadBlock(b);
  strand.theta = loadBlock(h);
}

void loadChannelParameters(const LifShape& s, const float* beta, const float* theta, int channel, Strand& strand) {
  for (int i = 0; i < PARTS; i++) {
    strand.beta.part[i] = broadcast(clipBeta(beta[s.betaPerChannel ? channel : 0]));
    strand.theta.part[i] = broadcast(theta[s.thresholdPerChannel ? channel : 0]);
  }
}

// Calls body(strand, first channel, position) for all strands of a task. `position` is the spike word of
// lane 0 within its row; in a plain map it is the first pixel, and `first channel` is the only one.
template <class Body>
void eachStrand(const LifShape& s, const float* beta, const float* theta, int block, int run, const Body& body) {
  Strand strand;
  strand.count = 1;
  const int end = s.firstImage(run + 1);
  if (s.plain) {
    for (int n = s.firstImage(run); n < end; n++)
      for (int p = 0; p < s.HW; p += LANES)
        for (int c = 0; c < s.C; c++) {
          loadChannelParameters(s, beta, theta, c, strand);
          strand.offset = n * s.row + size_t(c) * s.HW + p;
          strand.lanes = strand.filled = smaller(LANES, s.HW - p);
          body(strand, n, c, p);
        }
    return;
  }
  loadParameters(s, beta, theta, block * LANES, strand);
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

// ---- Forward

struct Forward {
  const float *current, *beta, *theta;
  uint16_t* spikes;
  float* membrane;
};

// Register `part` of K strands.
template <int K, int RESET, bool DELAY>
static inline void forwardPart(const LifShape& s, const Forward& f, const Strand& strand, int part, int n,
                               int firstChannel, int position) {
  const size_t stride = s.currentStride();
  const int lane = part * VL, lanes = strand.lanes - lane;
  const unsigned real = ((1u << strand.filled) - 1) >> lane & ((1u << VL) - 1);
  const float* current = f.current + strand.offset + lane;
  const Vec theta = strand.theta.part[part];
  integrate<K, RESET, DELAY>(s.T, strand.beta.part[part], theta,
      [&](int t, int k) { return loadLanes<K>(current + t * stride + k * LANES, lanes); },
      [&](int t, int k, Vec U) {
        const unsigned spikes = greaterBits(U, theta) & real;
        uint16_t* words = f.spikes + (size_t(t) * s.N + n) * s.spikeRow + position + k;
        if (s.plain) {
          // Lanes are pixels here: channel c is bit c of each pixel's word; channel 0 comes first.
          for (int l = 0; l < smaller(VL, lanes); l++) {
            const unsigned bit = (spikes >> l & 1) << firstChannel;
            words[lane + l] = uint16_t(firstChannel == 0 ? bit : words[lane + l] | bit);
          }
        } else {
          *words = uint16_t(lane == 0 ? spikes : *words | spikes << lane);
        }
        if (f.membrane)
          storeLanes<K>(f.membrane + strand.offset + lane + t * s.timeStride() + k * LANES, keepBits(real, U), lanes);
      });
}

template <int RESET, bool DELAY>
void forwardTask(const LifShape& s, const Forward& f, int task) {
  eachStrand(s, f.beta, f.theta, task / s.runs, task % s.runs,
             [&](const Strand& strand, int n, int firstChannel, int position) {
    for (int i = 0; i < PARTS && (i == 0 || i * VL < strand.lanes); i++) {
      if (strand.count > 1)
        forwardPart<TOGETHER, RESET, DELAY>(s, f, strand, i, n, firstChannel, position);
      else
        forwardPart<1, RESET, DELAY>(s, f, strand, i, n, firstChannel, position);
    }
  });
}

// ---- Backward

struct Backward {
  const float *current, *beta, *theta, *gSpikes, *gMembrane;
  float* dCurrent;
  int surrogate;
  float slope, scale;  // the surrogate's parameter and factor
};

static inline Vec absolute(Vec x) { return max(x, -x); }

// Replaces distances from the threshold by the derivative of the spike there.
template <int K>
static inline void surrogateSlopes(const Backward& b, Vec (&x)[K]) {
  const Vec one = broadcast(1.0f);
  const auto replace = [&](const auto& slope) {
#pragma GCC unroll 4
    for (int k = 0; k < K; k++) x[k] = slope(x[k]);
  };
  switch (b.surrogate) {
    case FAST_SIGMOID:
      return replace([&](Vec x) {
        const Vec d = one + b.slope * absolute(x);
        return b.scale / (d * d);
      });
    case ARCTAN:
      return replace([&](Vec x) {
        const Vec z = std::numbers::pi_v<float> / 2 * b.slope * x;
        return b.scale * (b.slope / 2) / (one + z * z);
      });
    case RECTANGLE:
      return replace([&](Vec x) {
        return select(broadcast(b.slope / 2) > absolute(x), broadcast(b.scale / b.slope), Vec{});
      });
    case TRIANGLE:
      return replace([&](Vec x) { return b.scale / b.slope * max(Vec{}, one - absolute(x) / b.slope); });
    default:
      return replace([&](Vec) { return broadcast(b.scale); });
  }
}

// Sums over a strand's time, before clip's own gradient.
struct ParameterGradient {
  Vec beta, theta;
};

// Register `part` of K strands, back through time. `history` holds T * K registers; sums[k] is strand k's.
template <int K, int RESET, bool DELAY>
static inline void backwardPart(const LifShape& s, const Backward& b, const Strand& strand, int part, float* history,
                                ParameterGradient (&sums)[K]) {
  const int lane = part * VL, lanes = strand.lanes - lane;
  const unsigned real = ((1u << strand.filled) - 1) >> lane & ((1u << VL) - 1);
  const Vec beta = strand.beta.part[part], theta = strand.theta.part[part], zero{};
  const size_t offset = strand.offset + lane;
  const float* current = b.current + offset;
  const auto currentAt = [&](int t, int k) {
    return loadLanes<K>(current + t * s.currentStride() + k * LANES, lanes);
  };
  // With respect to a current; the gradient of a ReLU before it is zero where it clamped.
  const auto storeGradient = [&](int t, int k, Vec g) {
    if (s.reluGrad) g = select(currentAt(t, k) <= zero, zero, g);
    storeLanes<K>(b.dCurrent + offset + t * s.timeStride() + k * LANES, keepBits(real, g), lanes);
  };
  integrate<K, RESET, DELAY>(s.T, beta, theta, currentAt,
                             [&](int t, int k, Vec U) { store(history + (t * K + k) * VL, U); });

  Vec gState[K] = {}, gCurrent[K] = {};  // with respect to what t + 1 receives; summed over time
  Vec sumBeta[K] = {}, sumTheta[K] = {}, U[K];
  for (int k = 0; k < K; k++) U[k] = load(history + ((s.T - 1) * K + k) * VL);
  for (int t = s.T - 1; t >= 0; t--) {
    const size_t at = offset + t * s.timeStride();
    Vec gU[K];
#pragma GCC unroll 4
    for (int k = 0; k < K; k++) gU[k] = b.gMembrane ? loadLanes<K>(b.gMembrane + at + k * LANES, lanes) : zero;
    if (b.gSpikes) {
      Vec slope[K];
#pragma GCC unroll 4
      for (int k = 0; k < K; k++) slope[k] = U[k] - theta;
      surrogateSlopes<K>(b, slope);
#pragma GCC unroll 4
      for (int k = 0; k < K; k++) {
        const Vec viaSpike = loadLanes<K>(b.gSpikes + at + k * LANES, lanes) * slope[k];
        gU[k] = gU[k] + viaSpike;
        sumTheta[k] = sumTheta[k] - viaSpike;
      }
    }
#pragma GCC unroll 4
    for (int k = 0; k < K; k++) {
      const Vec previous = t > 0 ? load(history + ((t - 1) * K + k) * VL) : zero;
      const VecI spike = U[k] > theta, previousSpike = previous > theta;
      Vec carried = previous;
      if (DELAY) {
        gU[k] = gU[k] + gState[k];
        if (RESET == SUBTRACT) sumTheta[k] = sumTheta[k] - select(previousSpike, gU[k], zero);
        if (RESET == ZERO) gU[k] = select(previousSpike, zero, gU[k]);
      } else {
        if (RESET == SUBTRACT) sumTheta[k] = sumTheta[k] - select(spike, gState[k], zero);
        gU[k] = gU[k] + (RESET == ZERO ? select(spike, zero, gState[k]) : gState[k]);
        if (t > 0) carried = resetBy<RESET>(previousSpike, previous, theta);
      }
      sumBeta[k] = fma(gU[k], carried, sumBeta[k]);
      gState[k] = beta * gU[k];
      if (s.timedCurrent && b.dCurrent) storeGradient(t, k, gU[k]);
      gCurrent[k] = gCurrent[k] + gU[k];
      U[k] = previous;
    }
  }
  for (int k = 0; k < K; k++) {
    if (!s.timedCurrent && b.dCurrent) storeGradient(0, k, gCurrent[k]);
    sums[k] = {sumBeta[k], sumTheta[k]};
  }
}

// Partial sums of one task, by lane (by channel in a plain map).
struct PartialGradient {
  double beta[LANES], theta[LANES];
};

template <int RESET, bool DELAY>
void backwardTask(const LifShape& s, const Backward& b, int task, float* history, PartialGradient& partial) {
  partial = {};
  eachStrand(s, b.beta, b.theta, task / s.runs, task % s.runs,
             [&](const Strand& strand, int, int firstChannel, int) {
    for (int i = 0; i < PARTS && i * VL < strand.lanes; i++) {
      if (strand.count > 1) {
        ParameterGradient sums[TOGETHER];
        backwardPart<TOGETHER, RESET, DELAY>(s, b, strand, i, history, sums);
        for (int k = 0; k < TOGETHER; k++)
          for (int l = 0; l < VL; l++) {
            partial.beta[i * VL + l] += sums[k].beta[l];
            partial.theta[i * VL + l] += sums[k].theta[l];
          }
        continue;
      }
      ParameterGradient sums[1];
      backwardPart<1, RESET, DELAY>(s, b, strand, i, history, sums);
      const ParameterGradient& sum = sums[0];
      if (s.plain) {
        const int real = smaller(VL, strand.lanes - i * VL);
        for (int l = 0; l < real; l++) {
          partial.beta[firstChannel] += sum.beta[l];
          partial.theta[firstChannel] += sum.theta[l];
        }
      } else {
        for (int l = 0; l < VL; l++) {
          partial.beta[i * VL + l] += sum.beta[l];
          partial.theta[i * VL + l] += sum.theta[l];
        }
      }
    }
  });
}

// ---- The calls

// Calls fn.operator()<RESET, DELAY>().
template <class Fn>
void withReset(const LifShape& s, const Fn& fn) {
  switch (s.reset * 2 + s.delay) {
    case SUBTRACT * 2: return fn.template operator()<SUBTRACT, false>();
    case SUBTRACT * 2 + 1: return fn.template operator()<SUBTRACT, true>();
    case ZERO * 2: return fn.template operator()<ZERO, false>();
    case ZERO * 2 + 1: return fn.template operator()<ZERO, true>();
    case NONE * 2: return fn.template operator()<NONE, false>();
    default: return fn.template operator()<NONE, true>();
  }
}

void lif(const Call& call) {
  const LifShape s(call.ints);
  const Forward f{call.f32(0), call.f32(1), call.f32(2), call.spikes(3), call.f32(4)};
  withReset(s, [&]<int RESET, bool DELAY>() {
    call.pool->run(s.channelBlocks * s.runs, [&](int task, int) { forwardTask<RESET, DELAY>(s, f, task); });
  });
}

struct LifGradPlan {
  PartialGradient* partial;
  float* histories;
  size_t bytes;

  LifGradPlan(const LifShape& s, char* base, int threads) {
    Scratch scratch(base);
    partial = scratch.take<PartialGradient>(size_t(s.channelBlocks) * s.runs);
    histories = scratch.take<float>(size_t(threads) * historySize(s));
    bytes = scratch.used();
  }

  static size_t historySize(const LifShape& s) { return size_t(s.T) * TOGETHER * VL; }
};

// Adds the partial sums in task order. The gradient of clip is one on the closed interval.
void reduceParameters(const LifShape& s, const PartialGradient* partial, const float* beta, float* dBeta,
                      float* dTheta) {
  double allBeta = 0, allTheta = 0;
  for (int c = 0; c < s.C; c++) {
    double channelBeta = 0, channelTheta = 0;
    for (int run = 0; run < s.runs; run++) {
      const PartialGradient& p = partial[c / LANES * s.runs + run];
      channelBeta += p.beta[c % LANES];
      channelTheta += p.theta[c % LANES];
    }
    const float raw = beta[s.betaPerChannel ? c : 0];
    if (!(raw >= 0 && raw <= 1)) channelBeta = 0;
    allBeta += channelBeta;
    allTheta += channelTheta;
    if (dBeta && s.betaPerChannel) dBeta[c] = float(channelBeta);
    if (dTheta && s.thresholdPerChannel) dTheta[c] = float(channelTheta);
  }
  if (dBeta && !s.betaPerChannel) *dBeta = float(allBeta);
  if (dTheta && !s.thresholdPerChannel) *dTheta = float(allTheta);
}

void lifGrad(const Call& call) {
  const LifShape s(call.ints);
  const LifGradPlan plan(s, call.scratch, call.pool->threads());
  const Backward b{call.f32(0), call.f32(1), call.f32(2), call.f32(3), call.f32(4),
                   call.f32(5), s.surrogate, call.floats[0], call.floats[1]};
  withReset(s, [&]<int RESET, bool DELAY>() {
    call.pool->run(s.channelBlocks * s.runs, [&](int task, int thread) {
      backwardTask<RESET, DELAY>(s, b, task, plan.histories + size_t(thread) * LifGradPlan::historySize(s), plan.partial[task]);
    });
  });
  reduceParameters(s, plan.partial, b.beta, call.f32(6), call.f32(7));
}
size_t lifGradScratch(const Call& call, int threads) {
  return LifGradPlan(LifShape(call.ints), nullptr, threads).bytes;
}

const Kernel KERNELS[] = {
    {"lif", 5, LifShape::INTS, LifShape::FLOATS, lif, nullptr},
    {"lif_grad", 8, LifShape::INTS, LifShape::FLOATS, lifGrad, lifGradScratch},
};

}  // namespace

KernelTable lifKernels() { return {KERNELS, sizeof KERNELS / sizeof *KERNELS}; }

}  // namespace soma::SOMA_ISA
