// Softmax over rows of K, and the cross-entropy of a softmax, with their gradients. Sums are made in double.
//   ints: softmax [rows, K]; cross entropy [N, K, normalized]; floats: [label smoothing]
#include <algorithm>
#include <cmath>
#include <limits>
#include "../kernel.h"
#include "../simd.h"
#include "exp.h"
#include "scratch.h"
#include "tables.h"

namespace soma::SOMA_ISA {
namespace {

template <class Body>
void forRows(const Call& call, int rows, int K, const Body& body) {
  const int perTask = std::max(1, 2048 / std::max(1, K));
  call.pool->run(divideUp(rows, perTask), [&](int task, int) {
    for (int row = task * perTask; row < smaller(rows, (task + 1) * perTask); row++) body(row, size_t(row) * K);
  });
}

double largest(const float* x, int K) {
  double highest = -std::numeric_limits<double>::infinity();
  for (int k = 0; k < K; k++) highest = std::max(highest, double(x[k]));
  return highest;
}

void softmax(const Call& call) {
  const int K = call.ints[1];
  forRows(call, call.ints[0], K, [&](int, size_t at) {
    const float* x = call.f32(0) + at;
    float* y = call.f32(1) + at;
    const Vec highest = broadcast(float(largest(x, K)));
    double sum = 0;
    for (int k = 0; k < K; k += VL) {
      const int n = smaller(VL, K - k);
      const Vec e = exponential(loadPart(x + k, n) - highest);
      storePart(y + k, e, n);
      for (int l = 0; l < n; l++) sum += e[l];
    }
    const Vec share = broadcast(float(1 / sum));
    for (int k = 0; k < K; k += VL) {
      const int n = smaller(VL, K - k);
      storePart(y + k, loadPart(y + k, n) * share, n);
    }
  });
}

// (y, g) → y·(g − Σ g·y)
void softmaxGrad(const Call& call) {
  const int K = call.ints[1];
  forRows(call, call.ints[0], K, [&](int, size_t at) {
    const float *y = call.f32(0) + at, *g = call.f32(1) + at;
    double inner = 0;
    for (int k = 0; k < K; k++) inner += double(g[k]) * y[k];
    for (int k = 0; k < K; k++) call.f32(2)[at + size_t(k)] = float(y[k] * (g[k] - inner));
  });
}

struct Loss {
  int N, K;
  const int32_t* labels;
  const float* weights;  // null: all 1
  double smoothing, total;

  Loss(const Call& call, const int32_t* labels, const float* weights)
      : N(call.ints[0]), K(call.ints[1]), labels(labels), weights(weights), smoothing(call.floats[0]), total(N) {
    if (!weights || !call.ints[2]) return;
    total = 0;
    for (int n = 0; n < N; n++) total += weight(n);
  }
  // A label that names no class makes the loss NaN, which stops the update.
  double weight(int n) const {
    if (labels[n] < 0 || labels[n] >= K) return std::numeric_limits<double>::quiet_NaN();
    return weights ? weights[labels[n]] : 1;
  }
  double target(int n, int k) const { return (labels[n] == k ? 1 - smoothing : 0) + smoothing / K; }
};

// [logits, labels, weights | null, loss | null, probabilities | null]
void crossEntropy(const Call& call) {
  const Loss loss(call, call.i32(1), call.f32(2));
  double sum = 0;
  for (int n = 0; n < loss.N; n++) {
    const float* x = call.f32(0) + size_t(n) * loss.K;
    const double highest = largest(x, loss.K);
    double z = 0;
    for (int k = 0; k < loss.K; k++) z += std::exp(x[k] - highest);
    const double logZ = std::log(z);
    for (int k = 0; k < loss.K; k++) {
      const double logP = x[k] - highest - logZ;
      if (call.f32(4)) call.f32(4)[size_t(n) * loss.K + k] = float(std::exp(logP));
      sum -= loss.target(n, k) * loss.weight(n) * logP / loss.total;
    }
  }
  if (call.f32(3)) *call.f32(3) = float(sum);
}

// [probabilities, labels, weights | null, g, dx]
void crossEntropyGrad(const Call& call) {
  const Loss loss(call, call.i32(1), call.f32(2));
  const double g = *call.f32(3);
  for (int n = 0; n < loss.N; n++)
    for (int k = 0; k < loss.K; k++) {
      const size_t at = size_t(n) * loss.K + k;
      call.f32(4)[at] = float(g * loss.weight(n) * (call.f32(0)[at] - loss.target(n, k)) / loss.total);
    }
}

const Kernel KERNELS[] = {
    {"softmax", 2, 2, 0, softmax, nullptr},
    {"softmax_grad", 3, 2, 0, softmaxGrad, nullptr},
    {"cross_entropy", 5, 3, 1, crossEntropy, nullptr},
    {"cross_entropy_grad", 5, 3, 1, crossEntropyGrad, nullptr},
};

}  // namespace

KernelTable softmaxKernels() { return {KERNELS, sizeof KERNELS / sizeof *KERNELS}; }

}  // namespace soma::SOMA_ISA
