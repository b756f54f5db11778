// The lookups of the files that compile some of the lanes each; pointwise_function asks them.
#pragma once

#include "core/program.hpp"

namespace nnx::cpu {

core::TileFn pointwise_f32(int declaration);
core::TileFn pointwise_f64(int declaration);
core::TileFn pointwise_complex(int declaration, core::Lane lane);

}  // namespace nnx::cpu
