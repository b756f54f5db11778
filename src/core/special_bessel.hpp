// Modified Bessel functions of the first kind, orders 0 and 1; e: times exp(-|x|).
// Up to 8 their power series, whose terms are all positive; beyond, polynomials in 16 / |x| - 1.
// One text for every backend, as core/special.hpp says.
#pragma once

#include "core/special.hpp"

namespace nnx::core::special {

namespace bessel {

// 1 / (k! (k + order)!): the factorials are exact.
struct Series {
  double c[22];
};
constexpr Series series(int order) {
  Series s{};
  double f = 1;
  for (int k = 0; k < 22; ++k, f *= k) s.c[k] = 1 / (f * (order ? f * (k + 1) : f));
  return s;
}

// sqrt(|x|) exp(-|x|) I(|x|) in t = 16 / |x| - 1
template <int kOrder, class V>
constexpr V far_polynomial(V t) {
  constexpr double zeroth[] = {
      0x1.9bd428ad249a5p-2,   0x1.b87969bb93b86p-9,  0x1.1daa72b5e2bd7p-13,  0x1.75e5ee7193c9bp-17,
      0x1.8e513a708989ep-20,  0x1.3f49a7d62b2a7p-22, 0x1.7d0f1670e44e2p-24,  0x1.51ce71adfb8dcp-25,
      0x1.7232c4c122295p-26,  0x1.0393c5c549066p-27, -0x1.cfb20ddb53edep-28, -0x1.ccba1604bc157p-27,
      -0x1.7369bf37c026dp-28, 0x1.03813921d363bp-27, 0x1.fe9e1dd494c83p-28,  -0x1.e1db3b1fc3ea5p-29,
      -0x1.99204d1a8bb2ep-28, 0x1.a1d63d6d82361p-30, 0x1.f3ff264907755p-29,  -0x1.3a3b59d669597p-31,
      -0x1.bd05a336c6a55p-30, 0x1.4ffe43b34b0cep-33, 0x1.f741903e631aep-32,  -0x1.646da66119130p-36,
      -0x1.0adb754ca8b19p-34};
  constexpr double first[] = {
      0x1.8ebe783a84030p-2,   -0x1.3f796198ee62dp-7,  -0x1.cbc54df1e92e0p-13,
      -0x1.f89c230615615p-17, -0x1.ec8e106de0a2fp-20, -0x1.76137f7ae6917p-22,
      -0x1.ad8d53e613985p-24, -0x1.727a1058f659fp-25, -0x1.918f9f9793789p-26,
      -0x1.21936a1ea1c23p-27, 0x1.cec9f53b94527p-28,  0x1.e236784650fb0p-27,
      0x1.9a8f6afc3dd3dp-28,  -0x1.069735b018307p-27, -0x1.0f0aac74a7f0dp-27,
      0x1.d6e5e5ac6b3a2p-29,  0x1.acff7707fcc46p-28,  -0x1.8b794674af087p-30,
      -0x1.04c48e6f24f2ep-28, 0x1.23214d692a960p-31,  0x1.cf243016f9c2cp-30,
      -0x1.341e6ffaf59fap-33, -0x1.059e6bcc892fbp-31, 0x1.45b8aea87b950p-36,
      0x1.1556db352e8e6p-34};
  if constexpr (kOrder) return polynomial(t, first);
  else return polynomial(t, zeroth);
}

template <int kOrder, bool kScaled, class V>
constexpr V of(V x) {
  constexpr Series s = series(kOrder);
  const V a = x.abs();
  const V square = 0.25 * a * a;
  V near = s.c[21];
  for (int i = 20; i >= 0; --i) near = fma(near, square, s.c[i]);
  if (kOrder == 1) near = 0.5 * a * near;
  if (kScaled) near = near * (-a).exp();
  const auto large = a > 8;
  V y = near;
  if (any(large)) {
    const V t = 16 / a - 1;
    V far = far_polynomial<kOrder>(t) / a.sqrt();
    // In two factors: exp alone overflows before the function does.
    const V first = min(V(700), a);
    if (!kScaled) far = far * first.exp() * (a - first).exp();
    if (!kScaled) far = select(a == kInf, a, far);
    y = select(large, far, near);
  }
  return kOrder ? y.copysign(x) : y;
}

}  // namespace bessel

template <class V>
constexpr V i0(V x) {
  return bessel::of<0, false>(x);
}
template <class V>
constexpr V i0e(V x) {
  return bessel::of<0, true>(x);
}
template <class V>
constexpr V i1(V x) {
  return bessel::of<1, false>(x);
}
template <class V>
constexpr V i1e(V x) {
  return bessel::of<1, true>(x);
}

}  // namespace nnx::core::special
