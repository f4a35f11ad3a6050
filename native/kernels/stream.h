// Which results are stored around the caches (stream() in simd.h).
#pragma once
#include <cstddef>
#include <cstdint>
#include "../simd.h"

namespace soma::SOMA_ISA {

// Of a result that will have left the caches before it is read.
constexpr size_t STREAM_BYTES = 8 << 20;

static inline bool leavesCaches(const float* result, size_t floats) {
  return STREAMS && uintptr_t(result) % 64 == 0 && floats * sizeof(float) > STREAM_BYTES;
}

}  // namespace soma::SOMA_ISA
