// The callable type, the signature reader and the argument parser: see function.hpp.
#include "bind/function.hpp"

#include <structmember.h>

#include <algorithm>
#include <deque>

#include "autodiff/autodiff.hpp"
#include "bind/from_python.hpp"
#include "bind/random.hpp"
#include "bind/tensor_type.hpp"
#include "bind/types.hpp"

namespace nnx::bind {

using namespace core;

namespace {

// Keywords that mean the same everywhere, the canonical one first.
constexpr std::string_view kSameKeyword[] = {
    " x input a x1 arr array ary m data obj object ",
    " y other x2 b exponent mat2 vec2 tensor2 v ",
    " axis dim dims axes dimension ",
    " axis1 dim1 ",
    " axis2 dim2 ",
    " keepdims keepdim ",
    " correction ddof ",
    " shape size newshape sizes normalized_shape ",
    " k offset diagonal ",
    " fill_value value ",
    " stop end ",
    " num steps ",
    " min a_min lo low from from_ ",
    " max a_max hi high to ",
    " tensors arrays seq inputs tup ",
    " repeats reps ",
    " order p ord ",
    " indices index indices_or_sections split_size_or_sections split_size sections ",
    " shift shifts ",
    " loc mean ",
    " scale std ",
    " target labels ",
    " retain_graph retain_variables ",
    " values src source ",
};

std::string_view trimmed(std::string_view s) {
  while (!s.empty() && (s.front() == ' ' || s.front() == '\n')) s.remove_prefix(1);
  while (!s.empty() && (s.back() == ' ' || s.back() == '\n')) s.remove_suffix(1);
  return s;
}

// The parts between top-level commas of "(...)", and what follows the closing bracket.
std::vector<std::string_view> split_parameters(std::string_view text, std::string_view* after) {
  std::vector<std::string_view> parts;
  int depth = 0;
  std::size_t start = 1;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '(' || c == '[') ++depth;
    if (c == ')' || c == ']') --depth;
    if ((c == ',' && depth == 1) || depth == 0) {
      if (auto part = trimmed(text.substr(start, i - start)); i >= start && !part.empty())
        parts.push_back(part);
      start = i + 1;
    }
    if (depth == 0) {
      if (after) *after = text.substr(i + 1);
      break;
    }
  }
  return parts;
}

std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t up = row[j];
      row[j] = std::min({up + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1])});
      diagonal = up;
    }
  }
  return row.back();
}

}  // namespace

std::string_view canonical_name(std::string_view keyword) {
  const std::string wanted = " " + std::string(keyword) + " ";
  for (std::string_view group : kSameKeyword)
    if (group.find(wanted) != group.npos) return group.substr(1, group.find(' ', 1) - 1);
  return keyword;
}

const Signature& signature_of(const Definition& d) {
  if (d.parsed) return *d.parsed;
  auto* s = new Signature;  // lives as long as its definition: for ever
  bool keyword_only = false;
  for (std::string_view part : split_parameters(d.signature, nullptr)) {
    if (part == "/") continue;
    if (part == "*") {
      keyword_only = true;
      continue;
    }
    Parameter p;
    const bool keywords = part.starts_with("**");
    const bool rest = !keywords && part.starts_with('*');
    part.remove_prefix(keywords ? 2 : rest ? 1 : 0);
    p.name = trimmed(part.substr(0, part.find_first_of(":=")));
    p.canonical = canonical_name(p.name);
    int depth = 0;
    for (char c : part) {
      if (c == '[') ++depth;
      if (c == ']') --depth;
      if (c == '=' && depth == 0) p.required = false;
    }
    if (keywords) {
      p.kind = Parameter::Kind::keywords;
      p.required = false;
      s->keywords = static_cast<int>(s->parameters.size());
    } else if (rest) {
      p.kind = Parameter::Kind::rest;
      p.required = false;
      s->rest = static_cast<int>(s->parameters.size());
      keyword_only = true;
    } else if (keyword_only) {
      p.kind = Parameter::Kind::keyword_only;
    } else {
      ++s->positional;
    }
    s->parameters.push_back(p);
  }
  d.parsed = s;
  return *s;
}

// --- Args ----------------------------------------------------------------------------------------

