// The lookups of the files that compile one lane each; pointwise_function asks them.
#pragma once

#include "core/program.hpp"

namespace nnx::cpu {

core::TileFn pointwise_f32(int declaration);
core::TileFn pointwise_f64(int declaration);

}  // namespace nnx::cpu
