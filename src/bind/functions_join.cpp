// Joining and splitting.
#include <algorithm>

#include "bind/families.hpp"
#include "bind/from_python.hpp"
#include "bind/function.hpp"
#include "bind/tensor_type.hpp"
#include "bind/types.hpp"

namespace nnx::bind {

using namespace core;

namespace {

PyObject* concatenate(Args& a) {
  std::vector<Tensor> parts = a.tensors("tensors");
  PyObject* axis = a.object("axis");
  if (axis == Py_None) {
    for (Tensor& t : parts) t = ops::reshape(t, Shape{-1});
    return give(ops::concatenate(parts, 0));
  }
  return give(ops::concatenate(parts, axis ? a.integer("axis") : 0));
}
PyObject* stack(Args& a) { return give(ops::stack(a.tensors("tensors"), a.integer("axis", 0))); }

Tensor with_rank(Tensor t, int rank) {
  while (t.rank() < rank) t = ops::unsqueeze(t, 0);
  return t;
}
PyObject* hstack(Args& a) {
  std::vector<Tensor> parts = a.tensors("tensors");
  for (Tensor& t : parts) t = with_rank(t, 1);
  return give(ops::concatenate(parts, !parts.empty() && parts[0].rank() > 1 ? 1 : 0));
}
PyObject* vstack(Args& a) {
  std::vector<Tensor> parts = a.tensors("tensors");
  for (Tensor& t : parts) t = with_rank(t, 2);
  return give(ops::concatenate(parts, 0));
}
PyObject* dstack(Args& a) {
  std::vector<Tensor> parts = a.tensors("tensors");
  for (Tensor& t : parts) {
    t = with_rank(t, 2);
    if (t.rank() == 2) t = ops::unsqueeze(t, 2);
  }
  return give(ops::concatenate(parts, 2));
}
PyObject* column_stack(Args& a) {
  std::vector<Tensor> parts = a.tensors("tensors");
  for (Tensor& t : parts)
    if (t.rank() < 2) t = ops::reshape(t, Shape{t.numel(), 1});
  return give(ops::concatenate(parts, 1));
}

// Parts between the cuts.
std::vector<Tensor> cut(const Tensor& x, int axis, const std::vector<std::int64_t>& cuts) {
  std::vector<Tensor> out;
  std::int64_t start = 0;
  const std::int64_t n = x.shape(axis);
  const auto inside = [&](std::int64_t c) {
    return std::clamp<std::int64_t>(c < 0 ? c + n : c, 0, n);
  };
  for (const std::int64_t c : cuts) {
    const std::int64_t stop = inside(c);
    out.push_back(
        ops::slice(x, axis, std::min(start, n), std::max<std::int64_t>(stop - start, 0), 1));
    start = stop;
  }
  out.push_back(ops::slice(x, axis, start, n - start, 1));
  return out;
}
constexpr std::int64_t kMostParts = 1 << 24;

// NumPy's: a number of sections, or where to cut.
PyObject* split_sections(Args& a) {
  const Tensor x = a.tensor("x");
  const int axis = normal_axis(a.integer("axis", 0), x.rank(), a.op());
  PyObject* o = a.object("indices");
  const bool equal = std::string_view(a.op()) == "split";
  std::vector<std::int64_t> cuts;
  if (is_integer_like(o)) {
    const std::int64_t parts = to_integer(o, a.op(), "indices_or_sections"), n = x.shape(axis);
    if (parts < 1 || parts > kMostParts)
      fail<ArgumentError>(a.op(), "the number of sections must be at least 1",
                          std::to_string(parts));
    if (equal && n % parts != 0)
      fail<ShapeError>(a.op(), "the axis must divide into equal sections",
                       std::to_string(n) + " into " + std::to_string(parts),
                       "use nnx.array_split or x.split(size)");
    std::int64_t at = 0;
    for (std::int64_t i = 0; i + 1 < parts; ++i) cuts.push_back(at += n / parts + (i < n % parts));
  } else {
    Object list = sequence_of(o, a.op(), "indices_or_sections");
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(list.get()); ++i)
      cuts.push_back(to_integer(PySequence_Fast_GET_ITEM(list.get(), i), a.op(), "indices"));
  }
  return give(cut(x, axis, cuts), false);
}

// PyTorch's: the size of a chunk, or all sizes.
PyObject* split_method(Args& a) {
  const Tensor x = a.tensor("x");
  const int axis = normal_axis(a.integer("axis", 0), x.rank(), a.op());
  const std::int64_t n = x.shape(axis);
  PyObject* o = a.object("indices");
  std::vector<std::int64_t> cuts;
  if (is_integer_like(o)) {
    const std::int64_t size = to_integer(o, a.op(), "split_size");
    if (size < 1 || n / size > kMostParts)
      fail<ArgumentError>(a.op(), "split_size must be at least 1", std::to_string(size));
    for (std::int64_t at = size; at < n; at += size) cuts.push_back(at);
    return give(cut(x, axis, cuts));
  }
  Object list = own(PySequence_Fast(o, "split_size must be an int or a sequence of ints"));
  std::int64_t at = 0;
  for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(list.get()); ++i) {
    const std::int64_t size =
        to_integer(PySequence_Fast_GET_ITEM(list.get(), i), a.op(), "split sizes");
    if (size < 0 || size > n - at)
      fail<ShapeError>(a.op(), "the sizes must add up to the length of the axis",
                       short_repr(o) + " of " + std::to_string(n));
    cuts.push_back(at += size);
  }
  if (at != n)
    fail<ShapeError>(a.op(), "the sizes must add up to the length of the axis",
                     short_repr(o) + " of " + std::to_string(n));
  if (!cuts.empty()) cuts.pop_back();
  return give(cut(x, axis, cuts));
}

