// The incomplete gamma and beta functions, regularised, and their derivatives in a: one element at
// a time, in series, continued fractions and, where those are slow, Temme's expansion. A derivative
// is the same text run on a number that carries one.
// Source: Temme, The asymptotic expansion of the incomplete gamma functions, SIAM J. Math. Anal. 10
// (1979) 757; DLMF 8.7, 8.9, 8.12, 8.17.
// One text for every backend, as core/special.hpp says.
#pragma once

#include "core/special_gamma.hpp"

namespace nnx::core::special {

// With x / a = 1 + mu and mu - log(1 + mu) = eta^2 / 2, gammaincc is erfc(eta sqrt(a / 2)) / 2 and
// exp(-a eta^2 / 2) / sqrt(2 pi a) times the sum of c_k(eta) / a^k; here are the c_k's
// coefficients.
inline constexpr int kPowers = 24, kOrders = 16;
struct Temme {
  double c[kOrders][kPowers];
};
constexpr Temme temme_coefficients() {
  constexpr int all = kPowers + 2 * kOrders + 2;
  double mu[all + 2] = {0, 1};  // in powers of eta: mu mu' = eta (1 + mu)
  for (int n = 2; n < all + 2; ++n) {
    double sum = mu[n - 1];
    for (int j = 2; j < n; ++j) sum -= j * mu[j] * mu[n + 1 - j];
    mu[n] = sum / (n + 1);
  }
  double first[all] = {}, c[all] = {};  // 1 / mu - 1 / eta
  for (int n = 0; n < all; ++n) first[n] = c[n] = (n + 2) * mu[n + 2] - (n == 0 ? 1 : 0);
  Temme table{};
  for (auto& row : table.c) {
    for (int n = 0; n < kPowers; ++n) row[n] = c[n];
    const double g = -c[1];  // so that c'/eta + g/mu is finite at 0
    for (int n = 0; n < all; ++n) c[n] = g * first[n] + (n + 2 < all ? (n + 2) * c[n + 2] : 0);
  }
  return table;
}

// Written in V, a vector of doubles, only for its members: lgamma, digamma, betaln, erfc.
template <class V>
struct Incomplete {
  static constexpr double kEps = 1e-17, kTwoPi = 6.283185307179586;
  static constexpr int kMostSteps = 100'000;

  // --- a number and its derivative ---------------------------------------------------------------
  struct Dual {
    double value, slope;
    constexpr Dual(double v = 0, double s = 0) : value(v), slope(s) {}

    friend constexpr Dual operator+(Dual a, Dual b) {
      return {a.value + b.value, a.slope + b.slope};
    }
    friend constexpr Dual operator-(Dual a, Dual b) {
      return {a.value - b.value, a.slope - b.slope};
    }
    friend constexpr Dual operator-(Dual a) { return {-a.value, -a.slope}; }
    friend constexpr Dual operator*(Dual a, Dual b) {
      return {a.value * b.value, a.value * b.slope + a.slope * b.value};
    }
    friend constexpr Dual operator/(Dual a, Dual b) {
      const double q = a.value / b.value;
      return {q, (a.slope - q * b.slope) / b.value};
    }
  };

  static constexpr double value(double x) { return x; }
  static constexpr double value(Dual x) { return x.value; }
  static constexpr double slope(double) { return 0; }
  static constexpr double slope(Dual x) { return x.slope; }

  static constexpr double exp(double x) { return ::exp(x); }
  static constexpr Dual exp(Dual x) {
    const double y = ::exp(x.value);
    return {y, y * x.slope};
  }
  static constexpr double expm1(double x) { return ::expm1(x); }
  static constexpr Dual expm1(Dual x) { return {::expm1(x.value), ::exp(x.value) * x.slope}; }
  static constexpr double log1p(double x) { return ::log1p(x); }
  static constexpr Dual log1p(Dual x) { return {::log1p(x.value), x.slope / (1 + x.value)}; }
  static constexpr double sqrt(double x) { return ::sqrt(x); }
  static constexpr Dual sqrt(Dual x) {
    const double y = ::sqrt(x.value);
    return {y, x.slope / (2 * y)};
  }
  static constexpr double lgamma(double x) { return V(x).lgamma()[0]; }
  static constexpr Dual lgamma(Dual x) {
    return {lgamma(x.value), V(x.value).digamma()[0] * x.slope};
  }
  static constexpr double erfc(double x) { return V(x).erfc()[0]; }
  static constexpr Dual erfc(Dual x) {
    return {erfc(x.value), -1.1283791670955126 * ::exp(-x.value * x.value) * x.slope};
  }

