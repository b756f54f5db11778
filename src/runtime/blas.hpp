// OpenBLAS: products in float64 and complex numbers (and float32 where it measures faster), opened
// by path when first needed, its own threads off; our pool cuts the work instead. Invariants:
// blocks depend on the shape alone, so results do not depend on the number of threads; opening it
// leaves the environment as it was. Without the library a plain blocked loop multiplies.
#pragma once

#include <string>

#include "core/kernels.hpp"

namespace nnx::runtime {

// Where the library lies; empty: there is none. Before the first use.
void set_blas_path(std::string path);
bool blas_available();
// "OpenBLAS 0.3.34 ... SkylakeX", or why there is none.
std::string blas_config();
// An entry point of the library ("dgetrf" is its scipy_dgetrf_), for LAPACK. Throws core::Error
// with the cure when the library is not there.
void* blas_symbol(const std::string& name);

// c = a @ b (+ c), batched; bias and activation are not applied. float64, float32, complex64,
// complex128.
void dgemm(const core::GemmJob& job);
void sgemm(const core::GemmJob& job);
void cgemm(const core::GemmJob& job);
void zgemm(const core::GemmJob& job);

}  // namespace nnx::runtime