Args::Args(const Definition& d, PyObject* const* args, Py_ssize_t n, PyObject* keyword_names)
    : definition_(d), signature_(signature_of(d)) {
  if (d.role == Role::method) {
    if (n == 0 || !is_tensor(args[0]))
      throw CallError(error_text(d.name, "this is a method of a tensor",
                                 n == 0 ? "no argument" : type_name(args[0]),
                                 std::string("call it as x.") + d.name + "(...)"));
    self_ = args[0];
    ++args;
    --n;
  }
  Py_ssize_t direct = std::min<Py_ssize_t>(n, signature_.positional);
  for (Py_ssize_t i = 0; i < direct; ++i) values_[i] = args[i];
  if (n > direct) {
    if (signature_.rest < 0)
      throw CallError(error_text(
          d.name,
          "too many arguments: at most " + std::to_string(signature_.positional) + " by position",
          std::to_string(n), usage()));
    rest_ = own(PyTuple_New(n - direct));
    for (Py_ssize_t i = direct; i < n; ++i)
      PyTuple_SET_ITEM(rest_.get(), i - direct, Py_NewRef(args[i]));
  }
  if (keyword_names)
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(keyword_names); ++i)
      keyword(PyTuple_GET_ITEM(keyword_names, i), args[n + i]);
  for (std::size_t i = 0; i < signature_.parameters.size(); ++i)
    if (signature_.parameters[i].required && !values_[i]) missing(signature_.parameters[i].name);
}

void Args::keyword(PyObject* name, PyObject* value) {
  const std::string_view text = view_text(name);
  const auto& list = signature_.parameters;
  auto found =
      std::find_if(list.begin(), list.end(), [&](const Parameter& p) { return p.name == text; });
  if (found == list.end()) {
    if (text == "unbiased" && std::any_of(list.begin(), list.end(), [](const Parameter& p) {
          return p.canonical == "correction";
        })) {
      unbiased_ = value;
      return;
    }
    const std::string_view canonical = canonical_name(text);
    found = std::find_if(list.begin(), list.end(),
                         [&](const Parameter& p) { return p.canonical == canonical; });
  }
  if (found == list.end() && signature_.keywords >= 0) {
    if (!keywords_) keywords_ = own(PyDict_New());
    values_[signature_.keywords] = keywords_.get();
    checked(PyDict_SetItem(keywords_.get(), name, value));
    return;
  }
  if (found == list.end()) wrong_keyword(text);
  const auto i = static_cast<std::size_t>(found - list.begin());
  if (values_[i] || (found->kind == Parameter::Kind::rest && rest_))
    throw CallError(error_text(op(),
                               "the argument " + std::string(found->name) + " was given twice",
                               std::string(text) + " = " + short_repr(value), usage()));
  values_[i] = value;
}

void Args::wrong_keyword(std::string_view name) const {
  std::string_view best;
  std::size_t least = std::max<std::size_t>(2, name.size() / 2);
  for (const Parameter& p : signature_.parameters)
    if (const std::size_t far = distance(name, p.name); far <= least) {
      least = far;
      best = p.name;
    }
  throw CallError(error_text(op(), "there is no argument of this name", name,
                             best.empty() ? usage() : "did you mean " + std::string(best) + "?"));
}

void Args::missing(std::string_view name) const {
  throw CallError(
      error_text(op(), "the argument " + std::string(name) + " is missing", {}, usage()));
}

std::string Args::usage() const {
  return std::string("the call is ") + (definition_.role == Role::method ? "x." : "nnx.") + op() +
         definition_.signature;
}

int Args::index(std::string_view name) const {
  const auto& list = signature_.parameters;
  for (std::size_t i = 0; i < list.size(); ++i)
    if (list[i].canonical == name || list[i].name == name) return static_cast<int>(i);
  return -1;
}

PyObject* Args::object(std::string_view name) const {
  const int i = index(name);
  return i < 0 ? nullptr : values_[i];
}
bool Args::given(std::string_view name) const {
  PyObject* o = object(name);
  return o && o != Py_None;
}

const Tensor& Args::self_tensor() const { return unwrap(self_); }

Tensor Args::tensor(std::string_view name) const {
  if (self_ && name == "x") return unwrap(self_);
  PyObject* o = object(name);
  if (!o) missing(name);
  return tensor_argument(o, op(), name);
}
Tensor Args::tensor_or_none(std::string_view name) const {
  return given(name) ? tensor(name) : Tensor();
}

Operand Args::operand(std::string_view name) const {
  if (self_ && name == "x") return unwrap(self_);
  PyObject* o = object(name);
  if (!o) missing(name);
  Operand out;
  if (operand_of(o, out)) return out;
  return tensor_argument(o, op(), name);
}

