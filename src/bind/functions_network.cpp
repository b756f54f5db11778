// Functions of neural networks.
#include <algorithm>
#include <iterator>
#include <string>
#include <string_view>

#include "bind/families.hpp"
#include "bind/from_python.hpp"
#include "bind/function.hpp"
#include "bind/pointwise.hpp"
#include "bind/tensor_type.hpp"

namespace nnx::bind {

using namespace core;

namespace {

PyObject* softmax(Args& a) {
  Tensor x = a.tensor("x");
  if (a.dtype()) x = ops::astype(x, *a.dtype());
  return give(ops::softmax(x, a.integer("axis", -1)));
}
PyObject* log_softmax(Args& a) {
  Tensor x = a.tensor("x");
  if (a.dtype()) x = ops::astype(x, *a.dtype());
  return give(ops::log_softmax(x, a.integer("axis", -1)));
}

PyObject* fast_dense(const Definition&, PyObject* const* args, Py_ssize_t n) {
  if (n < 2 || n > 3 || !is_tensor(args[0]) || !is_tensor(args[1])) return nullptr;
  if (n == 3 && args[2] != Py_None && !is_tensor(args[2])) return nullptr;
  return wrap(ops::dense(unwrap(args[0]), unwrap(args[1]),
                         n == 3 && args[2] != Py_None ? unwrap(args[2]) : Tensor(), -1));
}
PyObject* dense(Args& a) {
  return give(
      ops::dense(a.tensor("x"), a.tensor("weight"), a.tensor_or_none("bias"), activation_of(a)));
}

PyObject* cross_entropy(Args& a) {
  return give(ops::cross_entropy(a.tensor("x"), a.tensor("target"), a.integer("ignore_index", -100),
                                 reduction_of(a)));
}
PyObject* layer_norm(Args& a) {
  return give(ops::layer_norm(a.tensor("x"), a.dims("shape"), a.tensor_or_none("weight"),
                              a.tensor_or_none("bias"), a.real("eps", 1e-5)));
}
PyObject* batch_norm(Args& a) {
  return give(ops::batch_norm(a.tensor("x"), a.tensor_or_none("running_mean"),
                              a.tensor_or_none("running_var"), a.tensor_or_none("weight"),
                              a.tensor_or_none("bias"), a.flag("training", false),
                              a.real("momentum", 0.1), a.real("eps", 1e-5)));
}
// In the order of ops::Resampling.
constexpr std::string_view kResampling[] = {
    "nearest", "nearest-exact",    "linear",          "cubic",
    "area",    "linear-antialias", "cubic-antialias", "lanczos-antialias"};
// The value of an enumeration whose names are listed in its order.
template <class E, std::size_t n>
E named(Args& a, std::string_view argument, const std::string_view (&names)[n],
        const char* otherwise) {
  const std::string name = a.string(argument, otherwise);
  const auto* found = std::find(std::begin(names), std::end(names), name);
  if (found == std::end(names))
    fail<ArgumentError>(a.op(), "unknown " + std::string(argument), name);
  return static_cast<E>(found - std::begin(names));
}
PyObject* resample(Args& a) {
  return give(ops::resample(a.tensor("x"), a.integer("axis"), a.integer("length"),
                            named<ops::Resampling>(a, "mode", kResampling, "linear"),
                            a.flag("align_corners", false), a.real("factor", 0)));
}
// In the order of sampling::Mode and sampling::Padding.
constexpr std::string_view kSampling[] = {"nearest", "bilinear", "bicubic"};
constexpr std::string_view kPadding[] = {"zeros", "border", "reflection"};
PyObject* grid_sample(Args& a) {
  return give(ops::grid_sample(a.tensor("x"), a.tensor("grid"),
                               named<sampling::Mode>(a, "mode", kSampling, "bilinear"),
                               named<sampling::Padding>(a, "padding_mode", kPadding, "zeros"),
                               a.flag("align_corners", false)));
}
PyObject* pick(Args& a) {
  return give(ops::pick(a.tensor("x"), a.tensor("indices"), a.tensor("weight")));
}
PyObject* dropout(Args& a) {
  return give(ops::dropout(a.tensor("x"), a.real("probability", 0.5), a.flag("training", true),
                           a.generator()));
}
PyObject* one_hot(Args& a) {
  return give(ops::one_hot(a.tensor("x"), a.integer("num_classes", -1)));
}
PyObject* embedding_rows(Args& a) {
  return give(ops::embedding_rows(a.tensor("index"), a.tensor("weight")));
}
PyObject* take_rows(Args& a) { return give(ops::take(a.tensor("x"), a.tensor("indices"), 0)); }

const Definition kDefinitions[] = {
    {"softmax", "(x: TensorLike, axis: int = -1, *, dtype: DTypeLike | None = None) -> Tensor",
     R"(exp(x_i) / sum_j exp(x_j) along an axis, without overflow.

Shapes: as x. dtypes: floating.

Raises: AxisError for an axis that is not there; DTypeError for integers.

Example:
    >>> nnx.softmax(nnx.tensor([0.0, 0.0]))
    tensor([0.5, 0.5])
)",
     softmax},
    {"softmax", "(dim: int = -1, *, dtype: DTypeLike | None = None) -> Tensor", "As nnx.softmax.",
     softmax, Role::method},
    {"log_softmax", "(x: TensorLike, axis: int = -1, *, dtype: DTypeLike | None = None) -> Tensor",
     R"(x_i - log(sum_j exp(x_j)) along an axis, without overflow.

Shapes: as x. dtypes: floating.

Raises: AxisError for an axis that is not there; DTypeError for integers.

Example:
    >>> nnx.log_softmax(nnx.tensor([0.0, 0.0]))
    tensor([-0.6931472, -0.6931472])
)",
     log_softmax},
    {"log_softmax", "(dim: int = -1, *, dtype: DTypeLike | None = None) -> Tensor",
     "As nnx.log_softmax.", log_softmax, Role::method},
    {"dense",
     "(x: TensorLike, weight: TensorLike, bias: TensorLike | None = None, activation: str | None = "
     "None) -> Tensor",
     R"(activation(x @ weight.T + bias), in one pass.

Shapes: x (..., in), weight (out, in), bias (out) -> (..., out). dtypes: all the same, floating.

Raises: ShapeError, DTypeError if they do not fit; ArgumentError for an unknown activation.

Example:
    >>> nnx.dense(nnx.ones(1, 2), nnx.ones(3, 2), nnx.zeros(3))
    tensor([[2., 2., 2.]])
)",
     dense, Role::function, fast_dense},
    {"cross_entropy",
     "(input: TensorLike, target: TensorLike, ignore_index: int = -100, reduction: str = 'mean') "
     "-> Tensor",
     R"(Cross-entropy of logits against class labels.

-log(softmax(input))[target], averaged over the labels other than ignore_index, summed, or one per row.

Shapes: input (N, C), target (N) of any integer dtype.

Raises: IndexError for labels outside [0, C); ShapeError for shapes that do not fit.

Example:
    >>> nnx.cross_entropy(nnx.zeros(1, 2), nnx.tensor([1]))
    tensor(0.6931472)
)",
     cross_entropy},
    {"layer_norm",
     "(x: TensorLike, normalized_shape: ShapeLike, weight: TensorLike | None = None, bias: "
     "TensorLike | None = None, eps: float = 1e-05) -> Tensor",
     R"((x - mean) / sqrt(var + eps) * weight + bias over the last axes.

Shapes: x (..., *normalized_shape), weight and bias normalized_shape.

Raises: ShapeError if they do not fit.

Source: Ba, Kiros, Hinton, arXiv:1607.06450.

Example:
    >>> nnx.layer_norm(nnx.tensor([[1.0, 3.0]]), 2, eps=0.0)
    tensor([[-1.,  1.]])
)",
     layer_norm},
    {"batch_norm",
     "(input: TensorLike, running_mean: TensorLike | None, running_var: TensorLike | None, weight: "
     "TensorLike | None = None, bias: TensorLike | None = None, training: bool = False, momentum: "
     "float = 0.1, eps: float = 1e-05) -> Tensor",
     R"((input - mean) / sqrt(var + eps) * weight + bias over all axes but axis 1, in one pass.

In training, mean and (biased) variance are those of the batch, and the running ones are moved.

Shapes: input (N, C, ...), all others (C,). dtypes: floating, all the same.

Raises: ShapeError, DTypeError if they do not fit; ShapeError for one value a channel in training.

Source: Ioffe, Szegedy, arXiv:1502.03167.

Example:
    >>> x = nnx.tensor([[1.0], [3.0]])
    >>> nnx._nnx.batch_norm(x, None, None, training=True, eps=0.0)
    tensor([[-1.],
            [ 1.]])
)",
     batch_norm},
    {"resample",
     "(input: TensorLike, axis: int, length: int, mode: str = 'linear', align_corners: bool = "
     "False, factor: float = 0.0) -> Tensor",
     R"(An axis of another length, each new position a weighted sum of old ones.

mode: 'nearest', 'nearest-exact', 'linear', 'cubic', 'area', 'linear-antialias', 'cubic-antialias',
    'lanczos-antialias'.
factor: what positions are scaled by, in place of the ratio of the lengths; 0 for that ratio.

Shapes: input (..., n, ...) -> (..., length, ...). dtypes: floating.

Raises: ShapeError for an axis without elements; ArgumentError for an unknown mode.

Example:
    >>> nnx._nnx.resample(nnx.tensor([0.0, 2.0]), 0, 3, 'linear', True)
    tensor([0., 1., 2.])
)",
     resample},
    {"pick", "(x: TensorLike, indices: TensorLike, weight: TensorLike) -> Tensor",
     R"(y[s, c, p] = sum over t of weight[t, s, p] x[s, c, indices[t, s, p]].

Shapes: x (samples, channels, elements), indices and weight (terms, samples, places) -> (samples,
    channels, places). dtypes: floating, both the same; indices of any integer dtype.

Raises: ShapeError, DTypeError if they do not fit; IndexError for an index outside [0, elements).

Example:
    >>> x, halves = nnx.tensor([[[0.0, 2.0, 6.0]]]), nnx.full((2, 1, 1), 0.5)
    >>> nnx._nnx.pick(x, nnx.tensor([[[1]], [[2]]]), halves)
    tensor([[[4.]]])
)",
     pick},
    {"grid_sample",
     "(x: TensorLike, grid: TensorLike, mode: str = 'bilinear', padding_mode: str = 'zeros', "
     "align_corners: bool = False) -> Tensor",
     R"(The values of an image at the places of a grid: see nn.functional.grid_sample.

mode: 'nearest', 'bilinear' (of volumes trilinear), 'bicubic' (of images).
padding_mode: 'zeros', 'border', 'reflection'.

Shapes: x (N, C, H, W), grid (N, h, w, 2) -> (N, C, h, w); x (N, C, D, H, W), grid (N, d, h, w, 3)
    -> (N, C, d, h, w). dtypes: floating, both the same.

Raises: ShapeError, DTypeError if they do not fit; ArgumentError for an unknown mode.

Example:
    >>> image = nnx.tensor([[[[0.0, 1.0], [2.0, 3.0]]]])
    >>> nnx._nnx.grid_sample(image, nnx.zeros(1, 1, 1, 2))
    tensor([[[[1.5]]]])
)",
     grid_sample},
    {"dropout",
     "(x: TensorLike, probability: float = 0.5, training: bool = True, generator: Generator | None "
     "= None) -> Tensor",
     R"(Sets elements to 0 with a probability and scales the others by 1 / (1 - probability).

Raises: ArgumentError for a probability outside [0, 1].

Source: Srivastava et al., JMLR 15 (2014).

Example:
    >>> nnx.dropout(nnx.ones(3), 0.5, training=False)
    tensor([1., 1., 1.])
)",
     dropout},
    {"_embedding_rows", "(index: Tensor, weight: Tensor) -> Tensor",
     "The indices in int64, each checked to be a row of the weight, where that is.",
     embedding_rows},
    {"one_hot", "(x: TensorLike, num_classes: int = -1) -> Tensor",
     R"(One row per label, with a 1 at the label.

Shapes: x (...) of integers -> (..., num_classes), int64; -1: the largest label + 1.

Raises: IndexError for labels outside [0, num_classes).

Example:
    >>> nnx.one_hot(nnx.tensor([1, 0]), 3)
    tensor([[0, 1, 0],
            [1, 0, 0]])
)",
     one_hot},
    {"take_rows", "(x: TensorLike, indices: TensorLike) -> Tensor",
     R"(The rows x[indices]: how a batch is gathered.

Raises: IndexError for an index out of range.

Example:
    >>> nnx._nnx.take_rows(nnx.tensor([[1], [2], [3]]), nnx.tensor([2, 0]))
    tensor([[3],
            [1]])
)",
     take_rows},
};

}  // namespace

int activation_of(Args& a) {
  const std::string name = a.string("activation", "");
  if (name.empty()) return -1;
  const int activation = ops::find_declaration(name);
  if (activation < 0 || ops::declarations()[static_cast<std::size_t>(activation)].arity != 1)
    fail<ArgumentError>(a.op(), "activation must be the name of a function of one tensor", name,
                        "for example 'relu', 'tanh', 'sigmoid'");
  return activation;
}

void declare_networks(PyObject* module) {
  for (const Definition& d : kDefinitions) declare(module, d);
}

}  // namespace nnx::bind
