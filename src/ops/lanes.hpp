// vmap: one call of an op for many lanes at once.
//
// A tensor with lanes (core/tensor.hpp) has the shape of one lane. Its plain form has an axis for
// every level of vmap in front; an op computes all lanes by one call of forward on the plain forms
// of its operands, with axes moved by as many. How is the op's rule, named in its constant:
//   view      forward works on strides alone, which lanes go along with
//   leading   forward treats leading axes as a stack
//   aligned   operands broadcast: shorter ones get axes of length 1 behind the lanes
//   axis      attrs.i[0] is an axis            mask   attrs.i[0] has a bit for every axis
// or a function of its own beside the op; an op that names none is computed lane by lane. Autodiff
// records calls as the function wrote them, one node for all lanes; a gradient is differentiable
// and has lanes as everything else. Invariants: results have every lane that an operand has; a
// followed operand without some of them is first spread over them by an op whose transpose sums;
// nothing here runs without lanes.
#pragma once

#include <cstdint>

#include "ops/op.hpp"

namespace nnx::ops {

// x with its axis `axis` as the lanes of vmap number `level`.
Tensor lanes_in(const Tensor& x, std::int64_t axis, std::int64_t level);
// The inverse; a tensor without those lanes is repeated `size` times.
Tensor lanes_out(const Tensor& x, std::int64_t axis, std::int64_t level, std::int64_t size);
// x with the lanes of `like` as well, or, when that is none, with those of every vmap being run in
// this thread: a value of its own in each, which a gradient in x tells apart.
Tensor spread(const Tensor& x, const Tensor& like = {});
// A new tensor, of which every lane of `like` is to have its own, to write to.
Tensor own_in_lanes(const Tensor& made, const Tensor& like);

namespace lanes {

// Whether a tensor without lanes must be kept from what has them: the in-place paths.
inline bool any(const Tensor& a) noexcept { return a && a.lanes(); }
inline bool any(const Tensor& a, const Tensor& b) noexcept { return any(a) || any(b); }

// Without lanes: those of `all` in front, then axes of length 1, then its own; `rank` counts what
// follows the lanes, -1 is its own. No autodiff.
Tensor plain(const Tensor& x, const Lanes& all, int rank = -1);
// Whether x is the same in every lane, and so need not be seen with them; then its one lane.
bool shared(const Tensor& x);
Tensor lane_of(const Tensor& x);
// All values of x, in a plain tensor (x itself when it has no lanes).
Tensor values(const Tensor& x);
// The other way: the first axes of x become the lanes.
Tensor with_lanes(const Tensor& x, const Lanes& all);
// The sizes of the lanes followed by a shape.
Shape in_front(const Lanes& all, const Dims& shape);

// forward on plain operands with these attrs; results get their lanes.
void run(Call& call, const Lanes& all, const Attrs& attrs, int rank = -1);

// One call of forward for each lane.
void each(Call& call, const Lanes& all);

void view(Call& call, const Lanes& all);
void leading(Call& call, const Lanes& all);
void aligned(Call& call, const Lanes& all);
void axis(Call& call, const Lanes& all);
void mask(Call& call, const Lanes& all);

// The vmaps being run in this thread whose random draws differ from lane to lane, or null.
const Lanes* scope() noexcept;
void enter_scope(std::int64_t level, std::int64_t size, bool draws_differ);
void leave_scope() noexcept;

// Of dispatch: prepares operands; true when the call is done by the op's definition. Then computes.
bool enter(Call& call);
void forward(Call& call);

}  // namespace lanes
}  // namespace nnx::ops
