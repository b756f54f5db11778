// Random numbers for Python: the class Generator and the functions that draw. See random.hpp.
#include "bind/random.hpp"

#include <cmath>
#include <limits>

#include "autodiff/autodiff.hpp"
#include "bind/convert.hpp"
#include "bind/from_python.hpp"
#include "bind/function.hpp"
#include "bind/small_type.hpp"
#include "bind/tensor_type.hpp"
#include "bind/types.hpp"
#include "ops/lanes.hpp"

namespace nnx::bind {

using namespace core;
namespace pw = nnx::pointwise;

namespace {

struct GeneratorObject {
  PyObject_HEAD runtime::Generator* generator;
  bool owned;
};
PyTypeObject* g_type;

runtime::Generator& in(PyObject* o) { return *reinterpret_cast<GeneratorObject*>(o)->generator; }

std::uint64_t seed_of(PyObject* o, const char* op) {
  const Scalar s = PyBool_Check(o)    ? Scalar()
                   : PyIndex_Check(o) ? scalar_of(own(PyNumber_Index(o)).get())
                                      : Scalar();
  if (s.kind != Scalar::Kind::integer && s.kind != Scalar::Kind::unsigned_integer)
    fail<DTypeError>(op, "seed must be an int", short_repr(o) + " (" + type_name(o) + ")");
  return s.u;
}

Object wrap_generator(runtime::Generator* g, bool owned) {
  auto* o = PyObject_New(GeneratorObject, g_type);
  if (!o) {
    if (owned) delete g;
    throw PythonError();
  }
  o->generator = g;
  o->owned = owned;
  return Object(reinterpret_cast<PyObject*>(o));
}

PyObject* generator_new(PyTypeObject*, PyObject* args, PyObject* keywords) {
  return guard([&] {
    PyObject* device = nullptr;
    static const char* names[] = {"device", nullptr};
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "|O", const_cast<char**>(names), &device))
      throw PythonError();
    if (device && device != Py_None && !device_of(device))
      fail<DeviceError>("Generator", "device must be a device or its name", short_repr(device),
                        "seed it with Generator().manual_seed(seed)");
    return wrap_generator(new runtime::Generator, true).release();
  });
}
void generator_dealloc(PyObject* o) {
  PyTypeObject* type = Py_TYPE(o);
  auto* g = reinterpret_cast<GeneratorObject*>(o);
  if (g->owned) delete g->generator;
  type->tp_free(o);
  Py_DECREF(type);
}
PyObject* generator_seed(PyObject* o, PyObject*) {
  return PyLong_FromUnsignedLongLong(in(o).seed());
}
PyObject* generator_initial_seed(PyObject* o, PyObject*) {
  return PyLong_FromUnsignedLongLong(in(o).initial_seed());
}
PyObject* generator_manual_seed(PyObject* o, PyObject* seed) {
  return guard([&] {
    in(o).manual_seed(seed_of(seed, "manual_seed"));
    return Py_NewRef(o);
  });
}
PyObject* generator_get_state(PyObject* o, PyObject*) {
  return guard([&] {
    const auto s = in(o).state();
    Tensor t = ops::empty({2}, DType::uint64);
    t.data<std::uint64_t>()[0] = s.seed;
    t.data<std::uint64_t>()[1] = s.offset;
    return wrap(std::move(t));
  });
}
void set_state(runtime::Generator& g, PyObject* state) {
  const Tensor t = ops::contiguous(tensor_argument(state, "set_state", "state"));
  if (t.dtype() != DType::uint64 || !(t.shape() == Shape{2}))
    fail<ArgumentError>("set_state", "state must be what get_state gave", describe(t));
  g.set_state({t.data<std::uint64_t>()[0], t.data<std::uint64_t>()[1]});
}
PyObject* generator_set_state(PyObject* o, PyObject* state) {
  return guard([&] {
    set_state(in(o), state);
    return Py_NewRef(o);
  });
}
PyObject* generator_copy(PyObject* o, PyObject*) {
  return guard([&] {
    Object made = wrap_generator(new runtime::Generator(0), true);
    in(made.get()).set_state(in(o).state());
    return made.release();
  });
}
PyObject* generator_reduce(PyObject* o, PyObject*) {
  return guard([&] {
    Object state = own(generator_get_state(o, nullptr));
    return own(Py_BuildValue("O()O", Py_TYPE(o), state.get())).release();
  });
}
PyObject* generator_setstate(PyObject* o, PyObject* state) {
  return guard([&] {
    set_state(in(o), state);
    return none();
  });
}
PyObject* generator_device(PyObject*, void*) {
  return guard([&] { return device_object(Device{}).release(); });
}
PyGetSetDef g_properties[] = {
    {"device", generator_device, nullptr,
     "device() -> device\n\nAlways the CPU: numbers are the same on all devices.", nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr},
};
PyMethodDef g_methods[] = {
    {"manual_seed", generator_manual_seed, METH_O,
     "manual_seed(seed: int) -> Generator\n\nStarts the stream of this seed."},
    {"seed", generator_seed, METH_NOARGS,
     "seed() -> int\n\nStarts the stream of a seed from the system, and returns it."},
    {"initial_seed", generator_initial_seed, METH_NOARGS, "initial_seed() -> int\n\nThe seed."},
    {"get_state", generator_get_state, METH_NOARGS,
     "get_state() -> Tensor\n\nSeed and position, for set_state."},
    {"set_state", generator_set_state, METH_O,
     "set_state(state: Tensor) -> Generator\n\nContinues where get_state was called."},
    {"clone_state", generator_copy, METH_NOARGS,
     "clone_state() -> Generator\n\nAnother generator at the same place."},
    {"__copy__", generator_copy, METH_NOARGS, nullptr},
    {"__deepcopy__", generator_copy, METH_O, nullptr},
    {"__reduce__", generator_reduce, METH_NOARGS, nullptr},
    {"__setstate__", generator_setstate, METH_O, nullptr},
    {nullptr, nullptr, 0, nullptr},
};

