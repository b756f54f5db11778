// A short list of integers held in place: shapes, strides, axes.
// Invariant: never allocates; at most kMaxRank entries (a longer one is a ShapeError).
#pragma once

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>

namespace nnx::core {

inline constexpr int kMaxRank = 12;

class Dims {
 public:
  Dims() noexcept = default;
  Dims(std::initializer_list<std::int64_t> v) : Dims(std::span(v.begin(), v.size())) {}
  explicit Dims(std::span<const std::int64_t> v) {
    for (auto x : v) push_back(x);
  }
  Dims(const Dims& o) noexcept : size_(o.size_) { copy(o); }
  Dims& operator=(const Dims& o) noexcept {
    size_ = o.size_;
    copy(o);
    return *this;
  }
  static Dims filled(int n, std::int64_t value) {
    Dims d;
    for (int i = 0; i < n; ++i) d.push_back(value);
    return d;
  }

  int size() const noexcept { return size_; }
  bool empty() const noexcept { return size_ == 0; }
  std::int64_t operator[](int i) const noexcept { return v_[i]; }
  std::int64_t& operator[](int i) noexcept { return v_[i]; }
  std::int64_t back() const noexcept { return v_[size_ - 1]; }
  std::int64_t& back() noexcept { return v_[size_ - 1]; }
  const std::int64_t* begin() const noexcept { return v_; }
  const std::int64_t* end() const noexcept { return v_ + size_; }
  std::int64_t* begin() noexcept { return v_; }
  std::int64_t* end() noexcept { return v_ + size_; }
  std::int64_t* data() noexcept { return v_; }
  const std::int64_t* data() const noexcept { return v_; }

  void push_back(std::int64_t x) {
    if (size_ == kMaxRank) throw_too_long();
    v_[size_++] = x;
  }
  void pop_back() noexcept { --size_; }
  void insert(int at, std::int64_t x) {
    push_back(x);
    std::rotate(v_ + at, v_ + size_ - 1, v_ + size_);
  }
  void erase(int at) noexcept {
    std::copy(v_ + at + 1, v_ + size_, v_ + at);
    --size_;
  }
  bool contains(std::int64_t x) const noexcept { return std::find(begin(), end(), x) != end(); }
  bool operator==(const Dims& o) const noexcept {
    return size_ == o.size_ && std::equal(begin(), end(), o.begin());
  }

 private:
  [[noreturn]] static void throw_too_long();
  // Nearly every list is short: a few moves then, no call. The loop ends at kFew for the compiler.
  void copy(const Dims& o) noexcept {
    constexpr int kFew = 4;
    if (o.size_ > kFew) [[unlikely]] {
      std::copy_n(o.v_, o.size_, v_);
      return;
    }
    for (int i = 0; i < kFew && i < o.size_; ++i) v_[i] = o.v_[i];
  }
  std::int64_t v_[kMaxRank];
  int size_ = 0;
};

using Shape = Dims;

// "(2, 3)", "(4,)", "()".
std::string to_string(const Dims& d);
// Product of the entries; ShapeError when negative or too large to address.
std::int64_t count(const Shape& s);
// Row-major strides in elements.
Dims contiguous_strides(const Shape& s) noexcept;
bool is_contiguous(const Shape& shape, const Dims& strides) noexcept;
// NumPy's broadcasting of two shapes; ShapeError named after `op` when they do not fit.
Shape broadcast(const Shape& a, const Shape& b, const char* op);
// axis in [-rank, rank) made non-negative; AxisError otherwise.
int normal_axis(std::int64_t axis, int rank, const char* op);

}  // namespace nnx::core
