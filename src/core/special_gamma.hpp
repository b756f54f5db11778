// The gamma function's logarithm and its derivatives, the zeta function of Hurwitz, log beta.
// lgamma and digamma on [0.75, 2.5] are polynomials with their zeros taken out (at 1 and 2, and at
// 1.4616...), so that they are accurate there, too; other small arguments are shifted there, large
// ones follow Stirling's series, negative ones are reflected (accurate in absolute terms near the
// zeros that lie between the poles).
// One text for every backend, as core/special.hpp says.
#pragma once

#include "core/special.hpp"

namespace nnx::core::special {

namespace gamma {

inline constexpr double kPi = 0x1.921fb54442d18p+1, kLogPi = 0x1.250d048e7a1bdp+0;
inline constexpr double kLeast = 0.75, kMost = 2.5, kLarge = 8;
inline constexpr double kRoot = 0x1.762d86356be3fp+0, kRootLow = 0x1.b86a722197829p-54;

// Bernoulli numbers B_2, B_4, ...
struct Bernoulli {
  double b[10] = {1.0 / 6,       -1.0 / 30, 1.0 / 42,      -1.0 / 30,     5.0 / 66,
                  -691.0 / 2730, 7.0 / 6,   -3617.0 / 510, 43867.0 / 798, -174611.0 / 330};
};
// Of Stirling's series in 1 / x^2: B_2k / (2k (2k - 1)), and of its derivative: B_2k / 2k.
struct Series {
  double c[9];
};
constexpr Series series(bool derivative) {
  constexpr Bernoulli bernoulli;
  Series s{};
  for (int i = 0; i < 9; ++i) {
    const double k = 2.0 * (i + 1);
    s.c[i] = bernoulli.b[i] / (derivative ? k : k * (k - 1));
  }
  return s;
}
template <bool kDerivative, class V>
constexpr V stirling(V inverse) {
  constexpr Series s = series(kDerivative);
  const V z = inverse * inverse;
  V y = s.c[8];
  for (int i = 7; i >= 0; --i) y = fma(y, z, s.c[i]);
  return y;
}

constexpr double kMiddle = 1.625, kHalfWidth = 0.875;
// lgamma(x) / ((x - 1) (x - 2)) between kLeast and kMost.
template <class V>
constexpr V middle_lgamma(V x) {
  constexpr double c[] = {
      0x1.dcfd339a88006p-2,  -0x1.d7944035d8c0cp-4,  0x1.49c7359373505p-5,   -0x1.098ee1e317af3p-6,
      0x1.ccae731346cdep-8,  -0x1.a1da305c4f186p-9,  0x1.86460a9063238p-10,  -0x1.740c79936f5bep-11,
      0x1.6809bf58b14e6p-12, -0x1.606e8e8dc8d76p-13, 0x1.5c1efb6216f95p-14,  -0x1.5a65d377c7a76p-15,
      0x1.5ad4ffab211afp-16, -0x1.5d0e302f2e78cp-17, 0x1.602d7cd423a9fp-18,  -0x1.64f54146125cdp-19,
      0x1.730332360989fp-20, -0x1.7e80b8ebf6448p-21, 0x1.47f0ed3144604p-22,  -0x1.394e77e9a236dp-23,
      0x1.6264415ffd507p-23, -0x1.a2a8efbaee270p-24, -0x1.941ae98e22435p-25, 0x1.25632ca849b15p-25,
      0x1.de5fbabe7f032p-25, -0x1.2410c595fe261p-25, -0x1.44f4867d234f8p-26, 0x1.8813223d39640p-27,
      0x1.506b642230ffep-28, -0x1.7c931c06cac19p-29};
  return polynomial((x - kMiddle) * (1 / kHalfWidth), c);
}
// digamma(x) / (x - root)
template <class V>
constexpr V middle_digamma(V x) {
  constexpr double c[] = {0x1.cd9d88c399e19p-1,   -0x1.4b51809348d4cp-2,  0x1.2e2f6657b8bc8p-3,
                          -0x1.2ba2f39512724p-4,  0x1.3496af0f869dfp-5,   -0x1.44054c6dea3acp-6,
                          0x1.57d5eea3c78cap-7,   -0x1.6f0e65ad1a184p-8,  0x1.89376c70c92b7p-9,
                          -0x1.a61d833ba374dp-10, 0x1.c5b41674e7b35p-11,  -0x1.e805fc553c227p-12,
                          0x1.069326b017170p-12,  -0x1.1aa1f3f8d902ep-13, 0x1.30939f07b60afp-14,
                          -0x1.48251371314b6p-15, 0x1.5d61ac73a8b7fp-16,  -0x1.761e2961a4818p-17,
                          0x1.bab6b99ba4c68p-18,  -0x1.ed60382fc8502p-19, 0x1.db9c5157489f6p-21,
                          -0x1.4243905488616p-22, 0x1.b7d1252a5960fp-20,  -0x1.1d9e57ee60560p-20,
                          -0x1.d40bfeda8b750p-21, 0x1.4249ff25e1124p-21,  0x1.690d445a9f439p-21,
                          -0x1.c8160815ab435p-22, -0x1.ed28a1dd55a18p-23, 0x1.2ffb5c900708ap-23,
                          0x1.af6cd82b77c17p-25,  -0x1.f8495384e19cbp-26};
  return polynomial((x - kMiddle) * (1 / kHalfWidth), c);
}

// Arguments between kMost and kLarge moved down to the middle: with what is passed on the way.
template <bool kSum, class V>
struct Shift {
  V x, passed = kSum ? 0 : 1;  // the sum of 1 / (x - k), or the product of x - k
  constexpr explicit Shift(V from) : x(from) {
    for (int i = 0; i < 6; ++i) {
      const auto move = (x > kMost) & (x < kLarge);
      if (!any(move)) break;
      const V next = x - 1;
      passed = select(move, kSum ? passed + 1 / next : passed * next, passed);
      x = select(move, next, x);
    }
  }
};

// The distance of x from the next whole number, times pi.
template <class V>
constexpr V angle(V x) {
  return (x - x.round()) * kPi;
}

template <class V>
[[gnu::noinline]] constexpr V positive_lgamma(V x) {
  const auto small = x < kLeast, large = x >= kLarge;
  const Shift<false, V> shift(x);
  const V y = select(small, x + 1, shift.x);
  const V log = select(small, x, select(large, x, shift.passed)).log();
  const V near = (y - 1) * (y - 2) * middle_lgamma(y);
  const V z = 1 / x;
  const V far = fma(x - 0.5, log - 1, fma(z, stirling<false>(z), V(0.4189385332046727)));
  return select(large, far, near + select(small, -log, log));
}

template <class V>
[[gnu::noinline]] constexpr V positive_digamma(V x) {
  const auto small = x < kLeast, large = x >= kLarge;
  const Shift<true, V> shift(x);
  const V y = select(small, x + 1, shift.x);
  const V z = 1 / x;
  const V near = fma(y - kRoot - kRootLow, middle_digamma(y), select(small, -z, shift.passed));
  if (!any(large)) return near;
  return select(large, x.log() - z * fma(z, stirling<true>(z), V(0.5)), near);
}

// sum over k >= 0 of (q + k)^-s for s > 1, q > 0: nine terms or more, then Euler and Maclaurin.
template <class V>
[[gnu::noinline]] constexpr double hurwitz(double s, double q) {
  constexpr Bernoulli bernoulli;
  double sum = 0, a = q;
  for (int i = 0; i < 10 || a < 10; ++i, ++a) {
    const double term = ::pow(a, -s);
    sum += term;
    if (::fabs(term) < 1e-17 * sum) return sum;
  }
  const double power = ::pow(a, -s);
  sum += power * a / (s - 1) + 0.5 * power;
  double factor = s * power / a;
  for (int k = 0; k < 10; ++k) {
    const double even = 2 * (k + 1);
    const double term = bernoulli.b[k] / even * factor;
    sum += term;
    if (::fabs(term) < 1e-17 * ::fabs(sum)) break;
    factor *= (s + even - 1) * (s + even) / (a * a * even * (even + 1));
  }
  return sum;
}

template <class V>
[[gnu::noinline]] constexpr double any_zeta(double s, double q) {
  if (!(s >= 1) || q != q) return kNaN;
  if (s == 1) return kInf;
  if (q > 0) return q == kInf ? 0 : hurwitz<V>(s, q);
  if (q == ::floor(q)) return kInf;
  if (s != ::floor(s)) return kNaN;
  const double sign = ::fmod(s, 2) == 0 ? 1 : -1;
  if (q > -1) return sign * ::pow(-q, -s) + hurwitz<V>(s, q + 1);
  // The terms of q + k < 0 are those of a positive argument turned round, up to q itself.
  const double rest = q - ::floor(q);
  return hurwitz<V>(s, rest) + sign * (hurwitz<V>(s, 1 - rest) - hurwitz<V>(s, 1 - q));
}

template <class V>
constexpr double one_polygamma(double n, double x) {
  if (n == 0) return V(x).digamma()[0];
  if (!(n > 0) || n != ::floor(n)) return kNaN;
  const double zeta = any_zeta<V>(n + 1, x);
  if (zeta == 0) return 0;
  const double factorial =
      n < 20 ? ::round(::exp(V(n + 1).lgamma()[0])) : ::exp(V(n + 1).lgamma()[0]);
  return (::fmod(n, 2) == 0 ? -1 : 1) * factorial * zeta;
}

template <class V>
constexpr double tail_of_stirling(double x) {
  return stirling<false>(V(1 / x))[0] / x;
}

template <class V>
constexpr double one_betaln(double p, double q) {
  const double a = p > q ? q : p, b = p > q ? p : q;
  if (!(a > 0) || b < 10) return (V(a).lgamma() + (V(b).lgamma() - V(a + b).lgamma()))[0];
  const double low = tail_of_stirling<V>(b) - tail_of_stirling<V>(a + b);
  if (a < 10)  // lgamma(b) - lgamma(a + b) without cancellation
    return V(a).lgamma()[0] + (low - (b - 0.5) * ::log1p(a / b) - a * (::log(a + b) - 1));
  return 0.9189385332046728 - 0.5 * ::log(b) + (a - 0.5) * ::log(a / (a + b)) - b * ::log1p(a / b) +
         (tail_of_stirling<V>(a) + low);
}

}  // namespace gamma

template <class V>
[[gnu::noinline]] constexpr V lgamma(V x) {
  const auto negative = x < 0;
  if (!any(negative)) return gamma::positive_lgamma(x);
  const V rest = gamma::positive_lgamma(select(negative, 1 - x, x));
  const V reflected = gamma::kLogPi - gamma::angle(x).sin().abs().log() - rest;
  return select(x == -kInf, V(kInf), select(negative, reflected, rest));
}

template <class V>
[[gnu::noinline]] constexpr V digamma(V x) {
  const auto negative = x < 0;
  if (!any(negative)) return gamma::positive_digamma(x);
  const V rest = gamma::positive_digamma(select(negative, 1 - x, x)), a = gamma::angle(x);
  const V reflected = rest - gamma::kPi / a.tan();
  return select(negative, select(a == 0, V(kNaN), reflected), rest);
}

template <class V>
constexpr V polygamma(V n, V x) {
  return each_lane([](double m, double y) constexpr { return gamma::one_polygamma<V>(m, y); }, n,
                   x);
}
template <class V>
constexpr V zeta(V s, V q) {
  return each_lane([](double r, double p) constexpr { return gamma::any_zeta<V>(r, p); }, s, q);
}
template <class V>
constexpr V betaln(V a, V b) {
  return each_lane([](double p, double q) constexpr { return gamma::one_betaln<V>(p, q); }, a, b);
}

}  // namespace nnx::core::special
