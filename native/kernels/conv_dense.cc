// Convolutions of float maps, forward and both gradients: direct kernels, those for depthwise ones, and for few channels.
//
// Those of 1x1 have kernels of their own, for the same weights.
//
// conv2d_weights, conv2d_grad_input_weights   w, packed weights: what conv2d and conv2d_grad_input read
// conv2d_grad_input has one more integer: whether it may run event-driven; it then also reads scatter weights
// (conv_scatter.h).
#include "conv_depthwise.h"
#include "conv_event_grad_input.h"
#include "conv_forward.h"
#include "conv_grad_input.h"
#include "conv_grad_input_folded.h"
#include "conv_grad_weight.h"
#include "conv_narrow.h"
#include "conv_planes.h"
#include "conv_pointwise.h"
#include "tables.h"

namespace soma::SOMA_ISA {
namespace {

void weights(const Call& call) { packForward(*call.pool, ConvShape(call.ints), call.f32(0), call.f32(1)); }

void forward(const Call& call) {
  const ConvShape s(call.ints);
  if (isPointwise(s))
    return runPointwise(call, s, Pointwise::FORWARD, call.f32(0), call.f32(1), call.f32(2), call.f32(3));
  if (isNarrow(s)) return runNarrow(call, s, call.f32(0), call.f32(1), call.f32(2), call.f32(3));
  const FloatMap x{call.f32(0), s.C, s.H, s.W};
  const ForwardPlan plan(s, call.scratch, call.pool->threads(), true);
  runForwardPacked(call, s, plan, x, call.f32(1), call.f32(2), call.f32(3), call.u8(4));
}
size_t forwardScratch(const Call& call, int threads) {
  const ConvShape s(call.ints);
  if (isPointwise(s)) return PointwisePlan(s, Pointwise::FORWARD, nullptr, threads).bytes;
  if (isNarrow(s)) return NarrowPlan(s, nullptr).bytes;
  return ForwardPlan(s, nullptr, threads, true).bytes;
}

void gradInputWeights(const Call& call) {
  const ConvShape s(call.ints);
  if (isFolded(s)) return packFolded(s, call.f32(0), call.f32(1));
  packGradInput(call, s, call.f32(0), call.f32(1));
}
size_t gradInputWeightsScratch(const Call& call, int threads) {
  return GradInputPlan(ConvShape(call.ints), nullptr, threads).bytes;
}

void gradInput(const Call& call) {
  const ConvShape s(call.ints);
  if (isPointwise(s))
    return runPointwise(call, s, Pointwise::GRAD_INPUT, call.f32(0), call.f32(3), nullptr, call.f32(4));
  if (isNarrowGradInput(s)) return runNarrow(call, s.transposed(), call.f32(0), call.f32(3), nullptr, call.f32(4));
  const GradientMap g(s, call.f32(0), call.u8(1));
  if (call.ints[ConvShape::INTS] && isSparseGradient(call, s, g, GRAD_INPUT_DIRECT_ABOVE))
    runEventGradInput(call, s, g, call.f32(2), call.f32(4));
  else if (isFolded(s))
    runFolded(call, s, g, call.f32(3), call.f32(4));
  else
    runGradInput(call, s, g, call.f32(3), call.f32(4));
}
size_t gradInputScratch(const Call& call, int threads) {
  const ConvShape s(call.ints);
  if (isPointwise(s)) return PointwisePlan(s, Pointwise::GRAD_INPUT, nullptr, threads).bytes;
  if (isNarrowGradInput(s)) return NarrowPlan(s.transposed(), nullptr).bytes;
  const size_t dense = isFolded(s) ? FoldedPlan(s, nullptr, threads).bytes : GradInputPlan(s, nullptr, threads).bytes;
  const size_t events = call.ints[ConvShape::INTS] ? EventGradInputPlan(s, nullptr, threads).bytes : 0;
  return dense > events ? dense : events;
}

void gradWeight(const Call& call) {
  const ConvShape s(call.ints);
  if (isPointwise(s)) return runPointwiseGradWeight(call, s, call.f32(0), call.f32(1), call.f32(3));
  if (isNarrow(s)) return runNarrowGradWeight(call, s, call.f32(0), call.f32(1), call.f32(3));
  const FloatMap x{call.f32(0), s.C, s.H, s.W};
  runGradWeight(call, s, x, GradientMap(s, call.f32(1), call.u8(2)), call.f32(3));
}
size_t gradWeightScratch(const Call& call, int threads) {
  const ConvShape s(call.ints);
  if (isPointwise(s)) return PointwiseGradPlan(s, nullptr, threads).bytes;
  if (isNarrow(s)) return NarrowPlan(s, nullptr).bytes;
  return GradWeightPlan(s, nullptr, threads).bytes;
}

void depthwiseForward(const Call& call) {
  const ConvShape s(call.ints);
  const FloatMap x{call.f32(0), s.C, s.H, s.W};
  runDepthwiseForward(call, s, x, call.f32(1), call.f32(2), call.f32(3), call.u8(4));
}
void depthwiseGradInput(const Call& call) {
  const ConvShape s(call.ints);
  runDepthwiseGradInput(call, s, GradientMap(s, call.f32(0), call.u8(1)), call.f32(2), call.f32(3));
}
void depthwiseGradWeight(const Call& call) {
  const ConvShape s(call.ints);
  const FloatMap x{call.f32(0), s.C, s.H, s.W};
  runDepthwiseGradWeight(call, s, x, GradientMap(s, call.f32(1), call.u8(2)), call.f32(3));
}
size_t depthwiseScratch(const Call& call, int threads) {
  return DepthwisePlan(ConvShape(call.ints), nullptr, threads).bytes;
}

void planesForward(const Call& call) {
  runPlanesForward(call, ConvShape(call.ints), call.f32(0), call.f32(1), call.f32(2), call.f32(3));
}
void planesGradInput(const Call& call) {
  runPlanesGradInput(call, ConvShape(call.ints), call.f32(0), call.f32(2), call.f32(3));
}
void planesGradWeight(const Call& call) {
  runPlanesGradWeight(call, ConvShape(call.ints), call.f32(0), call.f32(1), call.f32(3));
}
size_t planesScratch(const Call& call, int threads) {
  return PlanesPlan(ConvShape(call.ints), nullptr, threads).bytes;
}

const Kernel KERNELS[] = {
    {"conv2d_weights", 2, ConvShape::INTS, 0, weights, nullptr},
    {"conv2d", 5, ConvShape::INTS, 0, forward, forwardScratch},
    {"conv2d_grad_input_weights", 2, ConvShape::INTS, 0, gradInputWeights, gradInputWeightsScratch},
    {"conv2d_grad_input", 5, ConvShape::INTS + 1, 0, gradInput, gradInputScratch},
    {"conv2d_grad_weight", 4, ConvShape::INTS, 0, gradWeight, gradWeightScratch},
    {"conv2d_depthwise", 5, ConvShape::INTS, 0, depthwiseForward, depthwiseScratch},
    {"conv2d_depthwise_grad_input", 4, ConvShape::INTS, 0, depthwiseGradInput, depthwiseScratch},
    {"conv2d_depthwise_grad_weight", 4, ConvShape::INTS, 0, depthwiseGradWeight, depthwiseScratch},
    {"conv2d_planes", 5, ConvShape::INTS, 0, planesForward, planesScratch},
    {"conv2d_planes_grad_input", 4, ConvShape::INTS, 0, planesGradInput, planesScratch},
    {"conv2d_planes_grad_weight", 4, ConvShape::INTS, 0, planesGradWeight, planesScratch},
};

}  // namespace

KernelTable convDenseKernels() { return {KERNELS, sizeof KERNELS / sizeof *KERNELS}; }

}  // namespace soma::SOMA_ISA
