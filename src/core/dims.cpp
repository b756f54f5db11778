// Shape arithmetic: see dims.hpp.
#include "core/dims.hpp"

#include "core/error.hpp"

namespace nnx::core {

void Dims::throw_too_long() {
  fail<ShapeError>("shape", "a tensor has at most " + std::to_string(kMaxRank) + " axes");
}

std::string to_string(const Dims& d) {
  std::string s = "(";
  for (int i = 0; i < d.size(); ++i) s += (i ? ", " : "") + std::to_string(d[i]);
  return s + (d.size() == 1 ? ",)" : ")");
}

std::int64_t count(const Shape& s) {
  std::int64_t n = 1;
  bool zero = false, huge = false;
  for (auto x : s) {
    if (x < 0) fail<ShapeError>("shape", "lengths of axes must not be negative", to_string(s));
    zero |= x == 0;
    // Elements of up to 16 bytes must stay addressable.
    huge |= x != 0 && __builtin_mul_overflow(n, x, &n);
    huge |= n > (std::int64_t{1} << 58);
    if (huge) n = 1;
  }
  if (zero) return 0;
  if (huge) fail<ShapeError>("shape", "a tensor of this shape has too many elements", to_string(s));
  return n;
}

Dims contiguous_strides(const Shape& s) noexcept {
  Dims r = s;
  std::int64_t step = 1;
  for (int i = s.size() - 1; i >= 0; --i) {
    r[i] = step;
    step *= std::max<std::int64_t>(s[i], 1);
  }
  return r;
}

bool is_contiguous(const Shape& shape, const Dims& strides) noexcept {
  std::int64_t step = 1;
  for (int i = shape.size() - 1; i >= 0; --i) {
    if (shape[i] == 0) return true;
    if (shape[i] != 1 && strides[i] != step) return false;
    step *= shape[i];
  }
  return true;
}

Shape broadcast(const Shape& a, const Shape& b, const char* op) {
  if (a == b) return a;
  const Shape& big = a.size() >= b.size() ? a : b;
  const Shape& small = a.size() >= b.size() ? b : a;
  Shape r = big;
  const int shift = big.size() - small.size();
  for (int i = 0; i < small.size(); ++i) {
    const auto x = big[i + shift], y = small[i];
    if (x != y && x != 1 && y != 1)
      fail<ShapeError>(
          op, "the shapes do not broadcast: axes, aligned from the last, must be equal or 1",
          "a " + to_string(a) + ", b " + to_string(b));
    r[i + shift] = x == 1 ? y : x;
  }
  return r;
}

int normal_axis(std::int64_t axis, int rank, const char* op) {
  if (axis < -rank || axis >= rank)
    fail<AxisError>(
        op, "axis must lie in [-" + std::to_string(rank) + ", " + std::to_string(rank) + ")",
        "axis " + std::to_string(axis) + " for a tensor with " + std::to_string(rank) + " axes");
  return static_cast<int>(axis < 0 ? axis + rank : axis);
}

}  // namespace nnx::core
