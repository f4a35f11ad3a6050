// Convolutions by Winograd's algorithm: 3x3, stride 1 or 2 (the gradient of weights: 1), dilation 1, one group,
// blocked maps, padding 0 … 2.
//
// winograd_weights   w, U; ints [inputs, outputs of the convolution that reads U, transposed, stride 2]
//                    transposed: w is O x C x 3 x 3 with O the inputs, for the gradient of the input
//
// conv2d_winograd and conv2d_grad_input_winograd have a last integer: whether they read w as it is, not U.
//
// winograd_few_weights, conv2d_winograd_few   forward with stride 1 from a plain map; ints [inputs, outputs]
#include "conv_event_grad_input.h"
#include "tables.h"
#include "winograd_few.h"
#include "winograd_forward.h"
#include "winograd_grad_weight.h"

namespace soma::SOMA_ISA {
namespace {

void winogradWeights(const Call& call) {
  const int inputs = call.ints[0], outputs = call.ints[1];
  const bool transposed = call.ints[2] != 0, strided = call.ints[3] != 0;
  if (strided)
    WinogradWeights<StrideTwo>(call.f32(0), inputs, outputs, transposed).transformAll(*call.pool, call.f32(1));
  else
    WinogradWeights<UnitStride>(call.f32(0), inputs, outputs, transposed).transformAll(*call.pool, call.f32(1));
}

// What reads transformed weights, or weights as they are.
template <class Algorithm, class Source>
void convolve(const Call& call, const ConvShape& s, const Source& x, const float* weights, bool plain, bool transposed,
              const float* bias, float* y, uint8_t* argmax) {
  if (plain)
    runWinograd(call, s, x, WinogradWeights<Algorithm>(weights, s.C, s.O, transposed), bias, y, argmax);
  else
    runWinograd<Algorithm>(call, s, x, weights, bias, y, argmax);
}

void conv2d(const Call& call) {
  const ConvShape s(call.ints);
  const FloatMap x{call.f32(0), s.C, s.H, s.W};
  const bool plain = call.ints[ConvShape::INTS] != 0;
  const auto run = s.sh == 2 ? convolve<StrideTwo, FloatMap> : convolve<UnitStride, FloatMap>;
  run(call, s, x, call.f32(1), plain, false, call.f32(2), call.f32(3), call.u8(4));
}
size_t conv2dScratch(const Call& call, int threads) {
  const ConvShape s(call.ints);
  const bool plain = call.ints[ConvShape::INTS] != 0;
  if (s.sh == 2) return WinogradPlan<StrideTwo>(s, nullptr, threads, plain).bytes;
  return WinogradPlan<UnitStride>(s, nullptr, threads, plain).bytes;
}

void fewWeights(const Call& call) { winogradFewWeights(call.f32(0), call.ints[0], call.ints[1], call.f32(1)); }

void conv2dFew(const Call& call) {
  runWinogradFew(call, ConvShape(call.ints), call.f32(0), call.f32(1), call.f32(2), call.f32(3), call.u8(4));
}
size_t conv2dFewScratch(const Call& call, int threads) {
  return WinogradFewPlan(ConvShape(call.ints), nullptr, threads).bytes;
}

// A gradient that was not pooled is a map like any other.
FloatMap plainGradient(const ConvShape& s, const float* g) { return {g, s.O, s.OH, s.OW}; }

template <class Source>
void gradInputOf(const Call& call, const ConvShape& s, const Source& g) {
  const bool plain = call.ints[ConvShape::INTS + 1] != 0;
  const auto run = s.sh == 2 ? convolve<StrideTwoTransposed, Source> : convolve<UnitStride, Source>;
  run(call, winogradTransposed(s), g, call.f32(3), plain, true, nullptr, call.f32(4), nullptr);
}
void gradInput(const Call& call) {
  const ConvShape s(call.ints);
  const GradientMap g(s, call.f32(0), call.u8(1));
  // Tiles that hang over the edge make Winograd's algorithm dearer, events not.
  const double overhang = double(divideUp(s.H, 4) * divideUp(s.W, 4) * 16) / (s.H * s.W);
  if (call.ints[ConvShape::INTS] && isSparseGradient(call, s, g, GRAD_INPUT_WINOGRAD_ABOVE * overhang))
    runEventGradInput(call, s, g, call.f32(2), call.f32(4));
  else if (s.pool2)
    gradInputOf(call, s, g);
  else
    gradInputOf(call, s, plainGradient(s, call.f32(0)));
}
size_t gradInputScratch(const Call& call, int threads) {
  const ConvShape s(call.ints);
  const ConvShape t = winogradTransposed(s);
  const bool plain = call.ints[ConvShape::INTS + 1] != 0;
  const size_t dense = s.sh == 2 ? WinogradPlan<StrideTwoTransposed>(t, nullptr, threads, plain).bytes
                                 : WinogradPlan<UnitStride>(t, nullptr, threads, plain).bytes;
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
    {"winograd_weights", 2, 4, 0, winogradWeights, nullptr},
    {"winograd_few_weights", 2, 2, 0, fewWeights, nullptr},
    {"conv2d_winograd_few", 5, ConvShape::INTS, 0, conv2dFew, conv2dFewScratch},
    {"conv2d_winograd", 5, ConvShape::INTS + 1, 0, conv2d, conv2dScratch},
    {"conv2d_grad_input_winograd", 5, ConvShape::INTS + 2, 0, gradInput, gradInputScratch},
    {"conv2d_grad_weight_winograd", 4, ConvShape::INTS, 0, gradWeight, gradWeightScratch},
};

}  // namespace

KernelTable winogradKernels() { return {KERNELS, sizeof KERNELS / sizeof *KERNELS}; }

}  // namespace soma::SOMA_ISA
