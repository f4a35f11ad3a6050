// Softmax over rows of K or over all of an image of a blocked map, and the cross-entropy of a softmax, with their
// gradients. Sums are made in double.
//   ints: softmax [rows, K]; softmax of maps [images, C, pixels]; cross entropy [N, K, normalized];
//   floats: [label smoothing]
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

// What a softmax runs over: a row of K floats.
struct Row {
  static constexpr int INTS = 2;
  const int groups, K;

  explicit Row(const int32_t* i) : groups(i[0]), K(i[1]) {}
  size_t size() const { return size_t(K); }
  // Calls body(offset, n) for each register, of whose lanes the first n belong to the group.
  template <class Body>
  void forEach(const Body& body) const {
    for (int k = 0; k < K; k += VL) body(k, smaller(VL, K - k));
  }
  static void put(float* p, Vec v, int n) { storePart(p, v, n); }
};

// … or an image of a blocked map, whose lanes beyond C are and become zero.
struct Image {
  static constexpr int INTS = 3;
  const int groups, C, pixels;

  explicit Image(const int32_t* i) : groups(i[0]), C(i[1]), pixels(i[2]) {}
  size_t size() const { return size_t(blocks(C)) * size_t(pixels) * LANES; }
  template <class Body>
  void forEach(const Body& body) const {
    size_t at = 0;
    for (int c = 0; c < C; c += LANES)
      for (int p = 0; p < pixels; p++)
        for (int part = 0; part < LANES; part += VL, at += VL)
          body(at, larger(0, smaller(VL, C - c - part)));
  }
  static void put(float* p, Vec v, int n) { store(p, keepBits((1u << n) - 1, v)); }
};

template <class Body>
void forRows(const Call& call, int rows, size_t length, const Body& body) {
  const int perTask = std::max(1, int(2048 / std::max<size_t>(1, length)));
  call.pool->run(divideUp(rows, perTask), [&](int task, int) {
    for (int row = task * perTask; row < smaller(rows, (task + 1) * perTask); row++) body(size_t(row) * length);
  });
}

double largest(const float* x, int K) {
  double highest = -std::numeric_limits<double>::infinity();
  for (int k = 0; k < K; k++) highest = std::max(highest, double(x[k]));
  return highest;
}

float largestLane(Vec v) {
  float lane[VL];
  store(lane, v);
  return *std::max_element(lane, lane + VL);
}

// A register as two of doubles.
struct Doubles {
  DVec half[2];

  Doubles() : half{} {}
  explicit Doubles(Vec v) {
    float lane[VL];
    store(lane, v);
    for (int i = 0; i < 2; i++) half[i] = loadAsDoubles(lane + i * (VL / 2));
  }
  double sum() const {
    double total = 0;
    for (int i = 0; i < VL / 2; i++) total += half[0][i] + half[1][i];
    return total;
  }
};

template <class Group>
void softmax(const Call& call) {
  const Group group(call.ints);
  forRows(call, group.groups, group.size(), [&](size_t at) {
    const float* x = call.f32(0) + at;
    float* y = call.f32(1) + at;
    const Vec lowest = broadcast(-std::numeric_limits<float>::infinity());
    Vec highest = lowest;
    group.forEach([&](size_t i, int n) {
      const Vec v = select(maskOfBits((1u << n) - 1), loadPart(x + i, n), lowest);
      highest = max(v, highest);  // leaves a NaN out, which is then its own share
    });
    highest = broadcast(largestLane(highest));
    Doubles sums;
    group.forEach([&](size_t i, int n) {
      const Vec e = keepBits((1u << n) - 1, exponential(loadPart(x + i, n) - highest));
      Group::put(y + i, e, n);
      const Doubles exact(e);
      for (int h = 0; h < 2; h++) sums.half[h] += exact.half[h];
    });
    const Vec share = broadcast(float(1 / sums.sum()));
    group.forEach([&](size_t i, int n) { Group::put(y + i, loadPart(y + i, n) * share, n); });
  });
}

// (y, g) → y·(g − Σ g·y)
template <class Group>
void softmaxGrad(const Call& call) {
  const Group group(call.ints);
  forRows(call, group.groups, group.size(), [&](size_t at) {
    const float *y = call.f32(0) + at, *g = call.f32(1) + at;
    float* dx = call.f32(2) + at;
    Doubles sums;
    group.forEach([&](size_t i, int n) {
      const Doubles a(loadPart(y + i, n)), b(loadPart(g + i, n));
      for (int h = 0; h < 2; h++) sums.half[h] += a.half[h] * b.half[h];
    });
    const double inner = sums.sum();
    group.forEach([&](size_t i, int n) {
      const Doubles a(loadPart(y + i, n)), b(loadPart(g + i, n));
      float lane[VL];
      for (int h = 0; h < 2; h++) {
        const DVec product = a.half[h] * (b.half[h] - inner);
        for (int l = 0; l < VL / 2; l++) lane[h * (VL / 2) + l] = float(product[l]);
      }
      Group::put(dx + i, load(lane), n);
    });
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
    {"softmax", 2, Row::INTS, 0, softmax<Row>, nullptr},
    {"softmax_maps", 2, Image::INTS, 0, softmax<Image>, nullptr},
    {"softmax_grad", 3, Row::INTS, 0, softmaxGrad<Row>, nullptr},
    {"softmax_maps_grad", 3, Image::INTS, 0, softmaxGrad<Image>, nullptr},
    {"cross_entropy", 5, 3, 1, crossEntropy, nullptr},
    {"cross_entropy_grad", 5, 3, 1, crossEntropyGrad, nullptr},
};

}  // namespace

KernelTable softmaxKernels() { return {KERNELS, sizeof KERNELS / sizeof *KERNELS}; }

}  // namespace soma::SOMA_ISA
