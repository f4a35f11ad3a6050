// Leaky integrate-and-fire neurons over all time steps at once: the forward pass and the calls of both.
#include "../kernel.h"
#include "lif_backward.h"
#include "lif_neuron.h"
#include "tables.h"

namespace soma::SOMA_ISA {
namespace {

// ---- Forward

struct Forward {
  const float* current;
  LifParameters parameters;
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
  integrateStrand<K, RESET, DELAY>(s.T, strand, part, f.parameters.normalises(),
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
  eachStrand(s, f.parameters, task / s.runs, task % s.runs,
             [&](const Strand& strand, int n, int firstChannel, int position) {
    for (int i = 0; i < PARTS && (i == 0 || i * VL < strand.lanes); i++) {
      if (strand.count > 1)
        forwardPart<TOGETHER, RESET, DELAY>(s, f, strand, i, n, firstChannel, position);
      else
        forwardPart<1, RESET, DELAY>(s, f, strand, i, n, firstChannel, position);
    }
  });
}

// ---- The calls

// beta and theta come behind the current; `norm` is where the normalisation begins.
LifParameters parametersOf(const Call& call, int norm) {
  return {call.f32(1), call.f32(2), call.f32(norm), call.f32(norm + 1), call.f32(norm + 2), call.f32(norm + 3)};
}

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

// [current, beta, theta, spikes, membrane | null, mean, invStd, scale and shift of a normalisation | null]
void lif(const Call& call) {
  const LifShape s(call.ints);
  const Forward f{call.f32(0), parametersOf(call, 5), call.spikes(3), call.f32(4)};
  withReset(s, [&]<int RESET, bool DELAY>() {
    call.pool->run(s.channelBlocks * s.runs, [&](int task, int) { forwardTask<RESET, DELAY>(s, f, task); });
  });
}

struct LifGradPlan {
  PartialGradient* partial;
  float *histories, *rooms;
  size_t bytes;

  LifGradPlan(const LifShape& s, char* base, int threads) {
    Scratch scratch(base);
    partial = scratch.take<PartialGradient>(size_t(s.channelBlocks) * s.runs);
    histories = scratch.take<float>(size_t(threads) * historySize(s));
    rooms = scratch.take<float>(size_t(threads) * UndoSpikes::room(s));
    bytes = scratch.used();
  }

  static size_t historySize(const LifShape& s) { return size_t(s.T) * TOGETHER * VL; }
};

// A channel's partial sums, added in task order.
double ofChannel(const LifShape& s, const PartialGradient* partial, int c, double (PartialGradient::*sums)[LANES]) {
  double total = 0;
  for (int run = 0; run < s.runs; run++) total += (partial[c / LANES * s.runs + run].*sums)[c % LANES];
  return total;
}

// The gradient of clip is one on the closed interval.
void reduceParameters(const LifShape& s, const PartialGradient* partial, const float* beta, float* dBeta,
                      float* dTheta) {
  double allBeta = 0, allTheta = 0;
  for (int c = 0; c < s.C; c++) {
    double channelBeta = ofChannel(s, partial, c, &PartialGradient::beta);
    const double channelTheta = ofChannel(s, partial, c, &PartialGradient::theta);
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

// Gradients of γ and β of the normalisation.
void reduceNorm(const LifShape& s, const PartialGradient* partial, const float* invStd, float* dGamma, float* dBeta) {
  for (int c = 0; c < s.C; c++) {
    if (dGamma) dGamma[c] = float(ofChannel(s, partial, c, &PartialGradient::normProduct) * invStd[c]);
    if (dBeta) dBeta[c] = float(ofChannel(s, partial, c, &PartialGradient::normGradient));
  }
}

//   ints: LifShape, the width of maps that were pooled, the attention's strides
//   floats: the surrogate's parameter and scale, the attention's factor (spike_gradient.h)
// [current, beta, theta, gradient of spikes | null, of membranes | null, dCurrent | null, dBeta | null, dTheta | null,
//  mean, invStd, scale and shift of a normalisation | null, what is added to dCurrent | null, argmax | null,
//  four of the attention, gradients of the normalisation's own parameters | null]
void lifGrad(const Call& call) {
  const LifShape s(call.ints);
  const LifGradPlan plan(s, call.scratch, call.pool->threads());
  const int32_t* undone = call.ints + LifShape::INTS;
  const ChannelGradient attention(call, 14, undone + 1, call.floats[LifShape::FLOATS]);
  LifBackward b{call.f32(0), parametersOf(call, 8), {s, call.f32(3), call.u8(13), attention, *undone},
                call.f32(4), call.f32(12), call.f32(5), {s.surrogate, call.floats[0], call.floats[1]}};
  b.streams = b.canStream(s);
  float *dBeta = call.f32(6), *dTheta = call.f32(7), *dNormGamma = call.f32(18), *dNormBeta = call.f32(19);
  b.sumsNorm = dNormGamma || dNormBeta;
  const auto run = [&]<int RESET, bool DELAY, bool PARAMETERS, bool UNDO>() {
    call.pool->run(s.channelBlocks * s.runs, [&](int task, int thread) {
      float* history = plan.histories + size_t(thread) * LifGradPlan::historySize(s);
      float* room = plan.rooms + size_t(thread) * UndoSpikes::room(s);
      backwardTask<RESET, DELAY, PARAMETERS, UNDO>(s, b, task, history, room, plan.partial[task]);
    });
  };
  const bool parameters = dBeta || dTheta, undo = b.ofSpikes.isUndone();
  withReset(s, [&]<int RESET, bool DELAY>() {
    if (parameters)
      undo ? run.template operator()<RESET, DELAY, true, true>() : run.template operator()<RESET, DELAY, true, false>();
    else
      undo ? run.template operator()<RESET, DELAY, false, true>() : run.template operator()<RESET, DELAY, false, false>();
  });
  if (parameters) reduceParameters(s, plan.partial, b.parameters.beta, dBeta, dTheta);
  if (b.sumsNorm) reduceNorm(s, plan.partial, b.parameters.invStd, dNormGamma, dNormBeta);
}
size_t lifGradScratch(const Call& call, int threads) {
  return LifGradPlan(LifShape(call.ints), nullptr, threads).bytes;
}

const Kernel KERNELS[] = {
    {"lif", 9, LifShape::INTS, LifShape::FLOATS, lif, nullptr},
    {"lif_grad", 20, LifShape::INTS + SpikeGradient::INTS, LifShape::FLOATS + 1, lifGrad, lifGradScratch},
};

}  // namespace

KernelTable lifKernels() { return {KERNELS, sizeof KERNELS / sizeof *KERNELS}; }

}  // namespace soma::SOMA_ISA