// --- functions -----------------------------------------------------------------------------------

PyObject* finished(Args& a, Tensor t) {
  if (a.flag("requires_grad", false)) autodiff::set_requires_grad(t, true);
  return give(std::move(t));
}
DType floating_dtype(Args& a, DType otherwise, bool complex = false) {
  const DType t = a.dtype().value_or(otherwise);
  if (!is_floating(t) && !(complex && is_complex(t)))
    fail<DTypeError>(a.op(), "these random numbers are floating", std::string(name_of(t)),
                     "for integers use nnx.randint");
  return t;
}
Shape shape_like(Args& a) { return a.tensor("x").shape(); }
Device device_like(Args& a) { return a.device(a.tensor("x").device()); }
DType dtype_like(Args& a, bool complex = false) {
  const DType t = a.tensor("x").dtype();
  return floating_dtype(a, t, complex);
}

PyObject* rand(Args& a) {
  return finished(
      a, ops::random_uniform(a.rest_dims("shape"), 0, 1, floating_dtype(a, default_dtype()),
                             a.generator(), a.device()));
}
PyObject* randn(Args& a) {
  return finished(
      a, ops::random_normal(a.rest_dims("shape"), 0, 1, floating_dtype(a, default_dtype(), true),
                            a.generator(), a.device()));
}
PyObject* rand_like(Args& a) {
  return finished(
      a, ops::random_uniform(shape_like(a), 0, 1, dtype_like(a), a.generator(), device_like(a)));
}
PyObject* randn_like(Args& a) {
  return finished(a, ops::random_normal(shape_like(a), 0, 1, dtype_like(a, true), a.generator(),
                                        device_like(a)));
}
PyObject* uniform(Args& a) {
  return finished(
      a, ops::random_uniform(a.given("shape") ? a.dims("shape") : Shape{}, a.real("min", 0),
                             a.real("max", 1), floating_dtype(a, default_dtype()), a.generator(),
                             a.device()));
}

