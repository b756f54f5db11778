// Tensor: a strided window on a storage, with a dtype and, for autodiff, an opaque record.
// Invariants: strides are in elements and may be zero or negative; every element lies inside the
// storage; `contiguous` says whether shape and strides are row-major. A default-made Tensor is
// "none" (false). Copies of a Tensor are the same tensor. Inside vmap a tensor has lanes: shape,
// strides and offset describe the first one, and only ops/lanes.cpp reaches the others.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "core/dims.hpp"
#include "core/dtype.hpp"
#include "core/free_list.hpp"
#include "core/ref.hpp"
#include "core/scalar.hpp"
#include "core/storage.hpp"

namespace nnx::core {

// What autodiff keeps with a tensor: producer, gradient, hooks, base of a view.
struct GradRecord {
  virtual ~GradRecord() = default;
};

// How many reasons there are to look closely at every op: tensors with lanes, an observer.
inline std::atomic<int> attention{0};
class Attention {
 public:
  Attention() noexcept { attention.fetch_add(1, std::memory_order_relaxed); }
  Attention(const Attention&) noexcept : Attention() {}
  Attention& operator=(const Attention&) = default;
  ~Attention() { attention.fetch_sub(1, std::memory_order_relaxed); }
};

// Hidden axes of a tensor inside vmap, one per vmap around it: what the function sees as one tensor
// is one lane of many.
struct Lanes {
  Dims levels;  // increasing; the number of the vmap
  Dims sizes;
  Dims strides;  // in elements
  Attention attention;

  std::int64_t count() const noexcept {
    std::int64_t n = 1;
    for (const auto s : sizes) n *= s;
    return n;
  }
  int find(std::int64_t level) const noexcept {
    for (int i = 0; i < levels.size(); ++i)
      if (levels[i] == level) return i;
    return -1;
  }
};

class TensorImpl : public RefCounted {
 public:
  TensorImpl(Ref<Storage> storage, std::int64_t offset, const Shape& shape, const Dims& strides,
             DType dtype)
      : storage(std::move(storage)),
        offset(offset),
        numel(count(shape)),
        shape(shape),
        strides(strides),
        dtype(dtype),
        contiguous(is_contiguous(shape, strides)) {}
  static void release(TensorImpl* t) noexcept {
    if (t->drop()) delete t;
  }

  static void* operator new(std::size_t n) { return FreeList<TensorImpl>::take(n); }
  static void operator delete(void* p, std::size_t n) noexcept { FreeList<TensorImpl>::give(p, n); }

  Ref<Storage> storage;
  std::int64_t offset;  // elements
  std::int64_t numel;
  Shape shape;
  Dims strides;
  DType dtype;
  bool contiguous;
  bool requires_grad = false;  // set on leaves by the user, on results by autodiff
  std::unique_ptr<GradRecord> grad_record;
  std::unique_ptr<const Lanes> lanes;
  void* wrapper = nullptr;  // the binding's object for this tensor, not owned
};

class Tensor {
 public:
  Tensor() noexcept = default;
  explicit Tensor(Ref<TensorImpl> impl) noexcept : impl_(std::move(impl)) {}
  Tensor(Ref<Storage> storage, std::int64_t offset, const Shape& shape, const Dims& strides,
         DType dtype)
      : impl_(new TensorImpl(std::move(storage), offset, shape, strides, dtype)) {}

  explicit operator bool() const noexcept { return static_cast<bool>(impl_); }
  bool is_same(const Tensor& o) const noexcept { return impl_ == o.impl_; }
  TensorImpl* impl() const noexcept { return impl_.get(); }
  TensorImpl* operator->() const noexcept { return impl_.get(); }

  const Shape& shape() const noexcept { return impl_->shape; }
  const Dims& strides() const noexcept { return impl_->strides; }
  std::int64_t shape(int axis) const noexcept {
    return impl_->shape[axis < 0 ? axis + rank() : axis];
  }
  std::int64_t stride(int axis) const noexcept {
    return impl_->strides[axis < 0 ? axis + rank() : axis];
  }
  int rank() const noexcept { return impl_->shape.size(); }
  std::int64_t numel() const noexcept { return impl_->numel; }
  DType dtype() const noexcept { return impl_->dtype; }
  Device device() const noexcept { return impl_->storage->device; }
  bool contiguous() const noexcept { return impl_->contiguous; }
  bool requires_grad() const noexcept { return impl_->requires_grad; }
  std::uint32_t version() const noexcept { return impl_->storage->version; }
  const Lanes* lanes() const noexcept { return impl_->lanes.get(); }
  // Address of the first element. VmapError for a tensor with lanes: one address is not all of it.
  std::byte* bytes() const {
    if (impl_->lanes) [[unlikely]]
      throw_lanes();
    return static_cast<std::byte*>(impl_->storage->data) +
           impl_->offset * static_cast<std::int64_t>(size_of(impl_->dtype));
  }
  template <class T>
  T* data() const {
    return reinterpret_cast<T*>(bytes());
  }
  // Another window on the same storage (in each of the same lanes), without autodiff.
  Tensor window(const Shape& shape, const Dims& strides, std::int64_t offset) const {
    Tensor t(impl_->storage, offset, shape, strides, impl_->dtype);
    if (impl_->lanes) [[unlikely]]
      t->lanes = std::make_unique<const Lanes>(*impl_->lanes);
    return t;
  }
  Tensor alias() const { return window(impl_->shape, impl_->strides, impl_->offset); }

 private:
  [[noreturn]] void throw_lanes() const;
  Ref<TensorImpl> impl_;
};

// An argument of an op: a tensor or a number.
struct Operand {
  Tensor tensor;
  Scalar scalar;

  Operand() = default;
  Operand(Tensor t) noexcept : tensor(std::move(t)) {}
  Operand(Scalar s) noexcept : scalar(s) {}
  Operand(double s) noexcept : scalar(s) {}
  Operand(int s) noexcept : scalar(s) {}
  Operand(std::int64_t s) noexcept : scalar(s) {}
  Operand(bool s) noexcept : scalar(s) {}
  bool is_tensor() const noexcept { return static_cast<bool>(tensor); }
};

// "(32, 784) float32", as messages show a tensor.
std::string describe(const Tensor& t);
std::string describe(const Operand& o);

}  // namespace nnx::core
