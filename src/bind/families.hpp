// The families of functions and methods; each file declares its own.
#pragma once

#include "bind/python.hpp"

namespace nnx::bind {

void declare_creation(PyObject* module);        // functions_create.cpp
void declare_dtypes(PyObject* module);          // functions_dtype.cpp
void declare_shapes(PyObject* module);          // functions_shape.cpp
void declare_joining(PyObject* module);         // functions_join.cpp
void declare_reductions(PyObject* module);      // functions_reduce.cpp
void declare_order(PyObject* module);           // functions_order.cpp
void declare_indexing(PyObject* module);        // functions_index.cpp
void declare_products(PyObject* module);        // functions_product.cpp
void declare_linear_algebra(PyObject* module);  // functions_linalg.cpp
void declare_networks(PyObject* module);        // functions_network.cpp
void declare_convolution(PyObject* module);     // functions_conv.cpp
void declare_pooling(PyObject* module);         // functions_pool.cpp
void declare_training(PyObject* module);        // functions_training.cpp
void declare_transforms(PyObject* module);      // transforms.cpp
void declare_runtime(PyObject* module);         // functions_runtime.cpp
void declare_devices(PyObject* module);         // functions_device.cpp
void declare_complex(PyObject* module);         // functions_complex.cpp
void declare_fourier(PyObject* module);         // functions_fft.cpp
void declare_tensor_methods(PyObject* module);  // methods.cpp
void declare_pickling(PyObject* module);        // pickle.cpp

// What nnx.devices() gives: a list of dicts.
Object device_list();  // functions_device.cpp

}  // namespace nnx::bind