PyObject* chunk(Args& a) {
  const Tensor x = a.tensor("x");
  const int axis = normal_axis(a.integer("axis", 0), x.rank(), a.op());
  const std::int64_t parts = a.integer("chunks"), n = x.shape(axis);
  if (parts < 1)
    fail<ArgumentError>(a.op(), "the number of chunks must be at least 1", std::to_string(parts));
  const std::int64_t size = std::max<std::int64_t>(1, n / parts + (n % parts != 0));
  std::vector<std::int64_t> cuts;
  for (std::int64_t at = size; at < n; at += size) cuts.push_back(at);
  return give(cut(x, axis, cuts));
}

PyObject* unbind(Args& a) {
  const Tensor x = a.tensor("x");
  const int axis = normal_axis(a.integer("axis", 0), x.rank(), a.op());
  std::vector<Tensor> out;
  for (std::int64_t i = 0; i < x.shape(axis); ++i) out.push_back(ops::select(x, axis, i));
  return give(out);
}

// NumPy's pad widths: n, (before, after), one pair per axis.
PyObject* pad(Args& a) {
  static constexpr std::string_view kBorders[] = {"edge", "reflect", "symmetric", "wrap"};
  const Tensor x = a.tensor("x");
  const std::string mode = a.string("mode", "constant");
  const auto border = std::find(std::begin(kBorders), std::end(kBorders), mode);
  if (mode != "constant" && border == std::end(kBorders))
    fail<ArgumentError>(a.op(), "mode must be 'constant', 'edge', 'reflect', 'symmetric' or 'wrap'",
                        mode);
  PyObject* o = a.object("pad_width");
  Dims before, after;
  if (is_integer_like(o)) {
    before = after = Dims::filled(x.rank(), to_integer(o, a.op(), "pad_width"));
  } else {
    Object list = own(PySequence_Fast(o, "pad_width must be an int or pairs of ints"));
    const Py_ssize_t n = PySequence_Fast_GET_SIZE(list.get());
    const bool pairs = n > 0 && !is_integer_like(PySequence_Fast_GET_ITEM(list.get(), 0));
    if (pairs && n != 1 && n != x.rank())
      fail<ShapeError>(a.op(), "pad_width must have one pair per axis",
                       short_repr(o) + " for " + describe(x));
    for (int i = 0; i < x.rank(); ++i) {
      const Dims d =
          pairs ? to_dims(PySequence_Fast_GET_ITEM(list.get(), n == 1 ? 0 : i), a.op(), "pad_width")
                : to_dims(list.get(), a.op(), "pad_width");
      if (d.empty() || d.size() > 2)
        fail<ShapeError>(a.op(), "a pad width is (before, after)", short_repr(o));
      before.push_back(d[0]);
      after.push_back(d.back());
    }
  }
  if (border != std::end(kBorders))
    return give(
        ops::pad(x, before, after, static_cast<ops::Border>(border - std::begin(kBorders))));
  return give(ops::pad(x, before, after,
                       a.given("constant_values") ? a.scalar("constant_values") : Scalar(0)));
}

PyObject* diff(Args& a) {
  Tensor x = a.tensor("x");
  const int axis = normal_axis(a.integer("axis", -1), x.rank(), a.op());
  const std::int64_t n = a.integer("n", 1);
  if (n < 0) fail<ArgumentError>(a.op(), "n must not be negative", std::to_string(n));
  for (std::int64_t i = 0; i < n && x.shape(axis) > 0; ++i) {
    const std::int64_t m = x.shape(axis);
    const Tensor high = ops::slice(x, axis, 1, m - 1, 1), low = ops::slice(x, axis, 0, m - 1, 1);
    x = x.dtype() == DType::boolean ? nnx::pointwise::not_equal(high, low)
                                    : nnx::pointwise::subtract(high, low);
  }
  return give(x);
}

constexpr const char* kList = "(tensors: Sequence[TensorLike]) -> Tensor";

