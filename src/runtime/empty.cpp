// Tensors without values, and storages over borrowed memory: see allocator.hpp.
#include "core/error.hpp"
#include "runtime/allocator.hpp"

namespace nnx::runtime {
namespace {

struct Borrowed : core::Storage {
  Borrowed(void* data, std::size_t bytes, core::Device device, void* owner, void (*free)(void*))
      : Storage(data, bytes, device, &free_borrowed, owner), give_back(free) {}
  static void free_borrowed(Storage* s) noexcept {
    auto* b = static_cast<Borrowed*>(s);
    if (b->give_back) b->give_back(b->context);
    delete b;
  }
  void (*give_back)(void*);
};

}  // namespace

void check_place(core::DType dtype, core::Device device, const char* op) {
  if (core::is_complex(dtype) && device.kind != core::DeviceKind::cpu)
    core::fail<core::DTypeError>(op, "complex tensors are on the CPU",
                                 std::string(name_of(dtype)) + " on " + to_string(device),
                                 "use x.cpu(), or the parts, x.real and x.imag");
}

core::Ref<core::Storage> adopt(void* data, std::size_t bytes, core::Device device, void* owner,
                               void (*free)(void* owner), bool writable) {
  core::Ref<core::Storage> s(new Borrowed(data, bytes, device, owner, free));
  s->writable = writable;
  return s;
}

core::Tensor empty(const core::Shape& shape, core::DType dtype, core::Device device) {
  check_place(dtype, device);
  const auto bytes = static_cast<std::size_t>(core::count(shape)) * core::size_of(dtype);
  return core::Tensor(allocate(bytes, device), 0, shape, core::contiguous_strides(shape), dtype);
}

core::Tensor empty_strided(const core::Shape& shape, const core::Dims& strides, core::DType dtype,
                           core::Device device) {
  check_place(dtype, device);
  if (shape.size() != strides.size())
    core::fail<core::ShapeError>("empty_strided", "every axis needs a stride",
                                 "shape " + to_string(shape) + ", strides " + to_string(strides));
  std::int64_t last = 0;  // the element furthest from the first
  bool huge = false;
  for (int i = 0; i < shape.size(); ++i) {
    if (strides[i] < 0)
      core::fail<core::ArgumentError>("empty_strided", "strides must not be negative",
                                      to_string(strides));
    std::int64_t span = 0;
    huge |= __builtin_mul_overflow(shape[i] - 1, strides[i], &span);
    huge |= __builtin_add_overflow(last, span, &last);
  }
  if (core::count(shape) == 0) return core::Tensor(allocate(0, device), 0, shape, strides, dtype);
  if (huge || last > (std::int64_t{1} << 58))
    core::fail<core::ShapeError>("empty_strided", "a tensor of these strides is too large",
                                 "shape " + to_string(shape) + ", strides " + to_string(strides));
  const auto bytes = static_cast<std::size_t>(last + 1) * core::size_of(dtype);
  return core::Tensor(allocate(bytes, device), 0, shape, strides, dtype);
}

}  // namespace nnx::runtime
