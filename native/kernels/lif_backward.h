// Leaky integrate-and-fire neurons, back through time. No membrane is kept: each strand is run again before it is walked
// back. The spike inside a reset is detached; the theta that a subtraction takes away is not.
#pragma once
#include "lif_neuron.h"
#include "spike_gradient.h"
#include "stream.h"
#include "surrogate.h"

namespace soma::SOMA_ISA {

struct LifBackward {
  const float* current;
  LifParameters parameters;
  SpikeGradient ofSpikes;
  const float *gMembrane, *added;
  float* dCurrent;
  Surrogate surrogate;
  bool sumsNorm = false;  // for the normalisation's own gradients
  bool streams = false;   // stores dCurrent around the caches

  // Where every gradient of a current is its own, large, and does not lie where another was.
  bool canStream(const LifShape& s) const {
    const bool apart = dCurrent != current && dCurrent != ofSpikes.g && dCurrent != gMembrane && dCurrent != added;
    return apart && s.timedCurrent && leavesCaches(dCurrent, s.T * s.timeStride());
  }
};

// Floats between successive times from which on a value does not stay in a cache of one core.
constexpr size_t FAR_APART = 1 << 18;

// Sums over a strand's time, before clip's own gradient.
struct ParameterGradient {
  Vec beta, theta;
};

// The gradient of a current, and its product with what the current was normalised from less its mean.
struct NormSums {
  Vec gradient{}, product{};
};

// Memory does not foresee what lies so far apart: asks for what the strands at `offset` read on their way back, and for the
// current of the next ones.
static inline void askAhead(const LifShape& s, const LifBackward& b, size_t offset) {
  for (int t = 0; t < s.T; t++)
    for (int k = 0; k < TOGETHER; k++) {
      const size_t at = offset + t * s.timeStride() + k * LANES;
      __builtin_prefetch(b.current + offset + t * s.currentStride() + (k + TOGETHER) * LANES);
      if (b.ofSpikes.g && !b.ofSpikes.isUndone()) __builtin_prefetch(b.ofSpikes.g + at);
      if (b.added) __builtin_prefetch(b.added + at);
    }
}

// Register `part` of K strands, back through time. `history` holds T * K registers; sums[k] is strand k's, where
// parameters have gradients. UNDO: the gradient of spikes is what `undo` gives.
template <int K, int RESET, bool DELAY, bool PARAMETERS, bool UNDO>
static inline void backwardPart(const LifShape& s, const LifBackward& b, const UndoSpikes& undo, const Strand& strand, int part,
                                float* history, ParameterGradient (&sums)[K], NormSums& norm) {
  const int lane = part * VL, lanes = strand.lanes - lane;
  const unsigned real = ((1u << strand.filled) - 1) >> lane & ((1u << VL) - 1);
  const Vec beta = strand.beta.part[part], theta = strand.theta.part[part], zero{};
  const size_t offset = strand.offset + lane;
  const float* current = b.current + offset;
  const auto currentAt = [&](int t, int k) {
    return loadLanes<K>(current + t * s.currentStride() + k * LANES, lanes);
  };
  // With respect to a current; the gradient of a ReLU before it is zero where it clamped. Sums may be wanted without it.
  const auto storeGradient = [&](int t, int k, Vec g) {
    const size_t at = offset + t * s.timeStride() + k * LANES;
    if (s.reluGrad) g = select(currentAt(t, k) <= zero, zero, g);
    g = keepBits(real, g);
    if (b.added) g = g + loadLanes<K>(b.added + at, lanes);
    if (b.sumsNorm) {
      norm.gradient = norm.gradient + g;
      norm.product = fma(g, currentAt(t, k) - strand.norm.mean.part[part], norm.product);
    }
    if (!b.dCurrent) return;
    if (K > 1 && b.streams) return stream(b.dCurrent + at, g);
    storeLanes<K>(b.dCurrent + at, g, lanes);
  };
  const bool wantsGradient = b.dCurrent || b.sumsNorm;
  if (K > 1 && s.timeStride() >= FAR_APART) {
    askAhead(s, b, strand.offset + lane);
    if (UNDO) undo.askAhead();
  }
  integrateStrand<K, RESET, DELAY>(s.T, strand, part, b.parameters.normalises(), currentAt,
                                   [&](int t, int k, Vec U) { store(history + (t * K + k) * VL, U); });

  Vec gState[K] = {}, gCurrent[K] = {};  // with respect to what t + 1 receives; summed over time
  Vec sumBeta[K] = {}, sumTheta[K] = {}, U[K];
  for (int k = 0; k < K; k++) U[k] = load(history + ((s.T - 1) * K + k) * VL);
  for (int t = s.T - 1; t >= 0; t--) {
    const size_t at = offset + t * s.timeStride();
    Vec gU[K];
#pragma GCC unroll 4
    for (int k = 0; k < K; k++) gU[k] = b.gMembrane ? loadLanes<K>(b.gMembrane + at + k * LANES, lanes) : zero;
    if (b.ofSpikes.g) {
      Vec slope[K];
#pragma GCC unroll 4
      for (int k = 0; k < K; k++) slope[k] = U[k] - theta;
      b.surrogate.replace(slope);
#pragma GCC unroll 4
      for (int k = 0; k < K; k++) {
        const Vec gSpike = UNDO ? undo(t, k, lane) : loadLanes<K>(b.ofSpikes.g + at + k * LANES, lanes);
        const Vec viaSpike = gSpike * slope[k];
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
      if (s.timedCurrent && wantsGradient) storeGradient(t, k, gU[k]);
      gCurrent[k] = gCurrent[k] + gU[k];
      U[k] = previous;
    }
  }
  for (int k = 0; k < K; k++) {
    if (!s.timedCurrent && wantsGradient) storeGradient(0, k, gCurrent[k]);
    if constexpr (PARAMETERS) sums[k] = {sumBeta[k], sumTheta[k]};
  }
}

// Partial sums of one task, by lane (by channel in a plain map).
struct PartialGradient {
  double beta[LANES], theta[LANES];
  double normGradient[LANES], normProduct[LANES];  // by lane

  void add(int part, const NormSums& norm) {
    addLanes(normGradient, false, part, 0, VL, norm.gradient);
    addLanes(normProduct, false, part, 0, VL, norm.product);
  }

  void add(const LifShape& s, const Strand& strand, int part, int firstChannel, const ParameterGradient& sum) {
    const int lanes = smaller(VL, strand.lanes - part * VL);
    addLanes(beta, s.plain, part, firstChannel, lanes, sum.beta);
    addLanes(theta, s.plain, part, firstChannel, lanes, sum.theta);
  }

 private:
  static void addLanes(double* sums, bool plain, int part, int firstChannel, int lanes, Vec v) {
    float lane[VL];
    store(lane, v);
    if (plain) {
      for (int l = 0; l < lanes; l++) sums[firstChannel] += lane[l];
    } else {
      for (int l = 0; l < VL; l++) sums[part * VL + l] += lane[l];
    }
  }
};

template <int RESET, bool DELAY, bool PARAMETERS, bool UNDO>
static inline void backwardTask(const LifShape& s, const LifBackward& b, int task, float* history, float* room,
                                PartialGradient& partial) {
  partial = {};
  const int block = task / s.runs;
  UndoSpikes undo(s, b.ofSpikes, block, room);
  eachStrand(s, b.parameters, block, task % s.runs,
             [&](const Strand& strand, int n, int firstChannel, int position) {
    if (UNDO) undo.seek(n, position - block * s.HW);
    const auto walk = [&]<int K>(int part) {
      ParameterGradient sums[K];
      NormSums norm;
      backwardPart<K, RESET, DELAY, PARAMETERS, UNDO>(s, b, undo, strand, part, history, sums, norm);
      if (b.sumsNorm) partial.add(part, norm);
      if constexpr (PARAMETERS)
        for (int k = 0; k < K; k++) partial.add(s, strand, part, firstChannel, sums[k]);
    };
    for (int i = 0; i < PARTS && i * VL < strand.lanes; i++)
      if (strand.count > 1)
        walk.template operator()<TOGETHER>(i);
      else
        walk.template operator()<1>(i);
  });
}

}  // namespace soma::SOMA_ISA
