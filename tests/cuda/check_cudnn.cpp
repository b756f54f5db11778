// Compiles where src/cuda/cudnn.hpp says what NVIDIA's header says:
//   g++ -std=c++20 -fsyntax-only -I src -I CUDNN/include -I CUDA/include tests/cuda/check_cudnn.cpp
#include <cudnn.h>

#include <type_traits>

#include "cuda/cudnn.hpp"

namespace dnn = nnx::cuda::dnn;

static_assert(CUDNN_MAJOR == 9);
template <class Theirs>
constexpr bool same_choice =
    sizeof(dnn::Choice) == sizeof(Theirs) &&
    offsetof(dnn::Choice, algorithm) == offsetof(Theirs, algo) &&
    offsetof(dnn::Choice, state) == offsetof(Theirs, status) &&
    offsetof(dnn::Choice, workspace) == offsetof(Theirs, memory) &&
    offsetof(dnn::Choice, deterministic) == offsetof(Theirs, determinism) &&
    offsetof(dnn::Choice, math) == offsetof(Theirs, mathType);
static_assert(same_choice<cudnnConvolutionFwdAlgoPerf_t>);
static_assert(same_choice<cudnnConvolutionBwdDataAlgoPerf_t>);
static_assert(same_choice<cudnnConvolutionBwdFilterAlgoPerf_t>);
static_assert(CUDNN_STATUS_SUCCESS == 0 && CUDNN_DETERMINISTIC == 1);
static_assert(dnn::kFloat == CUDNN_DATA_FLOAT && dnn::kDouble == CUDNN_DATA_DOUBLE);
static_assert(dnn::kChannelsFirst == CUDNN_TENSOR_NCHW);
static_assert(dnn::kCorrelation == CUDNN_CROSS_CORRELATION);
static_assert(dnn::kAnyMath == CUDNN_DEFAULT_MATH && dnn::kExactMath == CUDNN_FMA_MATH);

// Ours and theirs take as many arguments, of the same sizes, in the same order: pointers where
// theirs are handles, numbers where theirs are numbers.
template <class A, class B>
constexpr bool alike = sizeof(A) == sizeof(B) && std::is_pointer_v<A> == std::is_pointer_v<B> &&
                       std::is_floating_point_v<A> == std::is_floating_point_v<B>;
template <class R, class... A, class S, class... B>
constexpr bool called_alike(R (*)(A...), S (*)(B...)) {
  if constexpr (sizeof...(A) == sizeof...(B)) return sizeof(R) == sizeof(S) && (alike<A, B> && ...);
  return false;
}
template <class Ours>
constexpr Ours* ours = nullptr;

static_assert(called_alike(ours<dnn::Create>, &cudnnCreate));
static_assert(called_alike(ours<dnn::SetStream>, &cudnnSetStream));
static_assert(called_alike(ours<dnn::NewTensor>, &cudnnCreateTensorDescriptor));
static_assert(called_alike(ours<dnn::EndTensor>, &cudnnDestroyTensorDescriptor));
static_assert(called_alike(ours<dnn::EndFilter>, &cudnnDestroyFilterDescriptor));
static_assert(called_alike(ours<dnn::EndConvolution>, &cudnnDestroyConvolutionDescriptor));
static_assert(called_alike(ours<dnn::SetTensor>, &cudnnSetTensorNdDescriptor));
static_assert(called_alike(ours<dnn::NewFilter>, &cudnnCreateFilterDescriptor));
static_assert(called_alike(ours<dnn::SetFilter>, &cudnnSetFilterNdDescriptor));
static_assert(called_alike(ours<dnn::NewConvolution>, &cudnnCreateConvolutionDescriptor));
static_assert(called_alike(ours<dnn::SetConvolution>, &cudnnSetConvolutionNdDescriptor));
static_assert(called_alike(ours<dnn::SetGroups>, &cudnnSetConvolutionGroupCount));
static_assert(called_alike(ours<dnn::SetMath>, &cudnnSetConvolutionMathType));
static_assert(called_alike(ours<dnn::ChooseForward>, &cudnnGetConvolutionForwardAlgorithm_v7));
static_assert(called_alike(ours<dnn::ChooseData>, &cudnnGetConvolutionBackwardDataAlgorithm_v7));
static_assert(called_alike(ours<dnn::ChooseFilter>,
                           &cudnnGetConvolutionBackwardFilterAlgorithm_v7));
static_assert(called_alike(ours<dnn::Forward>, &cudnnConvolutionForward));
static_assert(called_alike(ours<dnn::BackwardData>, &cudnnConvolutionBackwardData));
static_assert(called_alike(ours<dnn::BackwardFilter>, &cudnnConvolutionBackwardFilter));
static_assert(called_alike(ours<dnn::AddTensor>, &cudnnAddTensor));
