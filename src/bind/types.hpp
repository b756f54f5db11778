// The small value types beside Tensor: dtype, device, the tuple a shape is, the int that size is,
// and the pair that max, sort, ... answer with.
// Invariant: there is one object per dtype and it lives for the whole process.
#pragma once

#include <optional>

#include "bind/python.hpp"
#include "core/device.hpp"
#include "core/tensor.hpp"

namespace nnx::bind {

void add_value_types(PyObject* module);

PyObject* dtype_object(core::DType t) noexcept;  // borrowed
// nnx.float32, numpy.float32, numpy.dtype, "float32", float, int, bool. Nothing when `o` is none of
// these; DTypeError for a dtype that is not supported.
std::optional<core::DType> dtype_of(PyObject* o);

// The middle of PyTorch's name of a tensor type: "Float" of "torch.FloatTensor".
std::string_view tensor_type_name(core::DType t);

Object device_object(core::Device d);
bool is_device(PyObject* o) noexcept;
// A device or its name; nothing for other objects, DeviceError for a device that is not there.
std::optional<core::Device> device_of(PyObject* o);

Object shape_tuple(const core::Dims& d);  // a tuple with numel()
Object plain_tuple(const core::Dims& d);
Object callable_size(const core::Tensor& t);
// (values, indices)
PyObject* values_and_indices(core::Tensor values, core::Tensor indices);

}  // namespace nnx::bind
