// What training calls: the losses and the optimiser updates that ops/pointwise.hpp declares, one
// function each, made by iterating the declarations.
#include <span>
#include <string>
#include <vector>

#include "autodiff/autodiff.hpp"
#include "bind/families.hpp"
#include "bind/from_python.hpp"
#include "bind/function.hpp"
#include "bind/pointwise.hpp"
#include "bind/tensor_type.hpp"

namespace nnx::bind {

using namespace core;
using ops::Declaration;
using ops::Rule;

ops::LossReduction reduction_of(Args& a) {
  const std::string name = a.string("reduction", "mean");
  if (name == "mean") return ops::LossReduction::mean;
  if (name == "sum") return ops::LossReduction::sum;
  if (name == "none") return ops::LossReduction::none;
  fail<ArgumentError>(a.op(), "reduction must be 'mean', 'sum' or 'none'", name);
}

namespace {

// --- losses --------------------------------------------------------------------------------------

const Declaration& declaration_of(const Definition& d) {
  return ops::declarations()[static_cast<std::size_t>(d.id)];
}

PyObject* fast_loss(const Definition& d, PyObject* const* args, Py_ssize_t n) {
  if (n != 2 || !is_tensor(args[0]) || !is_tensor(args[1]) || declaration_of(d).arity != 2)
    return nullptr;
  return wrap(
      ops::loss(d.name, d.id, unwrap(args[0]), unwrap(args[1]), {}, ops::LossReduction::mean));
}
PyObject* loss(Args& a) {
  const Definition& d = a.definition();
  double values[kMaxInputs];
  std::size_t n = 0;
  for (const Number& number : numbers_of(declaration_of(d).name)) values[n++] = number.real(a);
  return give(
      ops::loss(a.op(), d.id, a.tensor("x"), a.tensor("target"), {values, n}, reduction_of(a)));
}
std::string loss_doc(const Definition& d) {
  return pointwise_text(d, d.name,
                        "Averaged (reduction 'mean'), summed ('sum') or element by element "
                        "('none').\n\nShapes: input and target the same; one number out.\n"
                        "dtypes: floating; of targets, integers too.\n\nRaises: ShapeError for "
                        "different shapes, also where they would broadcast.\n");
}

// --- optimisers ----------------------------------------------------------------------------------

// The tensors of a list, as a list of Python objects that stays unchanged meanwhile.
std::vector<Tensor> list_of(const char* op, PyObject* o, const char* name) {
  if (!PyList_Check(o) && !PyTuple_Check(o))
    fail<DTypeError>(op, std::string(name) + " must be a list of tensors", short_repr(o));
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
      fail<DTypeError>(op, std::string(name) + " must be a list of tensors",
                       short_repr(t) + " (" + type_name(t) + ")");
    }
  }
  return out;
}

