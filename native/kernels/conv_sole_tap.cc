// Convolutions of maps of one pixel, where all taps of a filter but one meet only padding, are 1x1 convolutions: weights are
// taken from there, and brought back with zeros between them.
//   ints: [filters, taps, the tap]
#include <algorithm>
#include "../kernel.h"
#include "scratch.h"
#include "tables.h"

namespace soma::SOMA_ISA {
namespace {

constexpr int INTS = 3;
constexpr int TASK_FILTERS = 4096;

template <class Body>
void forFilters(const Call& call, const Body& body) {
  const int filters = call.ints[0];
  call.pool->run(divideUp(filters, TASK_FILTERS), [&](int task, int) {
    const int first = task * TASK_FILTERS;
    body(first, smaller(filters, first + TASK_FILTERS));
  });
}

// [w [filter][tap], weights [filter]]
void soleTapWeights(const Call& call) {
  const size_t taps = size_t(call.ints[1]);
  const float* from = call.f32(0) + call.ints[2];
  float* to = call.f32(1);
  forFilters(call, [&](int first, int end) {
    for (int i = first; i < end; i++) to[i] = from[i * taps];
  });
}

// [gradient [filter], dw [filter][tap]]
void soleTapGradient(const Call& call) {
  const size_t taps = size_t(call.ints[1]);
  const float* from = call.f32(0);
  float* to = call.f32(1);
  forFilters(call, [&](int first, int end) {
    std::fill(to + first * taps, to + end * taps, 0.0f);
    for (int i = first; i < end; i++) to[i * taps + call.ints[2]] = from[i];
  });
}

const Kernel KERNELS[] = {
    {"sole_tap_weights", 2, INTS, 0, soleTapWeights, nullptr},
    {"sole_tap_gradient", 2, INTS, 0, soleTapGradient, nullptr},
};

}  // namespace

KernelTable convSoleTapKernels() { return {KERNELS, sizeof KERNELS / sizeof *KERNELS}; }

}  // namespace soma::SOMA_ISA
