// Compiles where src/cuda/cublaslt.hpp says what NVIDIA's header says:
//   g++ -std=c++20 -fsyntax-only -I src -I CUDA/include tests/cuda/check_cublaslt.cpp
#include <cublasLt.h>

#include "cuda/cublaslt.hpp"

namespace lt = nnx::cuda::lt;

static_assert(sizeof(lt::Choice) == sizeof(cublasLtMatmulHeuristicResult_t));
static_assert(sizeof(lt::Algorithm) == sizeof(cublasLtMatmulAlgo_t));
static_assert(offsetof(lt::Choice, workspace) ==
              offsetof(cublasLtMatmulHeuristicResult_t, workspaceSize));
static_assert(offsetof(lt::Choice, state) == offsetof(cublasLtMatmulHeuristicResult_t, state));
static_assert(lt::kFloat == CUDA_R_32F && lt::kDouble == CUDA_R_64F);
static_assert(lt::kComputeFloat == CUBLAS_COMPUTE_32F);
static_assert(lt::kComputeTf32 == CUBLAS_COMPUTE_32F_FAST_TF32);
static_assert(lt::kComputeDouble == CUBLAS_COMPUTE_64F);
static_assert(lt::kTransposeFirst == CUBLASLT_MATMUL_DESC_TRANSA);
static_assert(lt::kTransposeSecond == CUBLASLT_MATMUL_DESC_TRANSB);
static_assert(lt::kEpilogue == CUBLASLT_MATMUL_DESC_EPILOGUE);
static_assert(lt::kBias == CUBLASLT_MATMUL_DESC_BIAS_POINTER);
static_assert(lt::kEpilogueNone == CUBLASLT_EPILOGUE_DEFAULT);
static_assert(lt::kEpilogueBias == CUBLASLT_EPILOGUE_BIAS);
static_assert(lt::kBatchCount == CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT);
static_assert(lt::kBatchStride == CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET);
static_assert(lt::kMaxWorkspace == CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES);
static_assert(lt::kReductionSchemes == CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK);
static_assert(lt::kReductionsInOrder ==
              (CUBLASLT_REDUCTION_SCHEME_MASK & ~CUBLASLT_REDUCTION_SCHEME_INPLACE));
