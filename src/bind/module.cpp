// The extension module nnx._nnx: puts the parts together and connects the runtime with Python.
// Invariant: importing it runs no Python code of ours and imports nothing.
#include <dlfcn.h>

#include <algorithm>
#include <string>

#include "autodiff/autodiff.hpp"
#include "bind/autodiff.hpp"
#include "bind/dlpack.hpp"
#include "bind/families.hpp"
#include "bind/function.hpp"
#include "bind/numpy.hpp"
#include "bind/pointwise.hpp"
#include "bind/properties.hpp"
#include "bind/pybind_tensor.hpp"
#include "bind/random.hpp"
#include "bind/repr.hpp"
#include "bind/tensor_type.hpp"
#include "bind/types.hpp"
#include "runtime/backend.hpp"
#include "runtime/blas.hpp"
#include "runtime/interrupt.hpp"
#include "runtime/long_call.hpp"

namespace nnx::bind {
namespace {

// Long kernels run without the GIL.
void* enter_long_call() { return PyGILState_Check() ? PyEval_SaveThread() : nullptr; }
void leave_long_call(void* token) { restore_thread(static_cast<PyThreadState*>(token)); }

// Ctrl-C: Python's handler runs here, in its main thread.
bool poll_interrupt() {
  if (!PyGILState_Check()) return false;
  return PyErr_CheckSignals() != 0;
}

// The folder of this shared object, with /_lib.
std::string library_directory() {
  Dl_info info{};
  if (!dladdr(reinterpret_cast<void*>(&library_directory), &info) || !info.dli_fname) return "_lib";
  std::string path = info.dli_fname;
  const auto slash = path.rfind('/');
  return (slash == path.npos ? std::string(".") : path.substr(0, slash)) + "/_lib";
}

// Names that the package offers; the rest is reached as nnx._nnx.name.
constexpr std::string_view kInternal[] = {"betainc_slope",
                                          "gammainc_slope",
                                          "adaptive_avg_pool",
                                          "adaptive_max_pool",
                                          "avg_pool",
                                          "batch_norm",
                                          "conv",
                                          "conv_transpose",
                                          "fold",
                                          "grid_sample",
                                          "max_pool",
                                          "max_unpool",
                                          "pick",
                                          "relu_backward",
                                          "resample",
                                          "take_rows",
                                          "unfold_windows",
                                          "zero_grad"};
// What training has to say goes by its names in nn.functional and optim.
bool internal(std::string_view name) {
  if (std::find(std::begin(kInternal), std::end(kInternal), name) != std::end(kInternal))
    return true;
  if (name.starts_with("linalg_")) return true;
  const int id = ops::find_declaration(name);
  if (id < 0) return false;
  const ops::Declaration& d = ops::declarations()[static_cast<std::size_t>(id)];
  return d.rule == ops::Rule::update || (d.loss && name != "mse_loss" && name != "bce_with_logits");
}

void add_names(PyObject* module) {
  Object list = own(PyList_New(0));
  PyObject *key, *value;
  Py_ssize_t at = 0;
  while (PyDict_Next(PyModule_GetDict(module), &at, &key, &value)) {
    const std::string_view name = view_text(key);
    if (name.starts_with('_') || internal(name)) continue;
    checked(PyList_Append(list.get(), key));
  }
  const std::pair<const char*, double> constants[] = {
      {"pi", 3.141592653589793}, {"e", 2.718281828459045}, {"inf", Py_HUGE_VAL}, {"nan", Py_NAN}};
  for (const auto& [name, x] : constants) {
    Object number = own(PyFloat_FromDouble(x)), key_object = text(name);
    checked(PyModule_AddObjectRef(module, name, number.get()));
    checked(PyList_Append(list.get(), key_object.get()));
  }
  checked(PyModule_AddObjectRef(module, "newaxis", Py_None));
  Object newaxis = text("newaxis");
  checked(PyList_Append(list.get(), newaxis.get()));
  checked(PyList_Sort(list.get()));
  checked(PyModule_AddObjectRef(module, "__all__", list.get()));
}

// __declarations__ is made when the stub generator asks for it, __pointwise__ for the tests.
PyObject* module_getattr(PyObject*, PyObject* name) {
  return guard([&]() -> PyObject* {
    if (view_text(name) == "__declarations__") {
      Object list = own(declarations_list());
      list_properties(list.get());
      return list.release();
    }
    if (view_text(name) == "__pointwise__") return pointwise_list();
    PyErr_Format(PyExc_AttributeError, "module 'nnx._nnx' has no attribute '%U'", name);
    throw PythonError();
  });
}
PyMethodDef g_getattr = {"__getattr__", module_getattr, METH_O, nullptr};

void fill(PyObject* module) {
  runtime::set_library_directory(library_directory());
  runtime::set_blas_path(library_directory() + "/libnnx_openblas.so");
  runtime::set_long_call_hooks(enter_long_call, leave_long_call);
  runtime::set_interrupt_poll(poll_interrupt);
  autodiff::install();

  add_exceptions(module);
  add_value_types(module);
  add_function_type(module);
  add_tensor_type(module);
  add_autodiff_types(module);
  add_grad_modes(module);
  add_function_class(module);
  add_generator_type(module);
  declare_pointwise(module);
  for (auto family :
       {declare_creation,       declare_dtypes,   declare_shapes,         declare_joining,
        declare_reductions,     declare_order,    declare_indexing,       declare_products,
        declare_linear_algebra, declare_networks, declare_convolution,    declare_pooling,
        declare_training,       declare_random,   declare_autodiff,       declare_transforms,
        declare_runtime,        declare_numpy,    declare_dlpack,         declare_repr,
        declare_complex,        declare_fourier,  declare_tensor_methods, declare_pickling,
        declare_devices})
    family(module);
  PyType_Modified(tensor_type);
  add_names(module);
  Object getattr = own(PyCFunction_New(&g_getattr, nullptr));
  checked(PyModule_AddObjectRef(module, "__getattr__", getattr.get()));
}

}  // namespace
}  // namespace nnx::bind

PYBIND11_MODULE(_nnx, m) {
  m.doc() = "The compiled part of nnx: tensors, their functions, gradients.";
  if (nnx::bind::guard_status([&] { nnx::bind::fill(m.ptr()); }) < 0)
    throw pybind11::error_already_set();
}
