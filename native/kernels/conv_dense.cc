// Convolutions of float maps, forward and both gradients.
#include "conv_depthwise.h"
#include "conv_forward.h"
#include "conv_grad_input.h"
#include "conv_grad_weight.h"
#include "tables.h"

namespace soma::SOMA_ISA {
namespace {

void conv2d(const Call& call) {
  const ConvShape s(call.ints);
  const FloatMap x{call.f32(0), s.C, s.H, s.W};
  const auto run = s.depthwise() ? runDepthwiseForward<FloatMap> : runForward<FloatMap>;
  run(call, s, x, call.f32(1), call.f32(2), call.f32(3), call.u8(4));
}
size_t conv2dScratch(const Call& call, int threads) {
  const ConvShape s(call.ints);
  return s.depthwise() ? DepthwisePlan(s, nullptr, threads).bytes : ForwardPlan(s, nullptr, threads).bytes;
}

void conv2dGradInput(const Call& call) {
  const ConvShape s(call.ints);
  const GradientMap g(s, call.f32(0), call.u8(1));
  const auto run = s.depthwise() ? runDepthwiseGradInput : runGradInput;
  run(call, s, g, call.f32(2), call.f32(3));
}
size_t conv2dGradInputScratch(const Call& call, int threads) {
  const ConvShape s(call.ints);
  return s.depthwise() ? DepthwisePlan(s, nullptr, threads).bytes : GradInputPlan(s, nullptr, threads).bytes;
}

void conv2dGradWeight(const Call& call) {
  const ConvShape s(call.ints);
  const FloatMap x{call.f32(0), s.C, s.H, s.W};
  const auto run = s.depthwise() ? runDepthwiseGradWeight<FloatMap> : runGradWeight<FloatMap>;
  run(call, s, x, GradientMap(s, call.f32(1), call.u8(2)), call.f32(3));
}
size_t conv2dGradWeightScratch(const Call& call, int threads) {
  const ConvShape s(call.ints);
  return s.depthwise() ? DepthwisePlan(s, nullptr, threads).bytes : GradWeightPlan(s, nullptr, threads).bytes;
}

const Kernel KERNELS[] = {
    {"conv2d", 5, ConvShape::INTS, 0, conv2d, conv2dScratch},
    {"conv2d_grad_input", 4, ConvShape::INTS, 0, conv2dGradInput, conv2dGradInputScratch},
    {"conv2d_grad_weight", 4, ConvShape::INTS, 0, conv2dGradWeight, conv2dGradWeightScratch},
};

}  // namespace

KernelTable convDenseKernels() { return {KERNELS, sizeof KERNELS / sizeof *KERNELS}; }

}  // namespace soma::SOMA_ISA
