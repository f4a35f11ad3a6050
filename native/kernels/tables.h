// The kernel tables of one instruction set, one for each kernel file.
#pragma once
#include "../kernel.h"

namespace soma::SOMA_ISA {

KernelTable convDenseKernels();
KernelTable convEventKernels();
KernelTable convSoleTapKernels();
KernelTable winogradKernels();
KernelTable denseKernels();
KernelTable denseSpikeKernels();
KernelTable matmulKernels();
KernelTable lifKernels();
KernelTable alifKernels();
KernelTable minMaxKernels();
KernelTable elementwiseKernels();
KernelTable reduceKernels();
KernelTable reduceSpikeKernels();
KernelTable reduceMaxGradKernels();
KernelTable layoutKernels();
KernelTable poolKernels();
KernelTable adaptivePoolKernels();
KernelTable normKernels();
KernelTable normGradKernels();
KernelTable channelKernels();
KernelTable pixelKernels();
KernelTable foldKernels();
KernelTable softmaxKernels();
KernelTable rowErrorKernels();
KernelTable randomKernels();
KernelTable microBatchKernels();
KernelTable optimizerKernels();

// Every table; the only symbol that the engine knows.
size_t kernelTables(const KernelTable** tables);

}  // namespace soma::SOMA_ISA
