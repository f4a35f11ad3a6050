// Sums over micro-batches. Buffers are whole cache lines; what lies beyond a value's last element is never read.
#include "../kernel.h"
#include "../simd.h"
#include "scratch.h"
#include "tables.h"

namespace soma::SOMA_ISA {
namespace {

// Calls body(i) for every register of `floats` floats, a multiple of 16.
template <class Body>
void forRegisters(const Call& call, int floats, const Body& body) {
  constexpr int PIECE = 1 << 13;
  call.pool->run(divideUp(floats, PIECE), [&](int task, int) {
    const int end = smaller(floats, (task + 1) * PIECE);
    for (int i = task * PIECE; i < end; i += VL) body(i);
  });
}

// [x, sums]; ints: [floats]. sums += x.
void accumulate(const Call& call) {
  const float* x = call.f32(0);
  float* sums = call.f32(1);
  forRegisters(call, call.ints[0], [&](int i) { store(sums + i, load(sums + i) + load(x + i)); });
}

// [sums of all slots, total]; ints: [slots, floats of a slot]. Added in the order of the slots.
void sumSlots(const Call& call) {
  const float* sums = call.f32(0);
  float* total = call.f32(1);
  const int slots = call.ints[0], floats = call.ints[1];
  forRegisters(call, floats, [&](int i) {
    Vec sum = load(sums + i);
    for (int slot = 1; slot < slots; slot++) sum = sum + load(sums + size_t(slot) * floats + i);
    store(total + i, sum);
  });
}

const Kernel KERNELS[] = {
    {"accumulate", 2, 1, 0, accumulate, nullptr},
    {"sum_slots", 2, 2, 0, sumSlots, nullptr},
};

}  // namespace

KernelTable microBatchKernels() { return {KERNELS, sizeof KERNELS / sizeof *KERNELS}; }

}  // namespace soma::SOMA_ISA
