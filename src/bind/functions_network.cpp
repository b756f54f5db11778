// Functions of neural networks, and the fused entries that layers and optimisers call.
#include "autodiff/autodiff.hpp"
#include "bind/families.hpp"
#include "bind/from_python.hpp"
#include "bind/function.hpp"
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
  int activation = -1;
  if (const std::string name = a.string("activation", ""); !name.empty()) {
    activation = ops::find_declaration(name);
    if (activation < 0 || ops::declarations()[static_cast<std::size_t>(activation)].arity != 1)
      fail<ArgumentError>(a.op(), "activation must be the name of a function of one tensor", name,
                          "for example 'relu', 'tanh', 'sigmoid'");
  }
  return give(ops::dense(a.tensor("x"), a.tensor("weight"), a.tensor_or_none("bias"), activation));
}

ops::LossReduction reduction_of(Args& a) {
  const std::string name = a.string("reduction", "mean");
  if (name == "mean") return ops::LossReduction::mean;
  if (name == "sum") return ops::LossReduction::sum;
  if (name == "none") return ops::LossReduction::none;
  fail<ArgumentError>(a.op(), "reduction must be 'mean', 'sum' or 'none'", name);
}
PyObject* fast_mse(const Definition&, PyObject* const* args, Py_ssize_t n) {
  if (n != 2 || !is_tensor(args[0]) || !is_tensor(args[1])) return nullptr;
  return wrap(ops::mse_loss(unwrap(args[0]), unwrap(args[1]), ops::LossReduction::mean));
}
PyObject* mse_loss(Args& a) {
  return give(ops::mse_loss(a.tensor("x"), a.tensor("target"), reduction_of(a)));
}
PyObject* bce_with_logits(Args& a) {
  return give(ops::bce_with_logits(a.tensor("x"), a.tensor("target"), reduction_of(a)));
}
PyObject* cross_entropy(Args& a) {
  return give(ops::cross_entropy(a.tensor("x"), a.tensor("target"), a.integer("ignore_index", -100),
                                 reduction_of(a)));
}
PyObject* layer_norm(Args& a) {
  return give(ops::layer_norm(a.tensor("x"), a.dims("shape"), a.tensor_or_none("weight"),
                              a.tensor_or_none("bias"), a.real("eps", 1e-5)));
}
PyObject* dropout(Args& a) {
  return give(ops::dropout(a.tensor("x"), a.real("probability", 0.5), a.flag("training", true),
                           a.generator()));
}
PyObject* one_hot(Args& a) {
  return give(ops::one_hot(a.tensor("x"), a.integer("num_classes", -1)));
}
PyObject* take_rows(Args& a) { return give(ops::take(a.tensor("x"), a.tensor("indices"), 0)); }

// --- optimisers
// ------------------------------------------------------------------------------------

// The tensors of a list, as a list of Python objects that stays unchanged meanwhile.
std::vector<Tensor> list_of(Args& a, const char* name) {
  PyObject* o = a.object(name);
  if (!PyList_Check(o) && !PyTuple_Check(o))
    fail<DTypeError>(a.op(), std::string(name) + " must be a list of tensors", short_repr(o));
  std::vector<Tensor> out;
  const Py_ssize_t n = PySequence_Fast_GET_SIZE(o);
  out.reserve(static_cast<std::size_t>(n));
  for (Py_ssize_t i = 0; i < n; ++i) {
    PyObject* t = PySequence_Fast_GET_ITEM(o, i);
    if (t == Py_None) {
      out.emplace_back();
    } else if (is_tensor(t)) {
      out.push_back(unwrap(t));
    } else {
      fail<DTypeError>(a.op(), std::string(name) + " must be a list of tensors",
                       short_repr(t) + " (" + type_name(t) + ")");
    }
  }
  return out;
}

// Parameters and state arrays as one step wants them: grads (None: each parameter's own .grad) go
// second, parameters without a gradient are left out.
std::vector<std::vector<Tensor>> step_arrays(Args& a, std::initializer_list<const char*> states) {
  std::vector<std::vector<Tensor>> in;
  in.push_back(list_of(a, "params"));
  std::vector<Tensor> grads;
  if (a.given("grads")) {
    grads = list_of(a, "grads");
  } else {
    for (const Tensor& p : in[0]) grads.push_back(p ? autodiff::grad_of(p) : Tensor());
  }
  in.push_back(std::move(grads));
  for (const char* name : states) in.push_back(list_of(a, name));
  for (const auto& list : in)
    if (list.size() != in[0].size())
      fail<ArgumentError>(a.op(), "all lists must have one entry per parameter",
                          std::to_string(list.size()) + " for " + std::to_string(in[0].size()));
  std::vector<std::vector<Tensor>> out(in.size());
  for (std::size_t i = 0; i < in[0].size(); ++i) {
    if (!in[1][i]) continue;
    for (std::size_t j = 0; j < in.size(); ++j) {
      if (!in[j][i])
        fail<ArgumentError>(a.op(), "a parameter or its state is None",
                            "entry " + std::to_string(i));
      out[j].push_back(in[j][i]);
    }
  }
  return out;
}

