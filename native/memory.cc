#include "memory.h"

#include <cstdlib>
#include <cstring>
#include <new>
#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace soma {
namespace {

constexpr size_t CACHE_LINE = 64;
constexpr size_t HUGE_PAGE = size_t(2) << 20;

size_t roundUp(size_t n, size_t unit) { return (n + unit - 1) / unit * unit; }

}  // namespace

Memory::Memory(size_t bytes) : bytes_(bytes) {
  if (bytes == 0) return;
  const size_t alignment = bytes >= HUGE_PAGE ? HUGE_PAGE : CACHE_LINE;
  data_ = static_cast<char*>(std::aligned_alloc(alignment, roundUp(bytes, alignment)));
  if (!data_) throw std::bad_alloc();
#if defined(__linux__)
  // Whole huge pages only: what lies behind the last one takes small pages as they are written to, none in vain.
  if (alignment == HUGE_PAGE) madvise(data_, bytes / HUGE_PAGE * HUGE_PAGE, MADV_HUGEPAGE);
#endif
  std::memset(data_, 0, roundUp(bytes, CACHE_LINE));
}

Memory::~Memory() { std::free(data_); }

}  // namespace soma
