// Convolution by cuDNN.
#pragma once

#include "core/kernels.hpp"

namespace nnx::cuda {

bool conv_library_is_there();
// Whether cuDNN did the job, without its activation: not when it is not installed, for more padding
// on one side than on the other, or where it has no deterministic algorithm.
bool convolve_by_library(const core::ConvJob& job);

}  // namespace nnx::cuda
