// A list whose first N elements live in place: for the few inputs most ops have.
// Invariant: elements never move once made; the size is set once.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <span>

namespace nnx::core {

template <class T, std::size_t N>
class InlineVector {
 public:
  InlineVector() = default;
  explicit InlineVector(std::size_t n) { resize(n); }
  InlineVector(const InlineVector&) = delete;
  InlineVector& operator=(const InlineVector&) = delete;

  void resize(std::size_t n) {
    if (n > N) heap_ = std::make_unique<T[]>(n);
    size_ = n;
  }
  std::size_t size() const noexcept { return size_; }
  T* data() noexcept { return heap_ ? heap_.get() : inline_.data(); }
  T& operator[](std::size_t i) noexcept { return data()[i]; }
  T* begin() noexcept { return data(); }
  T* end() noexcept { return data() + size_; }
  operator std::span<T>() noexcept { return {data(), size_}; }

 private:
  std::array<T, N> inline_;
  std::unique_ptr<T[]> heap_;
  std::size_t size_ = 0;
};

}  // namespace nnx::core
