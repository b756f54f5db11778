// What an op is, and the one point every op passes through.
//
// An op is a constant: its name, how its value is computed, how a gradient passes back through it.
//   pointwise  declared in ops/pointwise.hpp; gradient derived symbolically
//   linear     linear in its tensor arguments: backward is the transpose, written in ops
//   custom     backward written in ops
//   fused      one kernel for several ops; `definition` says in ops what it computes, and is what
//              create_graph differentiates
// dispatch() computes, then tells whoever listens: the tape of autodiff, a recorder.
// Under vmap an operand is one of many lanes: the op's rule for lanes says how one call of forward
// computes them all (ops/lanes.hpp).
// Invariants: forward checks everything before it writes anything; backward calls only ops, so a
// gradient is differentiable again.
#pragma once

#include <cstdint>
#include <span>

#include "core/error.hpp"
#include "core/tensor.hpp"

namespace nnx::ops {

using namespace core;

struct Op;

// Everything an op is told besides its operands. Which fields mean what is the op's business.
struct Attrs {
  Dims axes, shape, extra;
  std::int64_t i[3] = {0, 0, 0};
  double f[2] = {0, 0};
  DType dtype = DType::float32;
  bool flag = false;
};

// One application of an op.
struct Call {
  const Op& op;
  std::span<Operand> in;
  Attrs attrs;
  Tensor out[kMaxRank / 3];  // results; those beyond the op's visible ones serve the gradient
  Tensor target;             // in-place: the tensor that is to hold out[0]
};

// One application of an op's gradient.
struct Backward {
  struct Input {
    Operand value;  // kept when the op's `saves` has the bit
    Shape shape;    // of a tensor operand
    DType dtype = DType::float32;
    bool needed = false;
    Tensor grad;  // result; none means zero
  };
  const Op& op;
  const Attrs& attrs;
  std::span<Input> in;
  std::span<const Tensor> out;   // kept results
  std::span<const Tensor> grad;  // of every result; none means zero
};

inline constexpr std::uint32_t kSaveNothing = 0;
inline constexpr std::uint32_t save_in(int i) { return 1u << i; }
inline constexpr std::uint32_t save_out(int j) { return 1u << (16 + j); }
inline constexpr std::uint32_t kSaveInputs = 0xffffu;

struct Op {
  enum class Kind : std::uint8_t { pointwise, linear, custom, fused };
  const char* name;
  Kind kind = Kind::custom;
  void (*forward)(Call&) = nullptr;
  void (*backward)(Backward&) = nullptr;  // null: no gradient passes
  std::uint32_t saves = kSaveNothing;
  bool view = false;         // out[0] shares the storage of the first operand
  std::uint8_t results = 1;  // in out[]
  std::uint8_t visible = 1;  // of those, tensors the caller sees and autodiff follows
  Tensor (*definition)(std::span<const Operand>, const Attrs&) = nullptr;  // fused
  // Computes the call for all lanes; null: its definition does, or one call for each lane.
  void (*lanes)(Call&, const Lanes& all) = nullptr;
  bool sums_lanes = false;  // backward sums over the lanes that an operand has not
};

// Listeners of the dispatch point.
class Listener {
 public:
  virtual ~Listener() = default;
  // Before an in-place call writes: may refuse, or put copies in the place of operands.
  virtual void before_write(Call& call) = 0;
  virtual void called(Call& call) = 0;
  // Of a view without a call (unobserved_view): through it, too, x may be written.
  virtual void viewed(const Tensor& x, const Tensor& view) = 0;
  // Whether a view without a gradient of its own has one through later writes to its base.
  virtual bool follows(const Tensor& view) = 0;
};
void set_tape(Listener* tape) noexcept;

// Sees every result before anyone else does, and may refuse it.
class Observer {
 public:
  virtual ~Observer() = default;
  virtual void computed(const Call& call) = 0;
};
void set_observer(Observer* observer) noexcept;  // null: nobody

// Whether autodiff follows what this thread computes.
bool grad_enabled() noexcept;
class GradMode {
 public:
  explicit GradMode(bool on) noexcept;
  ~GradMode();
  GradMode(const GradMode&) = delete;
  GradMode& operator=(const GradMode&) = delete;

 private:
  bool before_;
};
void set_grad_enabled(bool on) noexcept;
// Whether t requires a gradient, also as a view whose base came to require one.
bool follows(const Tensor& t);

// The view of x with this geometry, where nobody wants to know which op made it (none otherwise).
Tensor unobserved_view(const Tensor& x, const Shape& shape, const Dims& strides,
                       std::int64_t offset);

void dispatch(Call& call);
Tensor call(const Op& op, std::span<Operand> in, const Attrs& attrs = {});
inline Tensor call(const Op& op, const Tensor& x, const Attrs& attrs = {}) {
  Operand in[] = {x};
  return call(op, std::span<Operand>(in), attrs);
}
inline Tensor call(const Op& op, const Tensor& x, const Tensor& y, const Attrs& attrs = {}) {
  Operand in[] = {x, y};
  return call(op, std::span<Operand>(in), attrs);
}

}  // namespace nnx::ops