PyObject* randint_of(Args& a, const Shape& shape, DType otherwise, Device device) {
  std::int64_t low = 0, high;
  if (a.given("max")) {
    low = a.integer("min");
    high = a.integer("max");
  } else {
    high = a.integer("min");
  }
  const DType t = a.dtype().value_or(otherwise);
  return finished(a, ops::random_integers(shape, low, high, t, a.generator(), device));
}
// randint(high, size), randint(low, high, size), and either with keywords.
PyObject* randint(Args& a) {
  PyObject *low = a.object("min"), *high = a.object("max"), *size = a.object("shape");
  if (!size && high && !is_integer_like(high)) {
    size = high;
    high = nullptr;
  }
  if (!low && high) {  // randint(high=10, size=...)
    low = high;
    high = nullptr;
  }
  if (!low)
    throw CallError(
        error_text(a.op(), "the argument high is missing", {}, "nnx.randint(10, size=(3,))"));
  const std::int64_t first = to_integer(low, a.op(), high && high != Py_None ? "low" : "high");
  const bool both = high && high != Py_None;
  const std::int64_t second = both ? to_integer(high, a.op(), "high") : 0;
  const Shape shape = size && size != Py_None ? to_dims(size, a.op(), "size") : Shape{};
  return finished(
      a, ops::random_integers(shape, both ? first : 0, both ? second : first,
                              a.dtype().value_or(DType::int64), a.generator(), a.device()));
}
PyObject* randint_like(Args& a) {
  return randint_of(a, shape_like(a), a.tensor("x").dtype(), device_like(a));
}

PyObject* randperm(Args& a) {
  const std::int64_t n = a.integer("n");
  if (n < 0) fail<ArgumentError>(a.op(), "n must not be negative", std::to_string(n));
  if (ops::lanes::scope())
    fail<VmapError>(a.op(), "a permutation cannot be drawn for every lane", {},
                    "nnx.argsort(nnx.rand(n)) can, and randomness='same' shares one");
  return finished(a, ops::to_device(ops::astype(runtime::random_permutation(n, a.generator()),
                                                a.dtype().value_or(DType::int64)),
                                    a.device()));
}

PyObject* normal(Args& a) {
  const auto spread = [&](const char* name, double otherwise) -> Operand {
    PyObject* o = a.object(name);
    return o ? a.operand(name) : Operand(otherwise);
  };
  Operand mean = spread("loc", 0), deviation = spread("scale", 1);
  if (!mean.is_tensor() && !deviation.is_tensor()) {
    const Shape shape = a.given("shape") ? a.dims("shape") : Shape{};
    if (!(deviation.scalar.as_double() >= 0))
      fail<ArgumentError>(a.op(), "std must not be negative",
                          std::to_string(deviation.scalar.as_double()));
    return finished(
        a, ops::random_normal(shape, mean.scalar.as_double(), deviation.scalar.as_double(),
                              floating_dtype(a, default_dtype(), true), a.generator(), a.device()));
  }
  const Tensor& pattern = mean.is_tensor() ? mean.tensor : deviation.tensor;
  Shape shape = pattern.shape();
  if (mean.is_tensor() && deviation.is_tensor())
    shape = broadcast(mean.tensor.shape(), deviation.tensor.shape(), a.op());
  if (a.given("shape")) shape = a.dims("shape");
  const DType t = is_differentiable(pattern.dtype()) ? pattern.dtype() : default_dtype();
  const Tensor z =
      ops::random_normal(shape, 0, 1, a.dtype().value_or(t), a.generator(), pattern.device());
  Operand scaled[] = {z, deviation};
  Operand moved[] = {ops::apply(pw::multiply.id, scaled), mean};
  return finished(a, ops::apply(pw::add.id, moved));
}

Tensor bernoulli_of(const Tensor& p, runtime::Generator& g, const char* op) {
  if (!is_floating(p.dtype())) fail<DTypeError>(op, "probabilities must be floating", describe(p));
  ops::GradMode off(false);
  const Tensor bad =
      ops::any(pw::logical_not(pw::logical_and(pw::greater_equal(p, 0.0), pw::less_equal(p, 1.0))));
  if (scalar_value(bad).i) fail<ArgumentError>(op, "probabilities must be in [0, 1]", describe(p));
  return ops::astype(pw::less(ops::random_uniform(p.shape(), 0, 1, p.dtype(), g, p.device()), p),
                     p.dtype());
}
PyObject* bernoulli(Args& a) {
  if (a.given("p")) {
    const Tensor t = a.tensor("x");
    return give(ops::astype(
        ops::random_bernoulli(t.shape(), a.real("p"), a.generator(), t.device()), t.dtype()));
  }
  return give(bernoulli_of(a.tensor("x"), a.generator(), a.op()));
}