PyObject* step(Args& a, const char* declaration, std::initializer_list<const char*> states,
               std::initializer_list<const char*> numbers) {
  const auto arrays = step_arrays(a, states);
  std::vector<double> values;
  for (const char* name : numbers) values.push_back(a.real(name));
  if (!arrays[0].empty()) ops::update(ops::find_declaration(declaration), arrays, values);
  return none();
}
PyObject* sgd_step(Args& a) { return step(a, "sgd_update", {}, {"lr", "weight_decay"}); }
PyObject* momentum_step(Args& a) {
  return step(a, "momentum_update", {"buffers"},
              {"weight_decay", "momentum", "undamped", "step_m", "step_d"});
}
PyObject* adam_step(Args& a) {
  return step(a, "adam_update", {"exp_avgs", "exp_avg_sqs"},
              {"decay", "keep", "rate1", "beta2", "rate2", "norm", "eps", "step"});
}
PyObject* zero_grad(Args& a) {
  const bool to_none = a.flag("set_to_none", true);
  for (const Tensor& p : list_of(a, "params")) {
    if (!p) continue;
    if (to_none) {
      autodiff::set_grad(p, Tensor());
    } else if (const Tensor g = autodiff::grad_of(p)) {
      const ops::GradMode off(false);
      ops::fill(g, Scalar(0));
    }
  }
  return none();
}

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
    {"mse_loss", "(input: TensorLike, target: TensorLike, reduction: str = 'mean') -> Tensor",
     R"(The squared error: mean((input - target)^2), its sum, or elementwise ('none').

Shapes: input and target the same.

Raises: ShapeError for different shapes, also where they would broadcast.

Example:
    >>> nnx.mse_loss(nnx.tensor([1.0, 2.0]), nnx.tensor([1.0, 4.0]))
    tensor(2.)
)",
     mse_loss, Role::function, fast_mse},
    {"bce_with_logits",
     "(input: TensorLike, target: TensorLike, reduction: str = 'mean') -> Tensor",
     R"(Binary cross-entropy of logits, without overflow.

softplus(input) - input * target, averaged, summed or elementwise.

Shapes: input and target the same.

Raises: ShapeError for different shapes.

Example:
    >>> nnx.bce_with_logits(nnx.tensor([0.0]), nnx.tensor([1.0]))
    tensor(0.6931472)
)",
     bce_with_logits},
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
    {"sgd_step",
     "(params: Sequence[Tensor], grads: Sequence[Tensor | None] | None, lr: float, weight_decay: "
     "float) -> None",
     R"(p -= lr (g + weight_decay p) for all parameters in one pass; grads None takes each .grad.

Example:
    >>> p = nnx.ones(2); nnx._nnx.sgd_step([p], [nnx.ones(2)], 0.5, 0.0)
    >>> p
    tensor([0.5, 0.5])
)",
     sgd_step},
    {"momentum_step",
     "(params: Sequence[Tensor], grads: Sequence[Tensor | None] | None, buffers: Sequence[Tensor], "
     "weight_decay: float, "
     "momentum: float, undamped: float, step_m: float, step_d: float) -> None",
     R"(SGD with momentum, over all parameters in one pass.

d = g + weight_decay p; m = momentum m + undamped d; p -= step_m m + step_d d

Example:
    >>> p, m = nnx.ones(1), nnx.zeros(1)
    >>> nnx._nnx.momentum_step([p], [nnx.ones(1)], [m], 0.0, 0.9, 1.0, 0.5, 0.0)
    >>> p
    tensor([0.5])
)",
     momentum_step},
    {"adam_step",
     "(params: Sequence[Tensor], grads: Sequence[Tensor | None] | None, exp_avgs: "
     "Sequence[Tensor], exp_avg_sqs: Sequence[Tensor], "
     "decay: float, keep: float, rate1: float, beta2: float, rate2: float, norm: float, eps: "
     "float, step: float) -> None",
     R"(Adam and AdamW, over all parameters in one pass.

d = g + decay p; m += rate1 (d - m); v = beta2 v + rate2 d^2; p = keep p - step m / (sqrt(v) norm + eps)

Source: Kingma and Ba, arXiv:1412.6980.

Example:
    >>> p, m, v = nnx.ones(1), nnx.zeros(1), nnx.zeros(1)
    >>> nnx._nnx.adam_step([p], [nnx.ones(1)], [m], [v], 0.0, 1.0, 1.0, 0.0, 1.0, 1.0, 0.0, 0.5)
    >>> p
    tensor([0.5])
)",
     adam_step},
    {"zero_grad", "(params: Sequence[Tensor], set_to_none: bool = True) -> None",
     R"(Clears .grad of all parameters; set_to_none=False fills them with zeros.

Example:
    >>> p = nnx.ones(2, requires_grad=True); p.sum().backward(); nnx._nnx.zero_grad([p]); p.grad is None
    True
)",
     zero_grad},
};

}  // namespace

void declare_networks(PyObject* module) {
  for (const Definition& d : kDefinitions) declare(module, d);
}

}  // namespace nnx::bind
