// Leaky integrate-and-fire neurons over all time steps at once, forward and backward.
//
//   b = clip(beta, 0, 1), U[-1] = 0, S[t] = U[t] > theta
//   delayed reset (snnTorch's Leaky):  A[t] = b * U[t-1] + I[t],  U[t] = A[t] reset by S[t-1]
//   immediate reset:                   U[t] = b * V[t-1] + I[t],  V[t] = U[t] reset by S[t]
//   reset of a value v by a spike:     subtract v - theta | zero 0 | none v
//
// Each operation rounds to f32 in this order, forward and recomputed, so that spikes are equal to the bit.
// The backward pass keeps no membrane: it recomputes a strand (16 lanes, all T) and walks back through it.
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

// Sixteen lanes that share a row: channels of a pixel, features, or (plain maps) pixels of a channel.
struct Strand {
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
    for (int p = 0; p < pixels; p++) {
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

// Runs one register of neurons: each(t, U, spike).
template <int RESET, bool DELAY, class Current, class Each>
static inline void integrate(int T, Vec beta, Vec theta, const Current& current, const Each& each) {
  Vec state{};
  VecI spike = state > theta;
  for (int t = 0; t < T; t++) {
    Vec U = beta * state + current(t);
    if (DELAY) U = resetBy<RESET>(spike, U, theta);
    spike = U > theta;
    each(t, U);
    state = DELAY ? U : resetBy<RESET>(spike, U, theta);
  }
}

// ---- Forward

struct Forward {
  const float *current, *beta, *theta;
  uint16_t* spikes;
  float* membrane;
};

template <int RESET, bool DELAY>
void forwardTask(const LifShape& s, const Forward& f, int task) {
  eachStrand(s, f.beta, f.theta, task / s.runs, task % s.runs,
             [&](const Strand& strand, int n, int firstChannel, int position) {
    const size_t stride = s.currentStride();
    const unsigned filled = (1u << strand.filled) - 1;
    for (int i = 0; i < PARTS; i++) {
      const int lane = i * VL, lanes = strand.lanes - lane;
      if (lanes <= 0 && lane > 0) break;
      const float* current = f.current + strand.offset + lane;
      const Vec theta = strand.theta.part[i];
      integrate<RESET, DELAY>(s.T, strand.beta.part[i], theta,
          [&](int t) { return loadFirst(current + t * stride, lanes); },
          [&](int t, Vec U) {
            const unsigned real = filled >> lane & ((1u << VL) - 1);
            const unsigned spikes = greaterBits(U, theta) & real;
            uint16_t* words = f.spikes + (size_t(t) * s.N + n) * s.spikeRow + position;
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
              storeFirst(f.membrane + strand.offset + lane + t * s.timeStride(), keepBits(real, U), lanes);
          });
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

// Derivative of the spike at a distance x from the threshold.
static inline Vec surrogateSlope(const Backward& b, Vec x) {
  const Vec one = broadcast(1.0f);
  switch (b.surrogate) {
    case FAST_SIGMOID: {
      const Vec d = one + b.slope * absolute(x);
      return b.scale / (d * d);
    }
    case ARCTAN: {
      const Vec z = std::numbers::pi_v<float> / 2 * b.slope * x;
      return b.scale * (b.slope / 2) / (one + z * z);
    }
    case RECTANGLE:
      return select(broadcast(b.slope / 2) > absolute(x), broadcast(b.scale / b.slope), Vec{});
    case TRIANGLE:
      return b.scale / b.slope * max(Vec{}, one - absolute(x) / b.slope);
    default:
      return broadcast(b.scale);
  }
}

// Sums over a strand's time, before clip's own gradient.
struct ParameterGradient {
  Vec beta, theta;
};

// One register of a strand, back through time. `history` holds T registers.
template <int RESET, bool DELAY>
static inline ParameterGradient backwardPart(const LifShape& s, const Backward& b, const Strand& strand, int part,
                                             float* history) {
  const int lane = part * VL, lanes = strand.lanes - lane;
  const unsigned real = ((1u << strand.filled) - 1) >> lane & ((1u << VL) - 1);
  const Vec beta = strand.beta.part[part], theta = strand.theta.part[part], zero{};
  const size_t offset = strand.offset + lane;
  const float* current = b.current + offset;
  integrate<RESET, DELAY>(s.T, beta, theta,
      [&](int t) { return loadFirst(current + t * s.currentStride(), lanes); },
      [&](int t, Vec U) { store(history + t * VL, U); });

  ParameterGradient sum{};
  Vec gState{}, gCurrent{};  // with respect to what t + 1 receives; summed over time
  for (int t = s.T - 1; t >= 0; t--) {
    const size_t at = offset + t * s.timeStride();
    const Vec U = load(history + t * VL);
    const Vec previous = t > 0 ? load(history + (t - 1) * VL) : zero;
    const VecI spike = U > theta, previousSpike = previous > theta;

    Vec gU = b.gMembrane ? loadFirst(b.gMembrane + at, lanes) : zero;
    if (b.gSpikes) {
      const Vec viaSpike = loadFirst(b.gSpikes + at, lanes) * surrogateSlope(b, U - theta);
      gU = gU + viaSpike;
      sum.theta = sum.theta - viaSpike;
    }
    Vec carried = previous;
    if (DELAY) {
      gU = gU + gState;
      if (RESET == SUBTRACT) sum.theta = sum.theta - select(previousSpike, gU, zero);
      if (RESET == ZERO) gU = select(previousSpike, zero, gU);
    } else {
      if (RESET == SUBTRACT) sum.theta = sum.theta - select(spike, gState, zero);
      gU = gU + (RESET == ZERO ? select(spike, zero, gState) : gState);
      if (t > 0) carried = resetBy<RESET>(previousSpike, previous, theta);
    }
    sum.beta = fma(gU, carried, sum.beta);
    gState = beta * gU;
    if (s.timedCurrent && b.dCurrent) {
      const VecI clamped = loadFirst(current + t * s.currentStride(), lanes) <= zero;
      const Vec g = s.reluGrad ? select(clamped, zero, gU) : gU;
      storeFirst(b.dCurrent + at, keepBits(real, g), lanes);
    }
    gCurrent = gCurrent + gU;
  }
  if (!s.timedCurrent && b.dCurrent) {
    const VecI clamped = loadFirst(current, lanes) <= zero;
    const Vec g = s.reluGrad ? select(clamped, zero, gCurrent) : gCurrent;
    storeFirst(b.dCurrent + offset, keepBits(real, g), lanes);
  }
  return sum;
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
      const ParameterGradient sum = backwardPart<RESET, DELAY>(s, b, strand, i, history);
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
    histories = scratch.take<float>(size_t(threads) * s.T * LANES);
    bytes = scratch.used();
  }
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
      backwardTask<RESET, DELAY>(s, b, task, plan.histories + size_t(thread) * s.T * LANES, plan.partial[task]);
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