// Without replacement: the k smallest of -log(u) / p (Efraimidis and Spirakis, 2006). With, and of
// one: where a uniform number falls among the cumulated probabilities.
PyObject* multinomial(Args& a) {
  ops::GradMode off(false);
  const Tensor p = ops::astype(a.tensor("x"), DType::float64);
  const std::int64_t k = a.integer("num_samples");
  const bool replacement = a.flag("replacement", false);
  if (p.rank() < 1 || p.rank() > 2 || p.shape(-1) == 0)
    fail<ShapeError>(a.op(), "weights must be (classes,) or (rows, classes)", describe(p));
  if (k < 1) fail<ArgumentError>(a.op(), "num_samples must be at least 1", std::to_string(k));
  const Tensor fine = pw::logical_and(pw::isfinite(p), pw::greater_equal(p, 0.0));
  if (!scalar_value(ops::all(fine)).i)
    fail<ArgumentError>(a.op(), "weights must be finite and not negative", describe(p));
  const Tensor positive = ops::sum(pw::greater(p, 0.0), Dims{-1});
  const std::int64_t needed = replacement ? 1 : k;
  if (p.numel() && scalar_value(ops::min(positive)).i < needed)
    fail<ArgumentError>(a.op(),
                        replacement ? "every row needs a weight above 0"
                                    : "every row needs num_samples weights above 0",
                        "num_samples " + std::to_string(k));
  if (!replacement && k > 1) {
    const Tensor u =
        ops::random_uniform(p.shape(), 0, 1, DType::float64, a.generator(), p.device());
    const Tensor key = pw::divide(pw::negative(pw::log1p(pw::negative(u))), p);
    return give(ops::topk(key, k, -1, false).second);
  }
  Shape shape = p.shape();
  shape.back() = k;
  const Tensor c = ops::cumsum(p, -1, std::nullopt);
  const Tensor total = ops::slice(c, -1, p.shape(-1) - 1, 1, 1);
  const Tensor u = pw::multiply(
      ops::random_uniform(shape, 0, 1, DType::float64, a.generator(), p.device()), total);
  // Rounding may put u on the last step; classes without weight are never chosen.
  const Tensor last = ops::searchsorted(c, total, false, a.op());
  return give(pw::minimum(ops::searchsorted(c, u, true, a.op()), last));
}

PyObject* manual_seed(Args& a) {
  runtime::manual_seed(seed_of(a.object("seed"), a.op()));
  Object g = attribute(import_module("nnx").get(), "default_generator");
  return g.release();
}
PyObject* seed(Args&) { return PyLong_FromUnsignedLongLong(runtime::default_generator().seed()); }
PyObject* initial_seed(Args&) {
  return PyLong_FromUnsignedLongLong(runtime::default_generator().initial_seed());
}
PyObject* get_rng_state(Args&) {
  Object g = wrap_generator(&runtime::default_generator(), false);
  return own(generator_get_state(g.get(), nullptr)).release();
}
PyObject* set_rng_state(Args& a) {
  set_state(runtime::default_generator(), a.object("state"));
  return none();
}

// --- in place ----------------------------------------------------------------------------------

