// Fully connected layers of floats: y = x w' + bias, dx = g w, dw = g' x.
#include "dense_forward.h"
#include "dense_gradients.h"
#include "tables.h"

namespace soma::SOMA_ISA {
namespace {

const Kernel KERNELS[] = {
    {"dense_weights", 2, DenseShape::INTS, 0, denseWeights, nullptr},
    {"dense", 4, DenseShape::INTS, 0, dense, denseScratch},
    {"dense_long", 4, DenseShape::INTS, 0, denseLong, denseLongScratch},
    {"dense_grad_input", 3, DenseShape::INTS, 0, denseGradInput, denseGradInputScratch},
    {"dense_grad_weight", 3, DenseShape::INTS, 0, denseGradWeight, denseGradWeightScratch},
};

}  // namespace

KernelTable denseKernels() { return {KERNELS, sizeof KERNELS / sizeof *KERNELS}; }

}  // namespace soma::SOMA_ISA