// grads None: each parameter's own .grad. Parameters without a gradient are left out.
PyObject* run_update(const Definition& d, PyObject* params, PyObject* grads, PyObject* states,
                     PyObject* const* numbers, Py_ssize_t count) {
  if (!PyList_Check(states) && !PyTuple_Check(states))
    fail<DTypeError>(d.name, "states must be a sequence of lists of tensors", short_repr(states));
  std::vector<std::vector<Tensor>> in;
  in.push_back(list_of(d.name, params, "params"));
  if (grads != Py_None) {
    in.push_back(list_of(d.name, grads, "grads"));
  } else {
    in.emplace_back();
    for (const Tensor& p : in[0]) in[1].push_back(p ? autodiff::grad_of(p) : Tensor());
  }
  for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(states); ++i)
    in.push_back(list_of(d.name, PySequence_Fast_GET_ITEM(states, i), "a state"));
  for (const auto& list : in)
    if (list.size() != in[0].size())
      fail<ArgumentError>(d.name, "all lists must have one entry per parameter",
                          std::to_string(list.size()) + " for " + std::to_string(in[0].size()));
  // Kept: what has a gradient, moved to the front of every list.
  std::size_t kept = 0;
  for (std::size_t i = 0; i < in[0].size(); ++i) {
    if (!in[1][i]) continue;
    for (auto& list : in) {
      if (!list[i])
        fail<ArgumentError>(d.name, "a parameter or its state is None",
                            "entry " + std::to_string(i));
      if (kept != i) list[kept] = std::move(list[i]);
    }
    ++kept;
  }
  for (auto& list : in) list.resize(kept);
  std::vector<double> values;
  for (Py_ssize_t i = 0; i < count; ++i) {
    const double x = PyFloat_AsDouble(numbers[i]);
    if (x == -1.0 && PyErr_Occurred()) {
      PyErr_Clear();
      fail<DTypeError>(d.name, "the numbers must be numbers",
                       short_repr(numbers[i]) + " (" + type_name(numbers[i]) + ")");
    }
    values.push_back(x);
  }
  if (!in[0].empty()) ops::update(d.id, in, values);
  return none();
}
PyObject* fast_update(const Definition& d, PyObject* const* args, Py_ssize_t n) {
  return n < 3 ? nullptr : run_update(d, args[0], args[1], args[2], args + 3, n - 3);
}
PyObject* update(Args& a) {
  PyObject* rest = a.rest();
  return run_update(a.definition(), a.object("params"), a.object("grads"), a.object("states"),
                    rest ? PySequence_Fast_ITEMS(rest) : nullptr,
                    rest ? PyTuple_GET_SIZE(rest) : 0);
}
std::string update_doc(const Definition& d) {
  return "The step of an optimiser over all parameters in one pass, in place; its formula stands "
         "in ops/pointwise.hpp.\n\ngrads None takes each .grad; parameters without one are left "
         "as they are.\nShapes: states as their parameters. dtypes: floating. Subnormal numbers "
         "count as zero.\n\nRaises: ArgumentError, DTypeError, ShapeError for lists that do not "
         "fit; "
         "nothing is written then.\n\nExample:\n    >>> nnx._nnx." +
         std::string(d.name) + "([], [], [])\n";
}

PyObject* zero_grad(Args& a) {
  const bool to_none = a.flag("set_to_none", true);
  for (const Tensor& p : list_of(a.op(), a.object("params"), "params")) {
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

const Definition kZeroGrad{
    "zero_grad", "(params: Sequence[Tensor], set_to_none: bool = True) -> None",
    R"(Clears .grad of all parameters; set_to_none=False fills them with zeros.

Example:
    >>> p = nnx.ones(2, requires_grad=True); p.sum().backward(); nnx._nnx.zero_grad([p]); p.grad is None
    True
)",
    zero_grad};

}  // namespace

void declare_training(PyObject* module) {
  const auto& list = ops::declarations();
  for (std::size_t i = 0; i < list.size(); ++i) {
    const Declaration& d = list[i];
    Definition f{.name = d.name, .signature = nullptr, .doc = nullptr, .implementation = nullptr};
    f.id = static_cast<int>(i);
    if (d.loss) {
      std::string text = "(input: TensorLike, target: TensorLike, reduction: str = 'mean'";
      for (const Number& number : numbers_of(d.name)) text += ", " + number.text();
      f.signature = stored(text + ") -> Tensor");
      f.implementation = loss;
      f.fast = fast_loss;
      f.make_doc = loss_doc;
    } else if (d.rule == Rule::update) {
      f.signature =
          "(params: Sequence[Tensor], grads: Sequence[Tensor | None] | None, states: "
          "Sequence[Sequence[Tensor]], *numbers: float) -> None";
      f.implementation = update;
      f.fast = fast_update;
      f.make_doc = update_doc;
    } else {
      continue;
    }
    declare(module, keep(f));
  }
  declare(module, kZeroGrad);
}

}  // namespace nnx::bind