PyObject* overwrite(Args& a, const Tensor& values) {
  ops::assign(a.self_tensor(), values);
  return Py_NewRef(a.self());
}
DType draw_dtype(Args& a, bool complex = false) {
  const DType t = a.self_tensor().dtype();
  if (!is_floating(t) && !(complex && is_complex(t)))
    fail<DTypeError>(a.op(), "only floating tensors hold these numbers", describe(a.self_tensor()));
  return t;
}
PyObject* normal_(Args& a) {
  const double deviation = a.real("scale", 1);
  if (!(deviation >= 0))
    fail<ArgumentError>(a.op(), "std must not be negative", std::to_string(deviation));
  return overwrite(
      a, ops::random_normal(a.self_tensor().shape(), a.real("loc", 0), deviation,
                            draw_dtype(a, true), a.generator(), a.self_tensor().device()));
}
PyObject* uniform_(Args& a) {
  return overwrite(a,
                   ops::random_uniform(a.self_tensor().shape(), a.real("min", 0), a.real("max", 1),
                                       draw_dtype(a), a.generator(), a.self_tensor().device()));
}
PyObject* bernoulli_(Args& a) {
  PyObject* p = a.object("p");
  if (p && is_tensor(p))
    return overwrite(
        a, bernoulli_of(ops::expand(unwrap(p), a.self_tensor().shape()), a.generator(), a.op()));
  return overwrite(a, ops::random_bernoulli(a.self_tensor().shape(), a.real("p", 0.5),
                                            a.generator(), a.self_tensor().device()));
}
PyObject* random_(Args& a) {
  const Tensor& t = a.self_tensor();
  std::int64_t low = 0, high = 0;
  if (a.given("max")) {
    low = a.integer("min");
    high = a.integer("max");
  } else if (a.given("min")) {
    high = a.integer("min");
  } else {
    const int digits = is_floating(t.dtype()) ? (t.dtype() == DType::float64   ? 53
                                                 : t.dtype() == DType::float32 ? 24
                                                 : t.dtype() == DType::float16 ? 11
                                                                               : 8)
                       : t.dtype() == DType::boolean
                           ? 1
                           : std::min<int>(62, 8 * static_cast<int>(size_of(t.dtype())) - 1);
    high = std::int64_t{1} << digits;
  }
  return overwrite(a, ops::random_integers(t.shape(), low, high, DType::int64, a.generator(),
                                           a.self_tensor().device()));
}
PyObject* exponential_(Args& a) {
  const double rate = a.real("lambd", 1);
  if (!(rate > 0)) fail<ArgumentError>(a.op(), "lambd must be above 0", std::to_string(rate));
  ops::GradMode off(false);
  const Tensor u = ops::random_uniform(a.self_tensor().shape(), 0, 1, draw_dtype(a), a.generator(),
                                       a.self_tensor().device());
  return overwrite(a, pw::divide(pw::negative(pw::log1p(pw::negative(u))), rate));
}

