// The kernel tables of one instruction set, one for each kernel file.
#pragma once
#include "../kernel.h"

namespace soma::SOMA_ISA {

KernelTable convDenseKernels();
KernelTable convSpikeKernels();
KernelTable winogradKernels();
KernelTable denseKernels();
KernelTable lifKernels();
KernelTable elementwiseKernels();
KernelTable reduceKernels();
KernelTable reduceSpikeKernels();
KernelTable reduceMaxGradKernels();
KernelTable layoutKernels();
KernelTable poolKernels();
KernelTable normKernels();
KernelTable softmaxKernels();
KernelTable randomKernels();
KernelTable optimizerKernels();

// Every table; the only symbol that the engine knows.
size_t kernelTables(const KernelTable** tables);

}  // namespace soma::SOMA_ISA
