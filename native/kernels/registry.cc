// All kernels of one instruction set. A new kernel file is declared in tables.h and listed here.
#include "tables.h"

namespace soma::SOMA_ISA {

size_t kernelTables(const KernelTable** tables) {
  static const KernelTable all[] = {
      convDenseKernels(),   convSpikeKernels(), denseKernels(),       lifKernels(),
      elementwiseKernels(), reduceKernels(),    reduceSpikeKernels(), reduceMaxGradKernels(),
      layoutKernels(),      poolKernels(),      normKernels(),        softmaxKernels(),
      randomKernels(),      optimizerKernels(), winogradKernels(),
  };
  *tables = all;
  return sizeof all / sizeof *all;
}

}  // namespace soma::SOMA_ISA
