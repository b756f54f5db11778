// How messages show a tensor: see tensor.hpp.
#include "core/tensor.hpp"

#include "core/error.hpp"

namespace nnx::core {

void Tensor::throw_lanes() const {
  fail<VmapError>("vmap",
                  "inside vmap a tensor has no single value to read: every lane has its own",
                  describe(*this) + " in each of " + std::to_string(lanes()->count()) + " lanes",
                  "write `if x > 0` as nnx.where(x > 0, a, b); look at a value by returning it, or "
                  "with print(x)");
}

std::string describe(const Tensor& t) {
  if (!t) return "none";
  std::string s = to_string(t.shape()) + " " + std::string(name_of(t.dtype()));
  if (t.device().kind != DeviceKind::cpu) s += " on " + to_string(t.device());
  return s;
}

std::string describe(const Operand& o) {
  if (o.is_tensor()) return describe(o.tensor);
  switch (o.scalar.kind) {
    case Scalar::Kind::none: return "none";
    case Scalar::Kind::boolean: return o.scalar.i ? "True" : "False";
    case Scalar::Kind::integer: return std::to_string(o.scalar.i);
    case Scalar::Kind::unsigned_integer: return std::to_string(o.scalar.u);
    case Scalar::Kind::complex:
      return std::to_string(o.scalar.f) + (o.scalar.imag < 0 ? " - " : " + ") +
             std::to_string(o.scalar.imag < 0 ? -o.scalar.imag : o.scalar.imag) + "j";
    default: return std::to_string(o.scalar.f);
  }
}

}  // namespace nnx::core