const Definition kDefinitions[] = {
    {"rand",
     "(*size: ShapeLike, "
     "dtype: DTypeLike | None = None, device: DeviceLike | None = None, "
     "requires_grad: bool = False, generator: Generator | None = None) -> Tensor",
     R"(Uniform numbers in [0, 1).

Shapes: the sizes given, as several ints or one tuple.

Raises: DTypeError for integer dtypes; ShapeError for negative sizes.

Source: Philox4x32-10, Salmon et al., SC11 (2011); the same numbers on every machine.

Example:
    >>> _ = nnx.manual_seed(0)
    >>> nnx.rand(2, 3).shape
    (2, 3)
)",
     rand},
    {"randn",
     "(*size: ShapeLike, "
     "dtype: DTypeLike | None = None, device: DeviceLike | None = None, "
     "requires_grad: bool = False, generator: Generator | None = None) -> Tensor",
     R"(Standard normal numbers.

Shapes: the sizes given, as several ints or one tuple.

Raises: DTypeError for integer dtypes; ShapeError for negative sizes.

Source: Philox4x32-10 (Salmon et al., SC11) with the Box-Muller transform.

Example:
    >>> nnx.randn(4).shape
    (4,)
)",
     randn},
    {"rand_like",
     "(x: TensorLike, *, "
     "dtype: DTypeLike | None = None, device: DeviceLike | None = None, "
     "requires_grad: bool = False, generator: Generator | None = None) -> Tensor",
     R"(Uniform numbers in [0, 1), of the shape and dtype of x.

Example:
    >>> nnx.rand_like(nnx.zeros((2, 2))).shape
    (2, 2)
)",
     rand_like},
    {"randn_like",
     "(x: TensorLike, *, "
     "dtype: DTypeLike | None = None, device: DeviceLike | None = None, "
     "requires_grad: bool = False, generator: Generator | None = None) -> Tensor",
     R"(Standard normal numbers, of the shape and dtype of x.

Example:
    >>> nnx.randn_like(nnx.zeros((2, 2))).shape
    (2, 2)
)",
     randn_like},
    {"uniform",
     "(low: float = 0.0, high: float = 1.0, size: ShapeLike | None = None, *, "
     "dtype: DTypeLike | None = None, device: DeviceLike | None = None, "
     "requires_grad: bool = False, generator: Generator | None = None) -> Tensor",
     R"(Uniform numbers in [low, high).

Raises: ArgumentError if low > high or either is not finite.

Example:
    >>> nnx.uniform(-1, 1, (3,)).shape
    (3,)
)",
     uniform},
    {"normal",
     "(loc: TensorLike = 0.0, scale: TensorLike = 1.0, size: ShapeLike | None = None, *, "
     "dtype: DTypeLike | None = None, device: DeviceLike | None = None, "
     "requires_grad: bool = False, generator: Generator | None = None) -> Tensor",
     R"(Normal numbers of mean `loc` (also: mean) and standard deviation `scale` (also: std).

Shapes: size, or that of loc and scale broadcast. Gradients pass to loc and scale.

Raises: ArgumentError for a negative deviation.

Example:
    >>> nnx.normal(0.0, 1.0, (3,)).shape
    (3,)
)",
     normal},
    {"randint",
     "(low: Any = None, high: Any = None, size: Any = None, *, "
     "dtype: DTypeLike | None = None, device: DeviceLike | None = None, "
     "requires_grad: bool = False, generator: Generator | None = None) -> Tensor",
     R"(Integers in [low, high), or in [0, low) when only one number is given.

nnx.randint(high, size), nnx.randint(low, high, size). dtype: int64 unless given.

Raises: ArgumentError for an empty range.

Example:
    >>> nnx.randint(0, 10, (3,)).dtype
    nnx.int64
)",
     randint},
    {"randint_like",
     "(x: TensorLike, low: int, high: int | None = None, *, "
     "dtype: DTypeLike | None = None, device: DeviceLike | None = None, "
     "requires_grad: bool = False, generator: Generator | None = None) -> Tensor",
     R"(Integers in [low, high) of the shape and dtype of x.

Example:
    >>> nnx.randint_like(nnx.zeros(3), 10).shape
    (3,)
)",
     randint_like},
    {"randperm",
     "(n: int, *, "
     "dtype: DTypeLike | None = None, device: DeviceLike | None = None, "
     "requires_grad: bool = False, generator: Generator | None = None) -> Tensor",
     R"(The integers 0 ... n - 1 in random order.

Raises: ArgumentError for a negative n.

Example:
    >>> sorted(nnx.randperm(4).tolist())
    [0, 1, 2, 3]
)",
     randperm},
    {"bernoulli",
     "(x: TensorLike, p: float | None = None, *, generator: Generator | None = None) -> Tensor",
     R"(1 with probability x (element by element; or p), else 0.

Raises: ArgumentError for probabilities outside [0, 1].

Example:
    >>> nnx.bernoulli(nnx.tensor([0.0, 1.0])).tolist()
    [0.0, 1.0]
)",
     bernoulli},
    {"multinomial",
     "(x: TensorLike, num_samples: int, replacement: bool = False, *, generator: Generator | None "
     "= None) -> Tensor",
     R"(Draws classes with probabilities in proportion to the weights x.

Shapes: x (classes,) or (rows, classes) -> (num_samples,) or (rows, num_samples), int64.

Raises: ArgumentError for negative weights, or fewer positive weights than draws without replacement.

Source: Efraimidis and Spirakis, Information Processing Letters 97 (2006), for draws without replacement.

Example:
    >>> nnx.multinomial(nnx.tensor([0.0, 1.0, 0.0]), 1).tolist()
    [1]
)",
     multinomial},
    {"manual_seed", "(seed: int) -> Generator",
     R"(Seeds the generator of all calls that name none; the same seed gives the same numbers.

Example:
    >>> _ = nnx.manual_seed(1); a = nnx.rand(3)
    >>> _ = nnx.manual_seed(1); bool((a == nnx.rand(3)).all())
    True
)",
     manual_seed},
    {"seed", "() -> int",
     R"(Seeds the default generator from the system and returns the seed.

Example:
    >>> nnx.seed() == nnx.initial_seed()
    True
)",
     seed},
    {"initial_seed", "() -> int",
     R"(The seed of the default generator.

Example:
    >>> _ = nnx.manual_seed(5); nnx.initial_seed()
    5
)",
     initial_seed},
    {"get_rng_state", "() -> Tensor",
     R"(Seed and position of the default generator, for set_rng_state.

Example:
    >>> s = nnx.get_rng_state(); a = nnx.rand(2)
    >>> nnx.set_rng_state(s); bool((a == nnx.rand(2)).all())
    True
)",
     get_rng_state},
    {"set_rng_state", "(state: Tensor) -> None",
     R"(Continues the default generator where get_rng_state was called.

Example:
    >>> nnx.set_rng_state(nnx.get_rng_state())
)",
     set_rng_state},
    {"normal_",
     "(mean: float = 0.0, std: float = 1.0, *, generator: Generator | None = None) -> Tensor",
     "Fills the tensor with normal numbers.", normal_, Role::method},
    {"uniform_",
     "(from_: float = 0.0, to: float = 1.0, *, generator: Generator | None = None) -> Tensor",
     "Fills the tensor with uniform numbers in [from, to).", uniform_, Role::method},
    {"bernoulli_", "(p: TensorLike = 0.5, *, generator: Generator | None = None) -> Tensor",
     "Fills the tensor with ones of probability p, else zeros.", bernoulli_, Role::method},
    {"bernoulli", "(p: float | None = None, *, generator: Generator | None = None) -> Tensor",
     "1 with the probability that the element is (or p), else 0.", bernoulli, Role::method},
    {"multinomial",
     "(num_samples: int, replacement: bool = False, *, generator: Generator | None = None) -> "
     "Tensor",
     "As nnx.multinomial.", multinomial, Role::method},
    {"random_",
     "(from_: int | None = None, to: int | None = None, *, generator: Generator | None = None) -> "
     "Tensor",
     "Fills the tensor with integers in [from, to), [0, from), or all that the dtype holds "
     "exactly.",
     random_, Role::method},
    {"exponential_", "(lambd: float = 1.0, *, generator: Generator | None = None) -> Tensor",
     "Fills the tensor with exponentially distributed numbers of rate lambd.", exponential_,
     Role::method},
};

}  // namespace

