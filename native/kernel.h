// The contract between the engine and its kernels.
//
// A plan is a flat list of calls. Each call names a kernel and carries three short lists: buffers,
// integers (shapes and flags) and floats. Every kernel file is compiled once for each instruction set,
// inside `namespace soma::SOMA_ISA`, and hands out its kernels as one table.
//
// Layouts (decided by shape alone, in src/compile/layout.ts):
//   map, f32    [TN][ceil(C/16)][H][W][16]   when C > 4 (blocked); lanes beyond C are written as zero
//               [TN][C][H][W]                when C <= 4 (plain)
//   map, u8     the same as f32, one byte an element (window index of a maximum)
//   map, spike  [TN][ceil(C/16)][H][W] of uint16, bit l = channel 16*block + l, bits beyond C are zero
//   flat, f32 / i32 / u8   contiguous, last axis fastest
//   flat, spike [TN][ceil(F/16)] of uint16, rows of F features
// TN is time folded into the batch, time outermost: index t * N + n.
//
// Determinism: what a kernel writes may not depend on the number of threads. Tasks write disjoint
// memory, or partial sums into scratch that are added in task order; the number of tasks depends on
// shapes only.
#pragma once
#include <cstddef>
#include <cstdint>
#include "pool.h"

namespace soma {

constexpr int LANES = 16;  // channels in a block
inline int blocks(int channels) { return (channels + LANES - 1) / LANES; }
inline bool isBlocked(int channels) { return channels > 4; }

struct Call {
  void* const* buffers;  // null where an optional buffer is absent
  const int32_t* ints;
  const float* floats;
  char* scratch;  // 64-byte aligned, as large as the kernel's scratch function asked for; not zeroed
  Pool* pool;

  float* f32(int i) const { return static_cast<float*>(buffers[i]); }
  int32_t* i32(int i) const { return static_cast<int32_t*>(buffers[i]); }
  uint16_t* spikes(int i) const { return static_cast<uint16_t*>(buffers[i]); }
  uint8_t* u8(int i) const { return static_cast<uint8_t*>(buffers[i]); }
};

using RunFn = void (*)(const Call&);
// Bytes of scratch that the call needs; may read ints and floats, never buffers.
using ScratchFn = size_t (*)(const Call&, int threads);

struct Kernel {
  const char* name;
  int buffers, ints, floats;  // exact counts, checked when a program is loaded; -1: any number
  RunFn run;
  ScratchFn scratch;  // null: none
};

struct KernelTable {
  const Kernel* kernels;
  size_t count;
};

}  // namespace soma
