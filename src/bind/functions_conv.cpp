// Convolution.
#include "bind/families.hpp"
#include "bind/from_python.hpp"
#include "bind/function.hpp"
#include "bind/pointwise.hpp"

namespace nnx::bind {

using namespace core;

namespace {

ops::ConvOptions options_of(Args& a) {
  ops::ConvOptions o;
  if (a.given("stride")) o.stride = a.dims("stride");
  if (a.given("padding")) o.padding = a.dims("padding");
  if (a.given("dilation")) o.dilation = a.dims("dilation");
  o.groups = a.integer("groups", 1);
  return o;
}

PyObject* conv(Args& a) {
  if (a.given("max_window") || a.given("mean_window")) {
    const bool mean = a.given("mean_window");
    if (mean && a.given("max_window"))
      fail<ArgumentError>(a.op(), "the result is pooled once: max_window or mean_window");
    return give(ops::conv_pool(a.tensor("x"), a.tensor("weight"), a.tensor_or_none("bias"),
                               options_of(a), activation_of(a),
                               a.dims(mean ? "mean_window" : "max_window"), mean));
  }
  return give(ops::conv(a.tensor("x"), a.tensor("weight"), a.tensor_or_none("bias"), options_of(a),
                        activation_of(a)));
}
PyObject* conv_transpose(Args& a) {
  return give(ops::conv_transpose(
      a.tensor("x"), a.tensor("weight"), a.tensor_or_none("bias"), options_of(a),
      a.given("output_padding") ? a.dims("output_padding") : Dims{0}, activation_of(a)));
}

const Definition kDefinitions[] = {
    {"conv",
     "(x: TensorLike, weight: TensorLike, bias: TensorLike | None = None, stride: ShapeLike = 1, "
     "padding: ShapeLike = 0, dilation: ShapeLike = 1, groups: int = 1, activation: str | None = "
     "None, max_window: ShapeLike | None = None, mean_window: ShapeLike | None = None) -> Tensor",
     R"(activation(correlation of x with weight + bias), over one to three spatial axes.

y[n, o, i] = bias[o] + sum over c and k of weight[o, c, k] x[n, c, i * stride + k * dilation - padding],
where x counts as zero outside; the channels fall into `groups` that do not mix.

Shapes: x (N, C, *spatial), weight (O, C / groups, *kernel), bias (O) -> (N, O, *result), each axis of
the result of length floor((spatial + 2 padding - dilation (kernel - 1) - 1) / stride) + 1. stride,
padding and dilation are one number or one for each spatial axis; padding may also name two for each,
before and after. dtypes: all the same, floating. With max_window or mean_window the result is then
pooled, in the same pass, as max_pool and avg_pool do it in windows of this size beside one another.

Raises: ShapeError if channels, groups or axes do not fit or the kernel is larger than the padded
input; DTypeError for different dtypes.

Example:
    >>> nnx._nnx.conv(nnx.tensor([[[1.0, 2.0, 3.0]]]), nnx.tensor([[[1.0, -1.0]]]))
    tensor([[[-1., -1.]]])
)",
     conv},
    {"conv_transpose",
     "(x: TensorLike, weight: TensorLike, bias: TensorLike | None = None, stride: ShapeLike = 1, "
     "padding: ShapeLike = 0, output_padding: ShapeLike = 0, groups: int = 1, dilation: ShapeLike "
     "= "
     "1, activation: str | None = None) -> Tensor",
     R"(The transpose of conv in its first argument: every number of x adds its multiple of the kernel.

Shapes: x (N, C, *spatial), weight (C, O / groups, *kernel), bias (O) -> (N, O, *result), each axis of
the result of length (spatial - 1) stride - 2 padding + dilation (kernel - 1) + output_padding + 1.
dtypes: all the same, floating.

Raises: ShapeError if channels, groups or axes do not fit; DTypeError for different dtypes;
ArgumentError for an output_padding that is not smaller than stride or dilation.

Example:
    >>> nnx._nnx.conv_transpose(nnx.tensor([[[1.0, 2.0]]]), nnx.tensor([[[1.0, 10.0]]]), stride=2)
    tensor([[[ 1., 10.,  2., 20.]]])
)",
     conv_transpose},
};

}  // namespace

void declare_convolution(PyObject* module) {
  for (const Definition& d : kDefinitions) declare(module, d);
}

}  // namespace nnx::bind
