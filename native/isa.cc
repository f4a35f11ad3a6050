#include "isa.h"

namespace soma {

#define SOMA_DECLARE(isa) \
  namespace isa {         \
  size_t kernelTables(const KernelTable** tables); \
  }
#if defined(SOMA_HAS_AVX512)
SOMA_DECLARE(avx512)
#endif
#if defined(SOMA_HAS_AVX2)
SOMA_DECLARE(avx2)
#endif
#if defined(SOMA_HAS_BASELINE)
SOMA_DECLARE(baseline)
#endif
#if defined(SOMA_HAS_NEON)
SOMA_DECLARE(neon)
#endif
#undef SOMA_DECLARE

namespace {

using TablesFn = size_t (*)(const KernelTable**);

Isa collect(const char* name, TablesFn tablesOf) {
  Isa isa{name, {}};
  const KernelTable* tables;
  const size_t count = tablesOf(&tables);
  for (size_t t = 0; t < count; t++)
    for (size_t k = 0; k < tables[t].count; k++)
      isa.kernels.emplace(tables[t].kernels[k].name, &tables[t].kernels[k]);
  return isa;
}

std::vector<Isa> detect() {
  std::vector<Isa> found;
#if defined(__x86_64__)
  __builtin_cpu_init();
#endif
#if defined(SOMA_HAS_AVX512)
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
      __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2"))
    found.push_back(collect("avx512", avx512::kernelTables));
#endif
#if defined(SOMA_HAS_AVX2)
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2"))
    found.push_back(collect("avx2", avx2::kernelTables));
#endif
#if defined(SOMA_HAS_BASELINE)
  found.push_back(collect("baseline", baseline::kernelTables));
#endif
#if defined(SOMA_HAS_NEON)
  found.push_back(collect("neon", neon::kernelTables));
#endif
  return found;
}

}  // namespace

const std::vector<Isa>& availableIsas() {
  static const std::vector<Isa> isas = detect();
  return isas;
}

}  // namespace soma
