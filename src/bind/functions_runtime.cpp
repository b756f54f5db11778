// Threads, the build, the limit of memory: what nnx says about itself.
#include "bind/families.hpp"
#include "bind/from_python.hpp"
#include "bind/function.hpp"
#include "bind/tensor_type.hpp"
#include "bind/types.hpp"
#include "runtime/allocator.hpp"
#include "runtime/backend.hpp"
#include "runtime/blas.hpp"
#include "runtime/cpu_info.hpp"
#include "runtime/pool.hpp"

#ifndef NNX_VERSION
#define NNX_VERSION "0"
#endif
#ifndef NNX_COMPILER
#define NNX_COMPILER ""
#endif
#ifndef NNX_FLAGS
#define NNX_FLAGS ""
#endif
#ifndef NNX_LEVELS
#define NNX_LEVELS ""
#endif

namespace nnx::bind {

using namespace core;

namespace {

PyObject* get_threads(Args&) { return PyLong_FromLong(runtime::threads()); }
PyObject* set_threads(Args& a) {
  const std::int64_t n = a.integer("n");
  if (n < 1 || n > 1024)
    fail<ArgumentError>(a.op(), "the number of threads must be in [1, 1024]", std::to_string(n));
  runtime::set_threads(static_cast<int>(n));
  return none();
}

PyObject* set_memory_limit(Args& a) {
  const std::int64_t n = a.given("bytes") ? a.integer("bytes") : 0;
  if (n < 0) fail<ArgumentError>(a.op(), "bytes must not be negative", std::to_string(n));
  runtime::set_memory_limit(static_cast<std::size_t>(n));
  return none();
}

PyObject* build_info(Args&) {
  Object level = text(runtime::cpu_level()), processor = text(runtime::processor_name()),
         found = device_list(), blas = text(runtime::blas_config());
  return own(Py_BuildValue(
                 "{sssssssssOsOsisisOsOsO}", "version", NNX_VERSION, "compiler", NNX_COMPILER,
                 "flags", NNX_FLAGS, "levels", NNX_LEVELS, "level", level.get(), "level_forced",
                 runtime::level_forced() ? Py_True : Py_False, "threads", runtime::threads(),
                 "processors", runtime::usable_processors(), "processor", processor.get(),
                 "devices", found.get(), "blas", blas.get()))
      .release();
}

PyObject* error_text_function(Args& a) {
  return text(core::error_text(a.string("op", ""), a.string("rule", ""), a.string("received", ""),
                               a.string("hint", "")))
      .release();
}

PyObject* is_tensor_function(Args& a) { return boolean(is_tensor(a.object("x"))); }

const Definition kDefinitions[] = {
    {"get_num_threads", "() -> int",
     R"(How many threads a call may use.

Example:
    >>> nnx.get_num_threads() >= 1
    True
)",
     get_threads},
    {"set_num_threads", "(n: int) -> None",
     R"(Sets how many threads a call may use; results do not depend on it.

Raises: ArgumentError unless 1 <= n <= 1024.

Example:
    >>> nnx.set_num_threads(nnx.get_num_threads())
)",
     set_threads},
    {"set_memory_limit", "(bytes: int | None = None) -> None",
     R"(A cap on the memory tensors take from the system; None lifts it.

Example:
    >>> nnx.set_memory_limit(None)
)",
     set_memory_limit},
    {"build_info", "() -> dict[str, Any]",
     R"(Version, compiler, flags, processor levels built and chosen, threads, devices.

Example:
    >>> 'compiler' in nnx.build_info()
    True
)",
     build_info},
    {"error_text", "(op: str, rule: str, received: str = '', hint: str = '') -> str",
     R"(A message in the one form of all messages.

Example:
    >>> print(nnx.error_text('op', 'the rule', 'x', 'do this'))
    [op] the rule.
    Received: x.
    Hint: do this.
)",
     error_text_function},
    {"is_tensor", "(x: Any) -> bool",
     R"(Whether x is a Tensor.

Example:
    >>> nnx.is_tensor([1])
    False
)",
     is_tensor_function},
};

}  // namespace

void declare_runtime(PyObject* module) {
  checked(PyModule_AddStringConstant(module, "__version__", NNX_VERSION));
  for (const Definition& d : kDefinitions) declare(module, d);
}

}  // namespace nnx::bind
