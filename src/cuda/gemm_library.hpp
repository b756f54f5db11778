// Products by cuBLASLt.
#pragma once

#include "core/kernels.hpp"

namespace nnx::cuda {

// Whether cuBLASLt did the product with accumulation and bias (the activation is left): false when
// it is not installed or has nothing for these strides.
bool library_is_there();
bool multiply_by_library(const core::GemmJob& job, core::Lane lane);

}  // namespace nnx::cuda
