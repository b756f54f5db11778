// What other kernels use of sorting.
#pragma once

#include "cuda/device.hpp"

namespace nnx::cuda {

// order[r, :]: the positions that sort row r of (rows, n) numbers in [0, limit), equal ones as they
// come. All on the device.
void order_of(int64_t rows, int64_t n, int64_t limit, const int64_t* numbers, int64_t* order);

}  // namespace nnx::cuda