  // Of what is not defined the derivative is not, either.
  template <class N>
  static constexpr N not_a_number() {
    return N(kNaN) * N(kNaN);
  }

  // --- parts -------------------------------------------------------------------------------------
  // (log(1 + m) - m) / m^2, for m > -1
  template <class N>
  [[gnu::noinline]] static constexpr N log_rest(N m) {
    if (::fabs(value(m)) > 0.5) return (log1p(m) - m) / (m * m);
    const N d = m + 2.0, s = m / d, square = s * s;
    N sum = 1.0 / 37;
    for (int k = 16; k >= 0; --k) sum = sum * square + 1.0 / (2 * k + 3);
    return 2.0 * s * sum / (d * d) - 1.0 / d;
  }
  // lgamma(x) - ((x - 1/2) log x - x + log(2 pi) / 2) for x >= 10
  template <class N>
  static constexpr N stirling(N x) {
    constexpr gamma::Series s = gamma::series(false);
    const N z = 1.0 / (x * x);
    N y = s.c[8];
    for (int i = 7; i >= 0; --i) y = y * z + s.c[i];
    return y / x;
  }

  // x^a e^-x / gamma(a + 1)
  template <class N>
  [[gnu::noinline]] static constexpr N gamma_factor(N a, double x) {
    if (value(a) < 10) return exp(a * ::log(x) - x - lgamma(a + 1.0));
    const N m = (x - a) / a;
    return exp(a * (m * m * log_rest(m)) - stirling(a)) / sqrt(kTwoPi * a);
  }

  template <class N>
  static constexpr N temme(N a, double x, bool upper) {
    constexpr Temme table = temme_coefficients();
    const N mu = (x - a) / a, eta = mu * sqrt(-2.0 * log_rest(mu));
    N sum = 0.0;
    for (int k = kOrders - 1; k >= 0; --k) {
      N c = 0.0;
      for (int n = kPowers - 1; n >= 0; --n) c = c * eta + table.c[k][n];
      sum = sum / a + c;
    }
    const N rest = exp(-0.5 * a * eta * eta) / sqrt(kTwoPi * a) * sum;
    const N whole = eta * sqrt(0.5 * a);
    return upper ? 0.5 * erfc(whole) + rest : 0.5 * erfc(-whole) - rest;
  }

  template <class N>
  static constexpr N gamma_series(N a, double x) {  // gammainc
    N term = 1.0, sum = 1.0, n = a;
    for (int i = 0; i < kMostSteps; ++i) {
      n = n + 1.0;
      term = term * x / n;
      sum = sum + term;
      if (value(term) < kEps * value(sum)) break;
    }
    return gamma_factor(a, x) * sum;
  }
  // 1 / (b0 + a1 / (b1 + a2 / (b2 + ...))) by Lentz's method; next(i) gives a_i and b_i.
  template <class N, class Next>
  [[gnu::noinline]] static constexpr N continued_fraction(N b0, Next next) {
    N c = b0, d = 0.0, f = b0;
    for (int i = 1; i < kMostSteps; ++i) {
      const auto [a, b] = next(i);
      d = b + a * d;
      c = b + a / c;
      if (value(d) == 0) d = N(1e-300);
      if (value(c) == 0) c = N(1e-300);
      d = 1.0 / d;
      const N step = c * d;
      f = f * step;
      const double change = 1 + ::fabs(slope(f) / value(f));
      if (::fabs(value(step) - 1) < 4e-16 && ::fabs(slope(step)) < 1e-15 * change) break;
    }
    return 1.0 / f;
  }
  template <class N>
  struct Terms {
    N a, b;
  };
  template <class N>
  static constexpr N gamma_fraction(N a, double x) {  // gammaincc
    const N f = continued_fraction(x + 1.0 - a, [&](int i) constexpr {
      return Terms<N>{double(i) * (a - double(i)), x + (2.0 * i + 1.0) - a};
    });
    return gamma_factor(a, x) * a * f;
  }
  template <class N>
  static constexpr N gamma_small(N a, double x) {  // gammaincc where x is small
    N sum = 0.0;
    double power = 1;
    for (int i = 1; i < 60; ++i) {
      power *= -x / i;
      sum = sum + power / (a + double(i));
      if (::fabs(power) < kEps) break;
    }
    const N log_power = a * ::log(x) - lgamma(a + 1.0);
    return -expm1(log_power) - exp(log_power) * a * sum;
  }

