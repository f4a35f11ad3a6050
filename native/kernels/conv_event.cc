// Convolutions of spikes: driven by events where few neurons fired, and dense otherwise. Packed weights
// (conv_scatter.h, conv_gather.h) come from a call of their own, which need not be repeated while the weights stay
// the same.
#include <algorithm>
#include "conv_depthwise.h"
#include "conv_event_forward.h"
#include "conv_event_grad_weight.h"
#include "conv_forward.h"
#include "conv_gather_forward.h"
#include "conv_gather_grad_weight.h"
#include "conv_grad_weight.h"
#include "tables.h"
#include "winograd_grad_weight.h"

namespace soma::SOMA_ISA {
namespace {

// Share of neurons that fired. The measure is exact, so the choice of kernel repeats.
double spikeRate(const ConvShape& s, const SpikeMap& x) {
  const size_t words = x.size(s.images);
  int64_t spikes = 0;
  size_t i = 0;
  for (; i + 4 <= words; i += 4) {
    uint64_t four;
    std::memcpy(&four, x.data + i, sizeof four);
    spikes += __builtin_popcountll(four);
  }
  for (; i < words; i++) spikes += __builtin_popcount(x.data[i]);
  const double neurons = double(s.images) * s.C * s.H * s.W;
  return neurons > 0 ? spikes / neurons : 0;
}

// Rates at which events and dense sums were measured to be equally fast.
constexpr double FORWARD_DENSE_ABOVE = 0.6, GRAD_WEIGHT_DENSE_ABOVE = 0.7;
constexpr double GRAD_WEIGHT_WINOGRAD_ABOVE = VL == 4 ? 0.35 : 0.27, GATHER_GRAD_WEIGHT_DENSE_ABOVE = 0.7;

// [w, packed]; ints: [O, C, transposed].
void scatterWeights(const Call& call) {
  packScatterWeights(call, call.f32(0), call.ints[0], call.ints[1], call.ints[2] != 0, call.f32(1));
}

// [w, packed]; ints: [O, C, taps].
void gatherWeights(const Call& call) {
  packGatherWeights(call, call.f32(0), call.ints[0], call.ints[1], call.ints[2], call.f32(1));
}

// How the forward pass may be driven by events: SPIKE_WAYS of src/engine/native/lower-conv.ts.
enum class Way { DENSE, SCATTER, SCATTER_UNPACKED, GATHER };

Way wayOf(const Call& call) { return Way(call.ints[ConvShape::INTS]); }

double forwardDenseAbove(const ConvShape& s, Way way) {
  return way == Way::DENSE ? -1 : way == Way::GATHER ? gatherForwardDenseAbove(s) : FORWARD_DENSE_ABOVE;
}

// [x, w, bias | null, y, argmax | null, packed | null]; ints: those of the convolution, way.
void conv2dSpike(const Call& call) {
  const ConvShape s(call.ints);
  const SpikeMap x{call.spikes(0), s.C, s.H, s.W};
  const Way way = wayOf(call);
  if (way != Way::DENSE && spikeRate(s, x) <= forwardDenseAbove(s, way)) {
    if (way == Way::GATHER)
      runGatherForward(call, s, x, call.f32(5), call.f32(2), call.f32(3), call.u8(4));
    else
      runEventForward(call, s, x, call.f32(1), call.f32(5), call.f32(2), call.f32(3), call.u8(4));
    return;
  }
  const auto run = s.depthwise() ? runDepthwiseForward<SpikeMap> : runForward<SpikeMap>;
  run(call, s, x, call.f32(1), call.f32(2), call.f32(3), call.u8(4));
}
size_t conv2dSpikeScratch(const Call& call, int threads) {
  const ConvShape s(call.ints);
  if (s.depthwise()) return DepthwisePlan(s, nullptr, threads).bytes;
  const size_t dense = ForwardPlan(s, nullptr, threads).bytes;
  const Way way = wayOf(call);
  const size_t events = way == Way::DENSE ? 0
                        : way == Way::GATHER ? GatherForwardPlan(s, nullptr, threads).bytes
                                             : EventForwardPlan(s, nullptr, threads, way == Way::SCATTER_UNPACKED).bytes;
  return dense > events ? dense : events;
}

// How the gradient of the weights is computed where it is not driven by events, and whether it may be.
struct GradWeightChoice {
  bool winograd, events;

  explicit GradWeightChoice(const Call& call)
      : winograd(call.ints[ConvShape::INTS] != 0), events(call.ints[ConvShape::INTS + 1] != 0) {}

