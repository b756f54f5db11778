// The part of cuDNN's interface that conv_library.cu uses, so that building needs no header of a
// package of 500 MB. Names, numbers and layouts are those of cudnn.h, version 9
// (tests/cuda/check_cudnn.cpp compares them where that header is).
#pragma once

#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>

namespace nnx::cuda::dnn {

using Handle = struct HandleData*;
using Tensor = struct TensorData*;
using Filter = struct FilterData*;
using Convolution = struct ConvolutionData*;

// cudnnConvolutionFwdAlgoPerf_t, and the same of the two gradients
struct Choice {
  std::int32_t algorithm;
  std::int32_t state;  // 0: usable
  float time;
  std::size_t workspace;
  std::int32_t deterministic;
  std::int32_t math;
  std::int32_t reserved[3];
};

// cudnnDataType_t, cudnnTensorFormat_t, cudnnConvolutionMode_t, cudnnMathType_t
inline constexpr std::int32_t kFloat = 0, kDouble = 1, kChannelsFirst = 0, kCorrelation = 1;
inline constexpr std::int32_t kAnyMath = 0, kExactMath = 3;  // without TF32

// The functions' types.
using Create = int(Handle*);
using SetStream = int(Handle, cudaStream_t);
using NewTensor = int(Tensor*);
using SetTensor = int(Tensor, std::int32_t type, int axes, const int* shape, const int* strides);
using EndTensor = int(Tensor);
using NewFilter = int(Filter*);
using EndFilter = int(Filter);
using SetFilter = int(Filter, std::int32_t type, std::int32_t format, int axes, const int* shape);
using NewConvolution = int(Convolution*);
using EndConvolution = int(Convolution);
using SetConvolution = int(Convolution, int axes, const int* padding, const int* stride,
                           const int* dilation, std::int32_t mode, std::int32_t type);
using SetGroups = int(Convolution, int groups);
using SetMath = int(Convolution, std::int32_t math);
using ChooseForward = int(Handle, Tensor x, Filter w, Convolution, Tensor y, int wanted, int* found,
                          Choice*);
using ChooseData = int(Handle, Filter w, Tensor y, Convolution, Tensor x, int wanted, int* found,
                       Choice*);
using ChooseFilter = int(Handle, Tensor x, Tensor y, Convolution, Filter w, int wanted, int* found,
                         Choice*);
using Forward = int(Handle, const void* alpha, Tensor, const void* x, Filter, const void* w,
                    Convolution, std::int32_t algorithm, void* workspace, std::size_t bytes,
                    const void* beta, Tensor, void* y);
using BackwardData = int(Handle, const void* alpha, Filter, const void* w, Tensor, const void* y,
                         Convolution, std::int32_t algorithm, void* workspace, std::size_t bytes,
                         const void* beta, Tensor, void* x);
using BackwardFilter = int(Handle, const void* alpha, Tensor, const void* x, Tensor, const void* y,
                           Convolution, std::int32_t algorithm, void* workspace, std::size_t bytes,
                           const void* beta, Filter, void* w);
using AddTensor = int(Handle, const void* alpha, Tensor, const void* from, const void* beta, Tensor,
                      void* to);

}  // namespace nnx::cuda::dnn
