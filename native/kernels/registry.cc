// All kernels of one instruction set. A new kernel file is declared in tables.h and listed here.
#include "tables.h"

namespace soma::SOMA_ISA {

size_t kernelTables(const KernelTable** tables) {
  static const KernelTable all[] = {
      convDenseKernels(),   convEventKernels(), denseKernels(),       denseSpikeKernels(),  lifKernels(),
      alifKernels(),        minMaxKernels(),
      elementwiseKernels(), reduceKernels(),    reduceSpikeKernels(), reduceMaxGradKernels(),
      layoutKernels(),      poolKernels(),      normKernels(),        normGradKernels(),
      channelKernels(),     softmaxKernels(),   randomKernels(),      microBatchKernels(),
      optimizerKernels(),   foldKernels(),      winogradKernels(),    matmulKernels(),
      adaptivePoolKernels(), rowErrorKernels(), pixelKernels(),      convSoleTapKernels(),
  };
  *tables = all;
  return sizeof all / sizeof *all;
}

}  // namespace soma::SOMA_ISA
