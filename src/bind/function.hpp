// Functions that Python calls: declared by name, signature and documentation, parsed by one parser.
//
// A Definition is all there is to say about a function. Its signature text is what help() and the
// stubs show and what the parser follows; `implementation` asks for arguments by canonical name
// (Args), so that axis/dim or keepdims/keepdim are one argument whatever a signature calls it.
// A `fast` entry sees plain positional calls first and may decline them.
// Invariant: definitions live for the whole process.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bind/convert.hpp"
#include "bind/python.hpp"
#include "core/tensor.hpp"
#include "ops/ops.hpp"

namespace nnx::runtime {
class Generator;
}

namespace nnx::bind {

class Args;
struct Signature;

enum class Role : std::uint8_t { function, method, static_method };

struct Definition {
  const char* name;
  const char* signature;  // "(x: TensorLike, axis: Axis = None) -> Tensor"; methods leave self out
  const char* doc;
  PyObject* (*implementation)(Args& a);
  Role role = Role::function;
  // Returns null without a Python error to decline. `id` is for generated functions.
  PyObject* (*fast)(const Definition& d, PyObject* const* args, Py_ssize_t n) = nullptr;
  int id = -1;
  std::string (*make_doc)(const Definition& d) = nullptr;  // instead of doc
  mutable const Signature* parsed = nullptr;
};

struct Parameter {
  enum class Kind : std::uint8_t { normal, rest, keyword_only, keywords };
  std::string_view name;
  std::string_view canonical;
  Kind kind = Kind::normal;
  bool required = true;
};
inline constexpr int kMaxParameters = 24;
struct Signature {
  std::vector<Parameter> parameters;
  int positional = 0;  // before * or *rest
  int rest = -1;       // index of *rest
  int keywords = -1;   // index of **keywords
};
const Signature& signature_of(const Definition& d);
// The name that stands for a group of equivalent keywords: "dim" -> "axis".
std::string_view canonical_name(std::string_view keyword);

// The arguments of one call. Accessors throw typed errors that name function and argument.
class Args {
 public:
  Args(const Definition& d, PyObject* const* args, Py_ssize_t n, PyObject* keyword_names);

  const char* op() const { return definition_.name; }
  const Definition& definition() const { return definition_; }
  // Borrowed; null when not given (None counts as given).
  PyObject* object(std::string_view name) const;
  bool given(std::string_view name) const;  // and not None
  PyObject* self() const { return self_; }

  core::Tensor tensor(std::string_view name) const;
  core::Tensor tensor_or_none(std::string_view name) const;
  const core::Tensor& self_tensor() const;
  core::Operand operand(std::string_view name) const;
  std::vector<core::Tensor> tensors(std::string_view name) const;
  ops::Axes axes(std::string_view name = "axis") const;
  std::int64_t integer(std::string_view name) const;
  std::int64_t integer(std::string_view name, std::int64_t otherwise) const;
  std::optional<std::int64_t> integer_or_none(std::string_view name) const;
  double real(std::string_view name) const;
  double real(std::string_view name, double otherwise) const;
  core::Scalar scalar(std::string_view name) const;
  bool flag(std::string_view name, bool otherwise) const;
  std::string string(std::string_view name, std::string_view otherwise) const;
  core::Dims dims(std::string_view name) const;
  // *rest as ints: f(2, 3), f((2, 3)) or the keyword.
  core::Dims rest_dims(std::string_view name) const;
  std::optional<core::DType> dtype(std::string_view name = "dtype") const;
  // `otherwise` (the default device unless given) where the caller names none.
  core::Device device(std::optional<core::Device> otherwise = {}) const;
  runtime::Generator& generator() const;
  double correction(double otherwise) const;  // of std and var: correction, ddof or unbiased

  PyObject* rest() const { return rest_.get(); }  // tuple, or null

 private:
  int index(std::string_view name) const;
  PyObject* plain(PyObject* o, std::string_view name) const;
  void keyword(PyObject* name, PyObject* value);
  [[noreturn]] void wrong_keyword(std::string_view name) const;
  [[noreturn]] void missing(std::string_view name) const;
  std::string usage() const;

  const Definition& definition_;
  const Signature& signature_;
  PyObject* self_ = nullptr;
  PyObject* values_[kMaxParameters] = {};
  PyObject* unbiased_ = nullptr;
  Object rest_, keywords_;
};

// The callable object of a definition.
Object make_function(const Definition& d);
void add_function_type(PyObject* module);

// Keeps definitions made at run time.
const Definition& keep(Definition d);
// Registers a function in the module or a method in the type, under its own name and `alias`es.
void declare(PyObject* module, const Definition& d, std::string_view alias = {});
// What was declared, for the stub generator: list of dictionaries.
PyObject* declarations_list();
std::string documentation(const Definition& d);

// Results of implementations.
PyObject* give(core::Tensor t);  // wrap
PyObject* give(const std::vector<core::Tensor>& list, bool as_tuple = true);

}  // namespace nnx::bind
