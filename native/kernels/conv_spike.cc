// Convolutions of spike maps: driven by events where few neurons fired, dense otherwise.
#include "conv_depthwise.h"
#include "conv_event_forward.h"
#include "conv_event_grad_weight.h"
#include "conv_forward.h"
#include "conv_grad_weight.h"
#include "tables.h"

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

void conv2dSpike(const Call& call) {
  const ConvShape s(call.ints);
  const SpikeMap x{call.spikes(0), s.C, s.H, s.W};
  const auto run = s.depthwise() ? runDepthwiseForward<SpikeMap>
                   : s.eventDriven() && spikeRate(s, x) <= FORWARD_DENSE_ABOVE ? runEventForward
                                                                               : runForward<SpikeMap>;
  run(call, s, x, call.f32(1), call.f32(2), call.f32(3), call.u8(4));
}
size_t conv2dSpikeScratch(const Call& call, int threads) {
  const ConvShape s(call.ints);
  if (s.depthwise()) return DepthwisePlan(s, nullptr, threads).bytes;
  const size_t dense = ForwardPlan(s, nullptr, threads).bytes;
  const size_t events = s.eventDriven() ? EventForwardPlan(s, nullptr, threads).bytes : 0;
  return dense > events ? dense : events;
}

void conv2dGradWeightSpike(const Call& call) {
  const ConvShape s(call.ints);
  const SpikeMap x{call.spikes(0), s.C, s.H, s.W};
  const auto run = s.depthwise() ? runDepthwiseGradWeight<SpikeMap>
                   : s.eventDriven() && spikeRate(s, x) <= GRAD_WEIGHT_DENSE_ABOVE ? runEventGradWeight
                                                                                   : runGradWeight<SpikeMap>;
  run(call, s, x, GradientMap(s, call.f32(1), call.u8(2)), call.f32(3));
}
size_t conv2dGradWeightSpikeScratch(const Call& call, int threads) {
  const ConvShape s(call.ints);
  if (s.depthwise()) return DepthwisePlan(s, nullptr, threads).bytes;
  const size_t dense = GradWeightPlan(s, nullptr, threads).bytes;
  const size_t events = s.eventDriven() ? EventGradWeightPlan(s, nullptr, threads).bytes : 0;
  return dense > events ? dense : events;
}

const Kernel KERNELS[] = {
    {"conv2d_spike", 5, ConvShape::INTS, 0, conv2dSpike, conv2dSpikeScratch},
    {"conv2d_grad_weight_spike", 4, ConvShape::INTS, 0, conv2dGradWeightSpike, conv2dGradWeightSpikeScratch},
};

}  // namespace

KernelTable convSpikeKernels() { return {KERNELS, sizeof KERNELS / sizeof *KERNELS}; }

}  // namespace soma::SOMA_ISA
