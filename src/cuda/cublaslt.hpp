// The part of cuBLASLt's interface that gemm_library.cu uses, so that building needs no header of
// 400 MB. Names, numbers and layouts are those of cublasLt.h, version 13
// (tests/cuda/test_headers.py compares them where that header is).
#pragma once

#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>

namespace nnx::cuda::lt {

using Handle = struct HandleData*;
using Operation = struct OperationData*;
using Layout = struct LayoutData*;
using Preference = struct PreferenceData*;

struct Algorithm {
  std::uint64_t data[8];
};
struct Choice {
  Algorithm algorithm;
  std::size_t workspace;
  std::int32_t state;  // 0: usable
  float waves;
  std::int32_t reserved[4];
};

// cudaDataType, cublasComputeType_t
inline constexpr std::int32_t kFloat = 0, kDouble = 1;
inline constexpr std::int32_t kComputeFloat = 68, kComputeTf32 = 77, kComputeDouble = 70;
// cublasLtMatmulDescAttributes_t, cublasLtEpilogue_t
inline constexpr std::int32_t kTransposeFirst = 3, kTransposeSecond = 4, kEpilogue = 7, kBias = 8;
inline constexpr std::int32_t kEpilogueNone = 1, kEpilogueBias = 4;
// cublasLtMatrixLayoutAttribute_t
inline constexpr std::int32_t kBatchCount = 5, kBatchStride = 6;
// cublasLtMatmulPreferenceAttributes_t; reduction schemes without CUBLASLT_REDUCTION_SCHEME_INPLACE
inline constexpr std::int32_t kMaxWorkspace = 1, kReductionSchemes = 3;
inline constexpr std::uint32_t kReductionsInOrder = 0x6;

// The functions' types.
using Create = int(Handle*);
using NewOperation = int(Operation*, std::int32_t compute, std::int32_t scale);
using SetOperation = int(Operation, std::int32_t, const void*, std::size_t);
using NewLayout = int(Layout*, std::int32_t type, std::uint64_t rows, std::uint64_t columns,
                      std::int64_t leading);
using SetLayout = int(Layout, std::int32_t, const void*, std::size_t);
using NewPreference = int(Preference*);
using SetPreference = int(Preference, std::int32_t, const void*, std::size_t);
using Choose = int(Handle, Operation, Layout a, Layout b, Layout c, Layout d, Preference,
                   int wanted, Choice*, int* found);
using Multiply = int(Handle, Operation, const void* alpha, const void* a, Layout, const void* b,
                     Layout, const void* beta, const void* c, Layout, void* d, Layout,
                     const Algorithm*, void* workspace, std::size_t bytes, cudaStream_t);

}  // namespace nnx::cuda::lt