  template <class N>
  [[gnu::noinline]] static constexpr N gamma(N a, double x, bool upper) {
    const double v = value(a);
    if (!(v >= 0) || !(x >= 0) || (v == 0 && x == 0) || (v == kInf && x == kInf))
      return not_a_number<N>();
    if (x == 0 || v == kInf) return upper ? 1.0 : 0.0;
    if (v == 0 || x == kInf) return upper ? 0.0 : 1.0;
    const double distance = ::fabs(x - v) / v;
    if (v > 20 && distance < (v < 200 ? 0.3 : 4.5 / ::sqrt(v))) return temme(a, x, upper);
    if (x > 1.1 ? x >= v : x <= 0.5 ? -0.4 / ::log(x) >= v : x * 1.1 >= v) {
      const N q = x > 1.1 ? gamma_fraction(a, x) : gamma_small(a, x);
      return upper ? q : 1.0 - q;
    }
    const N p = gamma_series(a, x);
    return upper ? 1.0 - p : p;
  }

  // x^a (1 - x)^b / beta(a, b)
  template <class N>
  static constexpr N beta_factor(N a, double b, double x) {
    if (value(a) >= 10 && b >= 10) {
      const N s = a + b, m = x * s / a - 1.0, n = (1 - x) * s / b - 1.0;
      const N exponent = a * (m * m * log_rest(m)) + b * (n * n * log_rest(n));
      return exp(exponent + stirling(s) - stirling(a) - stirling(N(b))) *
             sqrt(a * b / (kTwoPi * s));
    }
    const double log_beta = V(value(a)).betaln(V(b))[0];
    const double d = (V(value(a) + b).digamma() - V(value(a)).digamma())[0];  // of -log_beta
    N log_factor = a * ::log(x) + (b * ::log1p(-x) - log_beta);
    if constexpr (requires { a.slope; }) log_factor.slope += d * a.slope;
    return exp(log_factor);
  }
  template <class N>
  static constexpr N beta_fraction(N a, N b, double x) {
    return continued_fraction(N(1.0), [&](int i) constexpr {
      const double m = i / 2;
      const N a2 = a + 2.0 * m;
      if (i % 2) return Terms<N>{-(a + m) * (a + b + m) * x / (a2 * (a2 + 1.0)), 1.0};
      return Terms<N>{m * (b - m) * x / ((a2 - 1.0) * a2), 1.0};
    });
  }
  template <class N>
  static constexpr N beta(N a, double b, double x) {
    const double v = value(a);
    if (!(v >= 0 && b >= 0 && x >= 0 && x <= 1) || (v == 0 && b == 0)) return not_a_number<N>();
    if (v == kInf && b == kInf) return not_a_number<N>();
    if (x == 1 || v == 0 || b == kInf) return x == 0 && v != 0 ? 0.0 : 1.0;
    if (x == 0 || b == 0 || v == kInf) return 0.0;
    const N factor = beta_factor(a, b, x);
    if (x <= (v + 1) / (v + b + 2)) return factor / a * beta_fraction(a, N(b), x);
    return 1.0 - factor / b * beta_fraction(N(b), a, 1 - x);
  }
};

template <class V>
constexpr V gammainc(V a, V x) {
  return each_lane([](double p, double q) constexpr { return Incomplete<V>::gamma(p, q, false); },
                   a, x);
}
template <class V>
constexpr V gammaincc(V a, V x) {
  return each_lane([](double p, double q) constexpr { return Incomplete<V>::gamma(p, q, true); }, a,
                   x);
}
template <class V>
constexpr V gammainc_slope(V a, V x) {
  return each_lane(
      [](double p, double q) constexpr {
        return Incomplete<V>::gamma(typename Incomplete<V>::Dual(p, 1), q, false).slope;
      },
      a, x);
}
template <class V>
constexpr V betainc(V a, V b, V x) {
  return each_lane(
      [](double p, double q, double r) constexpr { return Incomplete<V>::beta(p, q, r); }, a, b, x);
}
template <class V>
constexpr V betainc_slope(V a, V b, V x) {
  return each_lane(
      [](double p, double q, double r) constexpr {
        return Incomplete<V>::beta(typename Incomplete<V>::Dual(p, 1), q, r).slope;
      },
      a, b, x);
}

}  // namespace nnx::core::special
