// Cutting a call's scratch memory into arrays. A plan takes its arrays in its constructor; built on a
// null base it only measures, built on the call's scratch it hands them out. So the size that a kernel
// asks for and the layout that it uses cannot come apart.
#pragma once
#include <cstddef>
#include <cstdint>

namespace soma::SOMA_ISA {

class Scratch {
 public:
  explicit Scratch(char* base) : base_(reinterpret_cast<uintptr_t>(base)) {}

  // `count` elements, aligned to a cache line.
  template <class T>
  T* take(size_t count) {
    T* at = reinterpret_cast<T*>(base_ + used_);
    used_ += (count * sizeof(T) + 63) / 64 * 64;
    return at;
  }

  size_t used() const { return used_; }

 private:
  uintptr_t base_;
  size_t used_ = 0;
};

static constexpr int divideUp(int a, int b) { return (a + b - 1) / b; }
static inline int smaller(int a, int b) { return a < b ? a : b; }
static inline int larger(int a, int b) { return a > b ? a : b; }

}  // namespace soma::SOMA_ISA
