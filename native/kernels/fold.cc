// A normalisation by running statistics, folded into the weights and the bias of the layer before it:
//   w'[o] = w[o]·s,  b'[o] = (b[o] − mean)·s + β,  s = γ/√(variance + eps)
//   ints: [outputs, weights of an output]; floats: [eps]
#include <cmath>
#include "../kernel.h"
#include "scratch.h"
#include "tables.h"

namespace soma::SOMA_ISA {
namespace {

// [weight, bias | null, γ, β, running mean, running variance, folded weight, folded bias]
void foldNorm(const Call& call) {
  const int outputs = call.ints[0];
  const size_t width = size_t(call.ints[1]);
  const double eps = call.floats[0];
  const float *weight = call.f32(0), *bias = call.f32(1), *gamma = call.f32(2), *beta = call.f32(3);
  const float *mean = call.f32(4), *variance = call.f32(5);
  call.pool->run(outputs, [&](int o, int) {
    const double scale = gamma[o] / std::sqrt(variance[o] + eps);
    for (size_t i = size_t(o) * width; i < size_t(o + 1) * width; i++) call.f32(6)[i] = float(weight[i] * scale);
    call.f32(7)[o] = float(((bias ? bias[o] : 0.0) - mean[o]) * scale + beta[o]);
  });
}

const Kernel KERNELS[] = {{"fold_norm", 8, 2, 1, foldNorm, nullptr}};

}  // namespace

KernelTable foldKernels() { return {KERNELS, sizeof KERNELS / sizeof *KERNELS}; }

}  // namespace soma::SOMA_ISA
