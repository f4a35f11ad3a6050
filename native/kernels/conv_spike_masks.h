// Spikes turned round for the gradients of weights: bits of a channel, [channel][word of 64], in the order of the places of
// a frame that holds gradients.
#pragma once
#include "../kernel.h"
#include "../simd.h"
#include "scratch.h"

namespace soma::SOMA_ISA {

struct SpikeMasks {
  static constexpr int BITS = 64;

  static int words(size_t places) { return divideUp(int(places), BITS); }
};

// The masks of 16 channels from the words of all places, channels `stride` apart; bit l of the result: whether channel l
// fired.
static inline uint16_t maskChannels(const uint16_t* spikes, int words, uint64_t* masks, size_t stride) {
  unsigned fired = 0;
  for (int word = 0; word < words; word++) {
    uint64_t columns[LANES];
    transposeBits(spikes + word * SpikeMasks::BITS, columns);
    for (int l = 0; l < LANES; l++) {
      masks[l * stride + word] = columns[l];
      fired |= unsigned(columns[l] != 0) << l;
    }
  }
  return uint16_t(fired);
}

// Calls body(p) for the place of each bit that is set, 16 floats a place from `first` on. Inlined, so that sums stay in
// registers.
template <class Body>
__attribute__((always_inline)) static inline void forSpikes(const uint64_t* masks, int words, const float* first,
                                                            const Body& body) {
  for (int word = 0; word < words; word++, first += SpikeMasks::BITS * LANES)
    for (uint64_t mask = masks[word]; mask; mask &= mask - 1) body(first + size_t(__builtin_ctzll(mask)) * LANES);
}

}  // namespace soma::SOMA_ISA