std::vector<Tensor> Args::tensors(std::string_view name) const {
  PyObject* o = object(name);
  if (!o || o == Py_None) missing(name);
  std::vector<Tensor> out;
  if (is_tensor(o)) {
    const Tensor& t = unwrap(o);
    if (t.rank() == 0)
      fail<ShapeError>(op(), std::string(name) + " must be several tensors", describe(t));
    for (std::int64_t i = 0; i < t.shape(0); ++i) out.push_back(ops::select(t, 0, i));
    return out;
  }
  if (PyUnicode_Check(o) || PyBytes_Check(o) || (!PySequence_Check(o) && !PyIter_Check(o)))
    fail<DTypeError>(op(), std::string(name) + " must be a list or tuple of tensors",
                     short_repr(o) + " (" + type_name(o) + ")");
  Object list = own(PySequence_Fast(o, "a sequence is needed"));
  for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(list.get()); ++i) {
    Object entry = Object::borrow(PySequence_Fast_GET_ITEM(list.get(), i));
    out.push_back(
        tensor_argument(entry.get(), op(), std::string(name) + "[" + std::to_string(i) + "]"));
  }
  return out;
}

ops::Axes Args::axes(std::string_view name) const { return to_axes(object(name), op(), name); }

// A number of a call, which is read here once: a gradient would be lost without a word.
PyObject* Args::plain(PyObject* o, std::string_view name) const {
  if (!is_tensor(o)) return o;
  if (const Tensor& t = unwrap(o); ops::grad_enabled() && autodiff::requires_grad(t))
    fail<GradientError>(op(),
                        std::string(name) + " is a plain number here and cannot carry a gradient",
                        describe(t),
                        "write x.item() or x.detach() where none is wanted; x * nnx.ones(...) "
                        "follows x");
  return o;
}

std::int64_t Args::integer(std::string_view name) const {
  PyObject* o = object(name);
  if (!o) missing(name);
  return to_integer(o, op(), name);
}
std::int64_t Args::integer(std::string_view name, std::int64_t otherwise) const {
  PyObject* o = object(name);
  return o ? to_integer(o, op(), name) : otherwise;
}
std::optional<std::int64_t> Args::integer_or_none(std::string_view name) const {
  if (!given(name)) return std::nullopt;
  return integer(name);
}
double Args::real(std::string_view name) const {
  PyObject* o = object(name);
  if (!o) missing(name);
  return to_real(plain(o, name), op(), name);
}
double Args::real(std::string_view name, double otherwise) const {
  PyObject* o = object(name);
  return o ? to_real(plain(o, name), op(), name) : otherwise;
}
Scalar Args::scalar(std::string_view name) const {
  PyObject* o = object(name);
  if (!o) missing(name);
  return to_scalar(plain(o, name), op(), name);
}
bool Args::flag(std::string_view name, bool otherwise) const {
  PyObject* o = object(name);
  return o && o != Py_None ? to_flag(o, op(), name) : otherwise;
}
std::string Args::string(std::string_view name, std::string_view otherwise) const {
  PyObject* o = object(name);
  if (!o || o == Py_None) return std::string(otherwise);
  if (!PyUnicode_Check(o))
    fail<DTypeError>(op(), std::string(name) + " must be a string", short_repr(o));
  return std::string(view_text(o));
}
Dims Args::dims(std::string_view name) const {
  PyObject* o = object(name);
  if (!o || o == Py_None) missing(name);
  return to_dims(o, op(), name);
}
Dims Args::rest_dims(std::string_view name) const {
  if (PyObject* o = object(name)) return to_dims(o, op(), name);
  if (!rest_) return {};
  if (PyTuple_GET_SIZE(rest_.get()) == 1)
    return to_dims(PyTuple_GET_ITEM(rest_.get(), 0), op(), name);
  return to_dims(rest_.get(), op(), name);
}
std::optional<DType> Args::dtype(std::string_view name) const {
  if (!given(name)) return std::nullopt;
  PyObject* o = object(name);
  if (const auto t = dtype_of(o)) return t;
  fail<DTypeError>(op(), std::string(name) + " must be a dtype",
                   short_repr(o) + " (" + type_name(o) + ")",
                   "use nnx.float32, numpy.float32 or \"float32\"");
}
Device Args::device(std::optional<Device> otherwise) const {
  if (!given("device")) return otherwise ? *otherwise : default_device();
  PyObject* o = object("device");
  if (const auto d = device_of(o)) return *d;
  fail<DeviceError>(op(), "device must be a device or its name", short_repr(o), "use \"cpu\"");
}
runtime::Generator& Args::generator() const {
  return generator_of(given("generator") ? object("generator") : nullptr, op());
}

