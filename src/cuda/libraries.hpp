// NVIDIA's libraries, opened when first needed: from the folder NNX_CUDA_LIBRARIES, beside this
// package in site-packages (NVIDIA's wheels), or by name.
#pragma once

namespace nnx::cuda {

// The library's handle, or null.
void* open_cuda_library(const char* name);

}  // namespace nnx::cuda