  // The rate above which it is not.
  double denseAbove(const ConvShape& s) const {
    if (!events) return -1;
    if (!s.eventDriven()) return GATHER_GRAD_WEIGHT_DENSE_ABOVE;
    if (!winograd) return GRAD_WEIGHT_DENSE_ABOVE;
    // Tiles that hang over the edge make Winograd's algorithm dearer, events not.
    const double overhang = double(divideUp(s.OH, 4) * divideUp(s.OW, 4) * 16) / (s.OH * s.OW);
    return std::min(GRAD_WEIGHT_WINOGRAD_ABOVE * overhang, GRAD_WEIGHT_DENSE_ABOVE);
  }
};

// [x, g, argmax | null, dw]; ints: those of the convolution, winograd, events.
void conv2dGradWeightSpike(const Call& call) {
  const ConvShape s(call.ints);
  const GradWeightChoice choice(call);
  const SpikeMap x{call.spikes(0), s.C, s.H, s.W};
  const GradientMap g(s, call.f32(1), call.u8(2));
  float* const dw = call.f32(3);
  if (choice.events && spikeRate(s, x) <= choice.denseAbove(s))
    (s.eventDriven() ? runEventGradWeight : runGatherGradWeight)(call, s, x, g, dw);
  else if (s.depthwise())
    runDepthwiseGradWeight<SpikeMap>(call, s, x, g, dw);
  else if (!choice.winograd)
    runGradWeight<SpikeMap>(call, s, x, g, dw);
  else if (s.pool2)
    runWinogradGradWeight(call, s, x, g, dw);
  else
    runWinogradGradWeight(call, s, x, FloatMap{g.data, s.O, s.OH, s.OW}, dw);
}
size_t conv2dGradWeightSpikeScratch(const Call& call, int threads) {
  const ConvShape s(call.ints);
  const GradWeightChoice choice(call);
  if (s.depthwise()) return DepthwisePlan(s, nullptr, threads).bytes;
  const size_t dense = choice.winograd ? WinogradGradWeightPlan(s, nullptr, threads).bytes
                                       : GradWeightPlan(s, nullptr, threads).bytes;
  const size_t events = !choice.events   ? 0
                        : s.eventDriven() ? EventGradWeightRuns(s, Scratch(nullptr), threads).plan.bytes
                                          : GatherGradWeightRuns(s, nullptr, threads).bytes;
  return dense > events ? dense : events;
}

// [x, g, argmax | null, sums]: adds to the sums. Always event-driven: a slot must not mix two layouts.
void conv2dGradWeightSpikeAdd(const Call& call) {
  const ConvShape s(call.ints);
  const SpikeMap x{call.spikes(0), s.C, s.H, s.W};
  const GradientMap g(s, call.f32(1), call.u8(2));
  if (!s.eventDriven()) {
    const GatherGradWeightPlan plan(s, Scratch(call.scratch), call.pool->threads());
    call.pool->run(plan.inputGroups, [&](int group, int thread) {
      GatherGradWeight(s, x, g, plan, thread, group).add(0, s.images, 0, plan.gather.groups, call.f32(3));
    });
    return;
  }
  const EventGradWeightPlan plan(s, Scratch(call.scratch), call.pool->threads());
  const EventGradWeightSums layout(s.C, s.O);
  call.pool->run(layout.inputGroups, [&](int group, int thread) {
    addEventGradWeight(s, x, g, plan, thread, {group, group + 1, 0, layout.outputBlocks, 0, s.images}, layout,
                       call.f32(3) + layout.pair(group, 0));
  });
}
size_t conv2dGradWeightSpikeAddScratch(const Call& call, int threads) {
  const ConvShape s(call.ints);
  return s.eventDriven() ? EventGradWeightPlan(s, Scratch(nullptr), threads).bytes
                         : GatherGradWeightPlan(s, Scratch(nullptr), threads).bytes;
}

// [sums of all slots, dw]; ints: those of the convolution, slots.
void conv2dGradWeightSpikeSum(const Call& call) {
  const ConvShape s(call.ints);
  const int slots = call.ints[ConvShape::INTS];
  if (s.eventDriven())
    sumEventGradWeight(call, s.C, s.O, call.f32(0), slots, call.f32(1));
  else
    sumGatherGradWeight(call, GatherGradWeightPlan(s, Scratch(nullptr), 1), call.f32(0), slots, call.f32(1));
}

const Kernel KERNELS[] = {
    {"scatter_weights", 2, 3, 0, scatterWeights, nullptr},
    {"gather_weights", 2, 3, 0, gatherWeights, nullptr},
    {"conv2d_spike", 6, ConvShape::INTS + 1, 0, conv2dSpike, conv2dSpikeScratch},
    {"conv2d_grad_weight_spike", 4, ConvShape::INTS + 2, 0, conv2dGradWeightSpike, conv2dGradWeightSpikeScratch},
    {"conv2d_grad_weight_spike_add", 4, ConvShape::INTS, 0, conv2dGradWeightSpikeAdd, conv2dGradWeightSpikeAddScratch},
    {"conv2d_grad_weight_spike_sum", 2, ConvShape::INTS + 1, 0, conv2dGradWeightSpikeSum, nullptr},
};

}  // namespace

KernelTable convEventKernels() { return {KERNELS, sizeof KERNELS / sizeof *KERNELS}; }

}  // namespace soma::SOMA_ISA