double Args::correction(double otherwise) const {
  PyObject* o = object("unbiased");
  if (o && o != Py_None) return to_flag(o, op(), "unbiased") ? 1 : 0;
  if (unbiased_) return to_flag(unbiased_, op(), "unbiased") ? 1 : 0;
  return given("correction") ? real("correction") : otherwise;
}

// --- the callable type -------------------------------------------------------------------------

namespace {

struct FunctionObject {
  PyObject_HEAD vectorcallfunc call;
  const Definition* definition;
};
PyTypeObject* g_function_type;
PyTypeObject* g_plain_type;  // functions: no binding to an instance

const Definition& definition_of(PyObject* o) {
  return *reinterpret_cast<FunctionObject*>(o)->definition;
}

PyObject* call(PyObject* o, PyObject* const* args, size_t flags, PyObject* keyword_names) {
  const Definition& d = definition_of(o);
  const Py_ssize_t n = PyVectorcall_NARGS(flags);
  return guard([&]() -> PyObject* {
    if (d.fast && !keyword_names) {
      PyObject* done = d.fast(d, args, n);
      if (done || PyErr_Occurred()) return done;
    }
    Args parsed(d, args, n, keyword_names);
    return d.implementation(parsed);
  });
}

PyObject* bind_to(PyObject* o, PyObject* instance, PyObject*) {
  if (!instance || instance == Py_None) return Py_NewRef(o);
  return PyMethod_New(o, instance);
}
// Functions stay what they are as attributes of a class; having __get__ lets inspect see them.
PyObject* bind_to_nothing(PyObject* o, PyObject*, PyObject*) { return Py_NewRef(o); }
PyObject* repr(PyObject* o) {
  const Definition& d = definition_of(o);
  return PyUnicode_FromFormat(d.role == Role::function ? "<function nnx.%s>" : "<method Tensor.%s>",
                              d.name);
}

std::string text_signature(const Definition& d) {
  std::string out = "(";
  bool first = true;
  const auto add = [&](std::string_view s) {
    out.append(first ? "" : ", ").append(s);
    first = false;
  };
  if (d.role == Role::method) add("self");
  for (std::string_view part : split_parameters(d.signature, nullptr)) {
    int depth = 0;
    std::size_t colon = part.npos, equals = part.npos;
    for (std::size_t i = 0; i < part.size(); ++i) {
      if (part[i] == '[') ++depth;
      if (part[i] == ']') --depth;
      if (depth == 0 && part[i] == ':' && colon == part.npos) colon = i;
      if (depth == 0 && part[i] == '=' && equals == part.npos) equals = i;
    }
    if (part == "/") continue;
    std::string piece(trimmed(part.substr(0, std::min(colon, equals))));
    if (equals != part.npos) piece.append("=").append(trimmed(part.substr(equals + 1)));
    add(piece);
  }
  return out + ")";
}

PyObject* get_property(PyObject* o, void* what) {
  const Definition& d = definition_of(o);
  switch (*static_cast<const char*>(what)) {
    case 'n': return PyUnicode_FromString(d.name);
    case 'q': return PyUnicode_FromFormat(d.role == Role::function ? "%s" : "Tensor.%s", d.name);
    case 'm': return PyUnicode_FromString("nnx");
    case 's': return guard([&] { return text(text_signature(d)).release(); });
    case 'w': return guard([&] { return text(d.signature).release(); });
    default: return guard([&] { return text(documentation(d)).release(); });
  }
}
PyObject* reduce(PyObject* o, PyObject*) { return get_property(o, const_cast<char*>("q")); }

PyGetSetDef g_properties[] = {
    {"__name__", get_property, nullptr, nullptr, const_cast<char*>("n")},
    {"__qualname__", get_property, nullptr, nullptr, const_cast<char*>("q")},
    {"__module__", get_property, nullptr, nullptr, const_cast<char*>("m")},
    {"__text_signature__", get_property, nullptr, nullptr, const_cast<char*>("s")},
    {"signature", get_property, nullptr, "The signature with its types.", const_cast<char*>("w")},
    {"__doc__", get_property, nullptr, nullptr, const_cast<char*>("d")},
    {nullptr, nullptr, nullptr, nullptr, nullptr},
};
PyMethodDef g_methods[] = {
    {"__reduce__", reduce, METH_NOARGS, nullptr},
    {nullptr, nullptr, 0, nullptr},
};
PyMemberDef g_members[] = {
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(FunctionObject, call), READONLY, nullptr},
    {nullptr, 0, 0, 0, nullptr},
};

