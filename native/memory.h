// A block of zeroed memory, aligned to a cache line; large blocks are aligned to, and asked to lie in, huge
// pages. Nothing is returned to the system before the block is dropped.
#pragma once
#include <cstddef>
#include <utility>

namespace soma {

class Memory {
 public:
  Memory() = default;
  explicit Memory(size_t bytes);  // throws std::bad_alloc
  ~Memory();
  Memory(Memory&& other) noexcept { *this = std::move(other); }
  Memory& operator=(Memory&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }

  char* data() const { return data_; }
  size_t bytes() const { return bytes_; }

 private:
  char* data_ = nullptr;
  size_t bytes_ = 0;
};

}  // namespace soma
