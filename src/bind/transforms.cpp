// What nnx.transforms, checkpoint, detect_anomaly and graph are written with: lanes of vmap, the
// recorded graph, values computed again. Not public names.
#include "autodiff/autodiff.hpp"
#include "bind/autodiff.hpp"
#include "bind/convert.hpp"
#include "bind/function.hpp"
#include "bind/tensor_type.hpp"
#include "ops/lanes.hpp"

namespace nnx::bind {

using namespace core;

namespace {

PyObject* lanes_in(Args& a) {
  return give(ops::lanes_in(a.tensor("x"), a.integer("axis"), a.integer("level")));
}
PyObject* lanes_out(Args& a) {
  return give(
      ops::lanes_out(a.tensor("x"), a.integer("axis"), a.integer("level"), a.integer("size")));
}
PyObject* spread(Args& a) { return give(ops::spread(a.tensor("x"), a.tensor_or_none("like"))); }
PyObject* lane_values(Args& a) {
  const ops::GradMode off(false);
  return give(ops::lanes::values(a.tensor("x")));
}
PyObject* enter_lanes(Args& a) {
  ops::lanes::enter_scope(a.integer("level"), a.integer("size"), a.flag("draws_differ", true));
  return none();
}
PyObject* leave_lanes(Args&) {
  ops::lanes::leave_scope();
  return none();
}

PyObject* depends_on_others(Args& a) {
  return boolean(autodiff::depends_on_others(a.tensors("roots"), a.tensors("leaves")));
}
PyObject* largest_value(Args& a) {
  return PyLong_FromLongLong(autodiff::largest_value(a.tensors("roots")));
}

Object shape_tuple(const Shape& s) {
  Object t = own(PyTuple_New(s.size()));
  for (int i = 0; i < s.size(); ++i) PyTuple_SET_ITEM(t.get(), i, PyLong_FromLongLong(s[i]));
  return t;
}

PyObject* graph(Args& a) {
  Object list = own(PyList_New(0));
  for (auto& n : autodiff::graph(a.tensors("roots"))) {
    Object inputs = own(PyList_New(0));
    for (const auto& e : n.inputs) {
      const std::string dtype(name_of(e.dtype));
      Object shape = shape_tuple(e.shape);
      Object edge = own(Py_BuildValue("(KIOs)", static_cast<unsigned long long>(e.source), e.output,
                                      shape.get(), dtype.c_str()));
      checked(PyList_Append(inputs.get(), edge.get()));
    }
    Object leaf = own(wrap(n.leaf));
    Object node = own(Py_BuildValue("(KsOO)", static_cast<unsigned long long>(n.id), n.name.c_str(),
                                    leaf.get(), inputs.get()));
    checked(PyList_Append(list.get(), node.get()));
  }
  return list.release();
}
PyObject* producer_ids(Args& a) {
  Object list = own(PyList_New(0));
  for (const auto id : autodiff::producer_ids(a.tensors("roots"))) {
    Object number = own(PyLong_FromUnsignedLongLong(id));
    checked(PyList_Append(list.get(), number.get()));
  }
  return list.release();
}

PyObject* graph_position(Args&) { return PyLong_FromUnsignedLongLong(autodiff::graph_position()); }
PyObject* forget(Args& a) {
  auto function = std::make_shared<Keeper>(a.object("again"));
  auto again = [function] {
    const HoldGil gil;
    Object f = Object::borrow(function->get());
    Object answer = own(PyObject_CallNoArgs(f.get()));
    Object items = own(PySequence_Fast(answer.get(), "a sequence is needed"));
    std::vector<Tensor> outputs;
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(items.get()); ++i) {
      PyObject* y = PySequence_Fast_GET_ITEM(items.get(), i);
      if (!is_tensor(y)) fail<DTypeError>("checkpoint", "needs tensors", short_repr(y));
      outputs.push_back(unwrap(y));
    }
    return outputs;
  };
  autodiff::forget(a.tensors("outputs"), a.tensors("inputs"),
                   static_cast<std::uint64_t>(a.integer("position")), std::move(again));
  return none();
}

PyObject* begin_anomaly(Args& a) {
  auto function = std::make_shared<Keeper>(a.object("place"));
  auto place = [function] {
    const HoldGil gil;
    Object f = Object::borrow(function->get());
    Object answer = own(PyObject_CallNoArgs(f.get()));
    return std::string(view_text(answer.get()));
  };
  autodiff::begin_anomaly(std::move(place), a.flag("nan", true), a.flag("infinity", false));
  return none();
}
PyObject* end_anomaly(Args&) {
  autodiff::end_anomaly();
  return none();
}

const Definition kDefinitions[] = {
    {"_lanes_in", "(x: Tensor, axis: int, level: int) -> Tensor",
     "x with an axis as the lanes of a vmap; see ops/lanes.hpp.", lanes_in},
    {"_lanes_out", "(x: Tensor, axis: int, level: int, size: int) -> Tensor",
     "The lanes of a vmap as an axis.", lanes_out},
    {"_spread", "(x: Tensor, like: Tensor | None = None) -> Tensor",
     "x with the lanes of like, or of every vmap around.", spread},
    {"_lane_values", "(x: Tensor) -> Tensor",
     "The values of all lanes, to check them; x itself outside vmap.", lane_values},
    {"_enter_lanes", "(level: int, size: int, draws_differ: bool) -> None",
     "A vmap begins; draws_differ says whether random numbers are drawn for every lane.",
     enter_lanes},
    {"_leave_lanes", "() -> None", "The innermost vmap ends.", leave_lanes},
    {"_depends_on_others", "(roots: Sequence[Tensor], leaves: Sequence[Tensor]) -> bool",
     "Whether roots depend on a followed tensor that is none of leaves.", depends_on_others},
    {"_largest_value", "(roots: Sequence[Tensor]) -> int",
     "Elements of the largest value in the graph of roots.", largest_value},
    {"_graph",
     "(roots: Sequence[Tensor]) -> list[tuple[int, str, Tensor | None, list[tuple[int, int, "
     "tuple[int, ...], str]]]]",
     "Nodes that roots depend on: (id, name, leaf, [(source, its output, shape, dtype)]).", graph},
    {"_producer_ids", "(roots: Sequence[Tensor]) -> list[int]",
     "Ids of the nodes that made tensors, 0 outside the graph.", producer_ids},
    {"_graph_position", "() -> int", "A number that nodes made later are above.", graph_position},
    {"_forget",
     "(outputs: Sequence[Tensor], inputs: Sequence[Tensor], position: int, again: Callable[[], "
     "Sequence[Tensor]]) -> None",
     "Frees what nodes made since position keep; again() makes it once more.", forget},
    {"_begin_anomaly", "(place: Callable[[], str], nan: bool, infinity: bool) -> None",
     "Looks at every result from now on.", begin_anomaly},
    {"_end_anomaly", "() -> None", "Ends the last _begin_anomaly.", end_anomaly},
};

}  // namespace

void declare_transforms(PyObject* module) {
  for (const Definition& d : kDefinitions) declare(module, d);
}

}  // namespace nnx::bind