std::deque<Definition>& kept() {
  static std::deque<Definition> list;
  return list;
}
struct Declared {
  std::string_view name;
  const Definition* definition;
};
std::vector<Declared>& declared() {
  static std::vector<Declared> list;
  return list;
}

}  // namespace

void add_function_type(PyObject*) {
  std::vector<PyType_Slot> slots = {
      {Py_tp_call, reinterpret_cast<void*>(PyVectorcall_Call)},
      {Py_tp_repr, reinterpret_cast<void*>(repr)},
      {Py_tp_getset, g_properties},
      {Py_tp_methods, g_methods},
      {Py_tp_members, g_members},
      {0, nullptr},
  };
  slots.insert(slots.begin(), {Py_tp_descr_get, reinterpret_cast<void*>(bind_to_nothing)});
  PyType_Spec plain = {"nnx.static_function", sizeof(FunctionObject), 0,
                       Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_VECTORCALL, slots.data()};
  g_plain_type = reinterpret_cast<PyTypeObject*>(own(PyType_FromSpec(&plain)).release());
  slots.front() = {Py_tp_descr_get, reinterpret_cast<void*>(bind_to)};
  PyType_Spec spec = {
      "nnx.function", sizeof(FunctionObject), 0,
      Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_VECTORCALL | Py_TPFLAGS_METHOD_DESCRIPTOR, slots.data()};
  g_function_type = reinterpret_cast<PyTypeObject*>(own(PyType_FromSpec(&spec)).release());
}

Object make_function(const Definition& d) {
  auto* f = PyObject_New(FunctionObject, d.role == Role::method ? g_function_type : g_plain_type);
  if (!f) throw PythonError();
  f->call = call;
  f->definition = &d;
  return Object(reinterpret_cast<PyObject*>(f));
}

const Definition& keep(Definition d) { return kept().emplace_back(d); }

void declare(PyObject* module, const Definition& d, std::string_view alias) {
  Object f = make_function(d);
  const std::string_view name = alias.empty() ? std::string_view(d.name) : alias;
  Object key(PyUnicode_FromStringAndSize(name.data(), static_cast<Py_ssize_t>(name.size())));
  if (!key) throw PythonError();
  PyObject* raw = key.release();
  PyUnicode_InternInPlace(&raw);
  key = Object(raw);
  PyObject* where = d.role == Role::function ? PyModule_GetDict(module) : tensor_type->tp_dict;
  checked(PyDict_SetItem(where, key.get(), f.get()));
  declared().push_back({name, &d});
}

PyObject* declarations_list() {
  Object list = own(PyList_New(0));
  for (const Declared& e : declared()) {
    const Definition& d = *e.definition;
    const char* kind = d.role == Role::function ? "function"
                       : d.role == Role::method ? "method"
                                                : "staticmethod";
    Object name = text(e.name), doc = text(documentation(d));
    Object entry = own(Py_BuildValue("{sOsssssssO}", "name", name.get(), "kind", kind, "owner",
                                     d.role == Role::function ? "" : "Tensor", "signature",
                                     d.signature, "doc", doc.get()));
    checked(PyList_Append(list.get(), entry.get()));
  }
  return list.release();
}

std::string documentation(const Definition& d) {
  return d.make_doc ? d.make_doc(d) : std::string(d.doc ? d.doc : "");
}

PyObject* give(Tensor t) { return wrap(std::move(t)); }

PyObject* give(const std::vector<Tensor>& list, bool as_tuple) {
  const auto n = static_cast<Py_ssize_t>(list.size());
  Object out = own(as_tuple ? PyTuple_New(n) : PyList_New(n));
  for (Py_ssize_t i = 0; i < n; ++i) {
    PyObject* o = wrap(list[static_cast<std::size_t>(i)]);
    if (as_tuple) PyTuple_SET_ITEM(out.get(), i, o);
    else PyList_SET_ITEM(out.get(), i, o);
  }
  return out.release();
}

}  // namespace nnx::bind
