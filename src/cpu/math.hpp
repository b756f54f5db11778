// The transcendental and integer members of Vec, all of them: include this, not its parts.
// Promises: within 2 ulp of the exact value for every argument (subnormals, huge arguments,
// overflow edges) on every level, with C's special values; lanes never influence each other, so a
// value does not depend on where in an array it stands.
#pragma once

#include "cpu/math_divide.hpp"
#include "cpu/math_erf.hpp"
#include "cpu/math_exp.hpp"
#include "cpu/math_hyperbolic.hpp"
#include "cpu/math_inverse.hpp"
#include "cpu/math_log.hpp"
#include "cpu/math_logsum.hpp"
#include "cpu/math_pow.hpp"
#include "cpu/math_trig.hpp"
