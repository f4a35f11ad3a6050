// Convolutions by Winograd's algorithm: 3x3, stride 1, dilation 1, one group, blocked maps, padding 0 … 2.
//
// winograd_weights   w, U; ints [inputs, outputs of the convolution that reads U, transposed]
//                    transposed: w is O x C x 3 x 3 with O the inputs, for the gradient of the input
//
// conv2d_winograd and conv2d_grad_input_winograd have a last integer: whether they read w as it is, not U.
#include "conv_event_grad_input.h"
#include "tables.h"
#include "winograd_forward.h"
#include "winograd_grad_weight.h"

namespace soma::SOMA_ISA {
namespace {

void winogradWeights(const Call& call) {
  WinogradWeights(call.f32(0), call.ints[0], call.ints[1], call.ints[2] != 0).transformAll(*call.pool, call.f32(1));
}

// What reads transformed weights, or weights as they are.
template <class Source>
void convolve(const Call& call, const ConvShape& s, const Source& x, const float* weights, bool plain, bool transposed,
              const float* bias, float* y, uint8_t* argmax) {
  if (plain)
    runWinograd(call, s, x, WinogradWeights(weights, s.C, s.O, transposed), bias, y, argmax);
  else
    runWinograd(call, s, x, weights, bias, y, argmax);
}

void conv2d(const Call& call) {
  const ConvShape s(call.ints);
  const FloatMap x{call.f32(0), s.C, s.H, s.W};
  convolve(call, s, x, call.f32(1), call.ints[ConvShape::INTS] != 0, false, call.f32(2), call.f32(3), call.u8(4));
}
size_t conv2dScratch(const Call& call, int threads) {
  return WinogradPlan(ConvShape(call.ints), nullptr, threads, call.ints[ConvShape::INTS] != 0).bytes;
}

// A gradient that was not pooled is a map like any other.
FloatMap plainGradient(const ConvShape& s, const float* g) { return {g, s.O, s.OH, s.OW}; }

void gradInput(const Call& call) {
  const ConvShape s(call.ints);
  const GradientMap g(s, call.f32(0), call.u8(1));
  const bool events = call.ints[ConvShape::INTS] != 0, plain = call.ints[ConvShape::INTS + 1] != 0;
  // Tiles that hang over the edge make Winograd's algorithm dearer, events not.
  const double overhang = double(divideUp(s.H, 4) * divideUp(s.W, 4) * 16) / (s.H * s.W);
  if (events && isSparseGradient(call, s, g, GRAD_INPUT_WINOGRAD_ABOVE * overhang))
    return runEventGradInput(call, s, g, call.f32(2), call.f32(4));
  const ConvShape t = winogradTransposed(s);
  if (s.pool2)
    convolve(call, t, g, call.f32(3), plain, true, nullptr, call.f32(4), nullptr);
  else
    convolve(call, t, plainGradient(s, call.f32(0)), call.f32(3), plain, true, nullptr, call.f32(4), nullptr);
}
size_t gradInputScratch(const Call& call, int threads) {
  const ConvShape s(call.ints);
  const bool plain = call.ints[ConvShape::INTS + 1] != 0;
  const size_t dense = WinogradPlan(winogradTransposed(s), nullptr, threads, plain).bytes;
  const size_t events = call.ints[ConvShape::INTS] ? EventGradInputPlan(s, nullptr, threads).bytes : 0;
  return dense > events ? dense : events;
}

template <class Source>
void gradWeightOf(const Call& call, const ConvShape& s, const Source& x) {
  if (s.pool2)
    runWinogradGradWeight(call, s, x, GradientMap(s, call.f32(1), call.u8(2)), call.f32(3));
  else
    runWinogradGradWeight(call, s, x, plainGradient(s, call.f32(1)), call.f32(3));
}
void gradWeight(const Call& call) {
  const ConvShape s(call.ints);
  gradWeightOf(call, s, FloatMap{call.f32(0), s.C, s.H, s.W});
}
size_t gradWeightScratch(const Call& call, int threads) {
  return WinogradGradWeightPlan(ConvShape(call.ints), nullptr, threads).bytes;
}

const Kernel KERNELS[] = {
    {"winograd_weights", 2, 3, 0, winogradWeights, nullptr},
    {"conv2d_winograd", 5, ConvShape::INTS + 1, 0, conv2d, conv2dScratch},
    {"conv2d_grad_input_winograd", 5, ConvShape::INTS + 2, 0, gradInput, gradInputScratch},
    {"conv2d_grad_weight_winograd", 4, ConvShape::INTS, 0, gradWeight, gradWeightScratch},
};

}  // namespace

KernelTable winogradKernels() { return {KERNELS, sizeof KERNELS / sizeof *KERNELS}; }

}  // namespace soma::SOMA_ISA
