// Pooling, and windows as columns: what nn.functional's functions of one to three axes call.
// Lengths are one number for all axes or one each.
#include "bind/families.hpp"
#include "bind/from_python.hpp"
#include "bind/function.hpp"

namespace nnx::bind {

using namespace core;

namespace {

// The argument as one number for each of `axes` axes; `otherwise` where it is not given.
Dims lengths(Args& a, std::string_view name, int axes, const Dims& otherwise) {
  if (!a.given(name)) return otherwise;
  const Dims d = a.dims(name);
  if (d.size() == 1) return Dims::filled(axes, d[0]);
  if (d.size() != axes)
    fail<ShapeError>(a.op(),
                     std::string(name) + " must be one number or " + std::to_string(axes) +
                         ", one for each axis",
                     to_string(d));
  return d;
}
int axes_of(Args& a) {
  const std::int64_t n = a.integer("axes_count");
  if (n < 1 || n > 3)
    fail<ArgumentError>(a.op(), "windows lie over one to three axes", std::to_string(n));
  return static_cast<int>(n);
}
ops::PoolWindows windows_of(Args& a, int axes) {
  ops::PoolWindows w;
  w.kernel = lengths(a, "kernel_size", axes, Dims::filled(axes, 1));
  // As PyTorch: no stride, or an empty one, is the kernel.
  w.stride = a.given("stride") && a.dims("stride").empty() ? w.kernel
                                                           : lengths(a, "stride", axes, w.kernel);
  w.padding = lengths(a, "padding", axes, Dims::filled(axes, 0));
  w.dilation = lengths(a, "dilation", axes, Dims::filled(axes, 1));
  w.ceil_mode = a.flag("ceil_mode", false);
  return w;
}
PyObject* give_with(const std::pair<Tensor, Tensor>& found) {
  return found.second ? give({found.first, found.second}) : give(found.first);
}

PyObject* max_pool(Args& a) {
  const Tensor x = a.tensor("x");
  return give_with(ops::max_pool(x, windows_of(a, axes_of(a)), a.flag("return_indices", false)));
}
PyObject* avg_pool(Args& a) {
  const Tensor x = a.tensor("x");
  return give(ops::avg_pool(x, windows_of(a, axes_of(a)), a.flag("count_include_pad", true),
                            a.integer_or_none("divisor_override")));
}
PyObject* adaptive_max_pool(Args& a) {
  return give_with(ops::adaptive_max_pool(a.tensor("x"), a.dims("output_size"),
                                          a.flag("return_indices", false)));
}
PyObject* adaptive_avg_pool(Args& a) {
  return give(ops::adaptive_avg_pool(a.tensor("x"), a.dims("output_size")));
}
PyObject* max_unpool(Args& a) {
  return give(ops::max_unpool(a.tensor("x"), a.tensor("indices"), a.dims("output_size")));
}
ops::PoolWindows columns_of(Args& a) {
  ops::PoolWindows w = windows_of(a, 2);
  if (!a.given("stride")) w.stride = Dims{1, 1};
  return w;
}
PyObject* unfold(Args& a) { return give(ops::unfold(a.tensor("x"), columns_of(a))); }
PyObject* fold(Args& a) {
  const Tensor x = a.tensor("x");
  return give(ops::fold(x, lengths(a, "output_size", 2, {}), columns_of(a)));
}

const Definition kDefinitions[] = {
    {"max_pool",
     "(x: TensorLike, axes_count: int, kernel_size: ShapeLike, stride: ShapeLike | None = None, "
     "padding: ShapeLike = 0, dilation: ShapeLike = 1, ceil_mode: bool = False, return_indices: "
     "bool = False) -> Any",
     R"(The largest element of windows over the last axes_count axes.

Shapes: x (N, C, ...) or (C, ...). dtypes: floating.

Raises: ShapeError, ArgumentError for windows that do not fit.

Example:
    >>> nnx._nnx.max_pool(nnx.tensor([[1.0, 3.0, 2.0, 0.0]]), 1, 2)
    tensor([[3., 2.]])
)",
     max_pool},
    {"avg_pool",
     "(x: TensorLike, axes_count: int, kernel_size: ShapeLike, stride: ShapeLike | None = None, "
     "padding: ShapeLike = 0, ceil_mode: bool = False, count_include_pad: bool = True, "
     "divisor_override: int | None = None) -> Tensor",
     R"(The mean of windows over the last axes_count axes.

Shapes: x (N, C, ...) or (C, ...). dtypes: floating.

Raises: ShapeError, ArgumentError for windows that do not fit.

Example:
    >>> nnx._nnx.avg_pool(nnx.tensor([[1.0, 3.0, 2.0, 0.0]]), 1, 2)
    tensor([[2., 1.]])
)",
     avg_pool},
    {"adaptive_max_pool",
     "(x: TensorLike, output_size: ShapeLike, return_indices: bool = False) -> Any",
     R"(The largest elements of the parts the last axes are cut into; -1 keeps a length.

Shapes: x (N, C, ...) or (C, ...). dtypes: floating.

Raises: ShapeError, ArgumentError for sizes that do not fit.

Example:
    >>> nnx._nnx.adaptive_max_pool(nnx.tensor([[1.0, 3.0, 2.0]]), 1)
    tensor([[3.]])
)",
     adaptive_max_pool},
    {"adaptive_avg_pool", "(x: TensorLike, output_size: ShapeLike) -> Tensor",
     R"(The means of the parts the last axes are cut into; -1 keeps a length.

Shapes: x (N, C, ...) or (C, ...). dtypes: floating.

Raises: ShapeError, ArgumentError for sizes that do not fit.

Example:
    >>> nnx._nnx.adaptive_avg_pool(nnx.tensor([[1.0, 3.0, 2.0]]), 1)
    tensor([[2.]])
)",
     adaptive_avg_pool},
    {"max_unpool", "(x: TensorLike, indices: TensorLike, output_size: ShapeLike) -> Tensor",
     R"(Zeros with the elements of x where max_pool found them.

Shapes: x, indices (N, C, ...) or (C, ...) -> the last axes output_size. dtypes: floating.

Raises: ShapeError, IndexError for indices that do not fit.

Example:
    >>> nnx._nnx.max_unpool(nnx.tensor([[3.0, 2.0]]), nnx.tensor([[1, 2]]), 4)
    tensor([[0., 3., 2., 0.]])
)",
     max_unpool},
    {"unfold_windows",
     "(x: TensorLike, kernel_size: ShapeLike, dilation: ShapeLike = 1, padding: ShapeLike = 0, "
     "stride: ShapeLike = 1) -> Tensor",
     R"(Every window of an image as a column.

Shapes: x (N, C, H, W) or (C, H, W) -> (N, C * kernel, windows).

Raises: ShapeError, ArgumentError for windows that do not fit.

Example:
    >>> nnx._nnx.unfold_windows(nnx.arange(6.0).reshape(1, 2, 3), 2).tolist()
    [[0.0, 1.0], [1.0, 2.0], [3.0, 4.0], [4.0, 5.0]]
)",
     unfold},
    {"fold",
     "(x: TensorLike, output_size: ShapeLike, kernel_size: ShapeLike, dilation: ShapeLike = 1, "
     "padding: ShapeLike = 0, stride: ShapeLike = 1) -> Tensor",
     R"(The image of which the columns are windows; where they overlap they are added.

Shapes: x (N, C * kernel, windows) -> (N, C, *output_size).

Raises: ShapeError, ArgumentError for windows that do not fit.

Example:
    >>> nnx._nnx.fold(nnx.ones(4, 2), (2, 3), 2).tolist()
    [[[1.0, 2.0, 1.0], [1.0, 2.0, 1.0]]]
)",
     fold},
};

}  // namespace

void declare_pooling(PyObject* module) {
  for (const Definition& d : kDefinitions) declare(module, d);
}

}  // namespace nnx::bind