const Definition kDefinitions[] = {
    {"concatenate", "(tensors: Sequence[TensorLike], axis: int | None = 0) -> Tensor",
     R"(Tensors one after the other along an axis; axis=None flattens them first.

Shapes: equal but for that axis. dtypes: promoted.

Raises: ShapeError where the others differ; AxisError for an axis that is not there.

Example:
    >>> nnx.concatenate([nnx.tensor([1, 2]), nnx.tensor([3])])
    tensor([1, 2, 3])
)",
     concatenate},
    {"stack", "(tensors: Sequence[TensorLike], axis: int = 0) -> Tensor",
     R"(Tensors of one shape side by side along a new axis.

Raises: ShapeError for different shapes.

Example:
    >>> nnx.stack([nnx.tensor([1, 2]), nnx.tensor([3, 4])])
    tensor([[1, 2],
            [3, 4]])
)",
     stack},
    {"hstack", kList, R"(Tensors side by side: along the second axis, or the first of vectors.

Example:
    >>> nnx.hstack([nnx.tensor([1]), nnx.tensor([2])])
    tensor([1, 2])
)",
     hstack},
    {"vstack", kList, R"(Tensors on top of each other; vectors are rows.

Example:
    >>> nnx.vstack([nnx.tensor([1, 2]), nnx.tensor([3, 4])])
    tensor([[1, 2],
            [3, 4]])
)",
     vstack},
    {"dstack", kList, R"(Tensors joined along the third axis.

Example:
    >>> nnx.dstack([nnx.zeros(2, 2), nnx.ones(2, 2)]).shape
    (2, 2, 2)
)",
     dstack},
    {"column_stack", kList, R"(Tensors side by side; vectors are columns.

Example:
    >>> nnx.column_stack([nnx.tensor([1, 2]), nnx.tensor([3, 4])])
    tensor([[1, 3],
            [2, 4]])
)",
     column_stack},
    {"split", "(x: TensorLike, indices_or_sections: Any, axis: int = 0) -> list[Tensor]",
     R"(Views of equal sections, or of the parts between cuts, as NumPy's; x.split(size) cuts chunks of a size.

Raises: ShapeError if the axis does not divide.

Example:
    >>> nnx.split(nnx.arange(4), 2)
    [tensor([0, 1]), tensor([2, 3])]
)",
     split_sections},
    {"array_split", "(x: TensorLike, indices_or_sections: Any, axis: int = 0) -> list[Tensor]",
     R"(As nnx.split, with sections that may differ by one.

Example:
    >>> nnx.array_split(nnx.arange(3), 2)
    [tensor([0, 1]), tensor([2])]
)",
     split_sections},
    {"split", "(split_size: Any, dim: int = 0) -> tuple[Tensor, ...]",
     "Views of chunks of a size, or of the sizes listed.", split_method, Role::method},
    {"chunk", "(x: TensorLike, chunks: int, axis: int = 0) -> tuple[Tensor, ...]",
     R"(Views of at most `chunks` chunks of one size (the last may be smaller).

Example:
    >>> nnx.chunk(nnx.arange(3), 2)
    (tensor([0, 1]), tensor([2]))
)",
     chunk},
    {"chunk", "(chunks: int, dim: int = 0) -> tuple[Tensor, ...]",
     "Views of at most `chunks` chunks of one size.", chunk, Role::method},
    {"unbind", "(x: TensorLike, axis: int = 0) -> tuple[Tensor, ...]",
     R"(Views at every index of an axis.

Example:
    >>> nnx.unbind(nnx.tensor([1, 2]))
    (tensor(1), tensor(2))
)",
     unbind},
    {"unbind", "(dim: int = 0) -> tuple[Tensor, ...]", "Views at every index of an axis.", unbind,
     Role::method},
    {"pad",
     "(x: TensorLike, pad_width: Any, mode: str = 'constant', constant_values: Scalar = 0) -> "
     "Tensor",
     R"(Borders: n everywhere, (before, after), or one such pair per axis.

Filled with a constant, or with what the mode repeats: edge the nearest element, reflect the mirrored
tensor without its edge, symmetric with it, wrap the other end.

Raises: ArgumentError for negative widths or another mode; ShapeError where an empty axis would be
    repeated.

Example:
    >>> nnx.pad(nnx.tensor([1, 2]), (1, 2))
    tensor([0, 1, 2, 0, 0])
    >>> nnx.pad(nnx.tensor([1, 2, 3]), 2, mode="reflect")
    tensor([3, 2, 1, 2, 3, 2, 1])
)",
     pad},
    {"diff", "(x: TensorLike, n: int = 1, axis: int = -1) -> Tensor",
     R"(Differences of neighbours along an axis, n times over.

Example:
    >>> nnx.diff(nnx.tensor([1, 4, 9]))
    tensor([3, 5])
)",
     diff},
    {"diff", "(n: int = 1, dim: int = -1) -> Tensor", "Differences of neighbours along an axis.",
     diff, Role::method},
};

}  // namespace

void declare_joining(PyObject* module) {
  for (const Definition& d : kDefinitions) {
    declare(module, d);
    const std::string_view name = d.name;
    if (name == "concatenate")
      for (const char* other : {"concat", "cat"}) declare(module, d, other);
    if (name == "unbind" && d.role == Role::function) declare(module, d, "unstack");
  }
}

}  // namespace nnx::bind
