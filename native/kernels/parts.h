// Walking over things a few at a time, how many being known when this is compiled, so that what is summed stays in registers.
#pragma once
#include <utility>
#include "scratch.h"

namespace soma::SOMA_ISA {

template <class Body, size_t... N>
static inline void inPartsOf(int count, const Body& body, std::index_sequence<N...>) {
  using Part = void (*)(const Body&, int);
  static constexpr Part PARTS_OF[] = {[](const Body& b, int first) { b.template operator()<int(N) + 1>(first); }...};
  const int parts = divideUp(count, int(sizeof...(N)));
  for (int i = 0; i < parts; i++) {
    const int first = int(int64_t(count) * i / parts);
    PARTS_OF[int64_t(count) * (i + 1) / parts - first - 1](body, first);
  }
}

// Calls body<N>(first) for `count` things, N of them from `first` on: at most MOST, and in parts as equal as can be.
template <int MOST, class Body>
static inline void inParts(int count, const Body& body) {
  inPartsOf(count, body, std::make_index_sequence<MOST>());
}

}  // namespace soma::SOMA_ISA
