// The instruction sets that kernels were built for, and which of them this processor has.
#pragma once
#include <string>
#include <unordered_map>
#include <vector>
#include "kernel.h"

namespace soma {

struct Isa {
  const char* name;
  std::unordered_map<std::string, const Kernel*> kernels;
};

// Those that were built and that this processor has, the fastest first.
const std::vector<Isa>& availableIsas();

}  // namespace soma
