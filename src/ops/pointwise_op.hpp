// Pointwise ops at run time: dtype and shape rules, execution, gradients.
// Invariant: an op made from a declaration or from an expression lives for the whole process;
// programs and gradient ops are made on first need and kept.
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <vector>

#include "core/program.hpp"
#include "ops/expr.hpp"

namespace nnx::ops {

struct PointwiseGradient;

struct PointwiseOp : Op {
  std::string label;
  Rule rule = Rule::floating;
  int arity = 0;
  int declaration = -1;  // with a compiled kernel; -1: runs as a program
  bool complex = true;   // complex tensors are taken
  // Of a function that is not holomorphic: what it computes of complex operands.
  Tensor (*complex_form)(std::span<Operand>) = nullptr;
  std::vector<Expr> roots;
  std::uint32_t masks = 0;  // bit i: input i is a bool register
  mutable std::array<std::atomic<const Program*>, kLanes> programs{};
  mutable std::array<std::atomic<const PointwiseGradient*>, kMaxInputs> gradients{};
};

// The gradient in one input: an op over those of (inputs..., output, incoming gradient) it uses.
struct PointwiseGradient {
  const PointwiseOp* op = nullptr;
  std::unique_ptr<PointwiseOp> owned;  // op, unless it is a declared one
  std::vector<int> uses;  // 0..arity-1 inputs, arity the output, arity + 1 the gradient
  bool zero = false;
  bool identity = false;  // the incoming gradient itself
  std::uint32_t saves = 0;
};

const PointwiseOp& pointwise_op(int declaration);
std::unique_ptr<PointwiseOp> make_pointwise(std::string label, Rule rule, int arity,
                                            std::vector<Expr> roots, std::uint32_t masks);
const PointwiseGradient& pointwise_gradient(const PointwiseOp& op, int input);
// The program of op in a compute lane. Kept for ever.
const Program& pointwise_program(const PointwiseOp& op, Lane lane);
// What a node must keep when the inputs in `needed` want gradients.
std::uint32_t pointwise_saves(const PointwiseOp& op, std::uint32_t needed);

// Whether the derivative of a declared function of one argument can be had from its result: then a
// kernel may apply it in place. The gradient before it, from its result and the gradient after it.
bool gradient_follows_from_output(int declaration);
Tensor gradient_from_output(int declaration, const Tensor& y, const Tensor& g);

// The op a declaration becomes is set up here where derivatives alone do not say it all
// (complex.cpp).
void complete_complex(PointwiseOp& op);

Tensor apply_op(const PointwiseOp& op, std::span<Operand> in);
void apply_op_into(const Tensor& target, const PointwiseOp& op, std::span<Operand> in);

// The dtype operands meet in: tensors promote, numbers only change the kind.
DType common_dtype(std::span<const Operand> in, const char* op);
// A dtype is computed in a lane; a number as one value of that lane.
struct LaneValue {
  alignas(16) unsigned char bytes[kMaxElement];
};
LaneValue lane_value(const Scalar& s, Lane lane);
// What a step-0 argument needs: kCopiesBytes of copies (core/program.hpp).
void replicate(const void* value, Lane lane, void* copies);

}  // namespace nnx::ops
