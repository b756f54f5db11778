// What the special functions of core/special_*.hpp share. Each of them is one text for every
// backend: a template over V, an element (cuda::Value<double>) or a vector of doubles
// (cpu::Vec<double>), that uses only what V offers: operators, comparisons, select, any, fma, min,
// x[i], set, and members such as exp. They are constexpr, so that a device may call them.
// Invariants: no header of the standard library beyond <cmath> and its functions of double
// (programs compiled while nnx runs have no other); tables are locals of the functions that use
// them (a device cannot reach what lies in the host's memory); lanes never influence each other.
#pragma once

#include <cmath>

namespace nnx::core::special {

inline constexpr double kInf = __builtin_huge_val(), kNaN = __builtin_nan("");

// c[0] + c[1] x + ...; of long ones the upper part as two interleaved chains.
template <class V, class T, int n>
constexpr V polynomial(V x, const T (&c)[n]) {
  constexpr int chained = n < 10 ? n - 1 : 4;  // terms that follow one another
  V y = c[n - 1];
  if constexpr (n >= 10) {
    const V x2 = x * x;
    V a = y, b = c[n - 2];
    constexpr int odd = n % 2;
#pragma GCC unroll 16
    for (int i = n - 3; i > chained + odd; i -= 2) a = fma(a, x2, c[i]), b = fma(b, x2, c[i - 1]);
    y = fma(a, x, b);
    if constexpr (odd) y = fma(y, x, c[chained]);
  }
#pragma GCC unroll 16
  for (int i = chained - 1; i >= 0; --i) y = fma(y, x, c[i]);
  return y;
}

// f of every lane, for what has too many cases to vectorise.
template <class F, class V, class... A>
constexpr V each_lane(F f, V x, A... more) {
  V y = x;
  for (int i = 0; i < V::width; ++i) y.set(i, f(x[i], more[i]...));
  return y;
}

}  // namespace nnx::core::special