runtime::Generator& generator_of(PyObject* o, const char* op) {
  if (!o || o == Py_None) return runtime::default_generator();
  if (Py_TYPE(o) != g_type)
    fail<DTypeError>(op, "generator must be an nnx.Generator",
                     short_repr(o) + " (" + type_name(o) + ")",
                     "make one: nnx.Generator().manual_seed(0)");
  return in(o);
}

void add_generator_type(PyObject* module) {
  g_type =
      make_type("nnx.Generator", sizeof(GeneratorObject), 0, nullptr,
                {{Py_tp_new, slot(generator_new)},
                 {Py_tp_dealloc, slot(generator_dealloc)},
                 {Py_tp_methods, g_methods},
                 {Py_tp_getset, g_properties},
                 {Py_tp_doc,
                  const_cast<char*>(
                      "A stream of random numbers of its own.\n\nExample:\n"
                      "    >>> g = nnx.Generator().manual_seed(3)\n"
                      "    >>> h = nnx.Generator().manual_seed(3)\n"
                      "    >>> bool((nnx.rand(4, generator=g) == nnx.rand(4, generator=h)).all())\n"
                      "    True\n")}});
  checked(PyModule_AddObjectRef(module, "Generator", reinterpret_cast<PyObject*>(g_type)));
  Object standard = wrap_generator(&runtime::default_generator(), false);
  checked(PyModule_AddObjectRef(module, "default_generator", standard.get()));
}

void declare_random(PyObject* module) {
  for (const Definition& d : kDefinitions) declare(module, d);
}

}  // namespace nnx::bind
