// Special functions: of the gamma, error and Bessel families. Each is compiled once a level, in
// double (the special_*.cpp files, from the text of core/special_*.hpp); float32 goes through it,
// so that its results are all but correctly rounded and the code stays small. Promises: a few ulp
// for positive arguments (gammainc and betainc: about 1e-14 times the size of their logarithms),
// SciPy's special values; lanes never influence each other.
#pragma once

#include "cpu/vec.hpp"

namespace nnx::cpu::inline NNX_LEVEL {
namespace special {

using V = Vec<double>;

V lgamma(V x);
V digamma(V x);
V polygamma(V n, V x);
V zeta(V s, V q);
V betaln(V a, V b);
V erfc(V x);
V erfcx(V x);
V erfinv(V x);
V ndtri(V p);
V log_ndtr(V x);
V cbrt(V x);
V i0(V x);
V i0e(V x);
V i1(V x);
V i1e(V x);
V gammainc(V a, V x);
V gammaincc(V a, V x);
V gammainc_slope(V a, V x);  // d gammainc / da
V betainc(V a, V b, V x);
V betainc_slope(V a, V b, V x);  // d betainc / da

template <class F, class T, class... A>
Vec<T> through_double(F f, Vec<T> x, A... more) {
  if constexpr (sizeof(T) == 8) return f(x, more...);
  else return narrow(f(widen_low(x), widen_low(more)...), f(widen_high(x), widen_high(more)...));
}

}  // namespace special

template <class T>
inline Vec<T> Vec<T>::lgamma() const {
  return special::through_double(special::lgamma, *this);
}
template <class T>
inline Vec<T> Vec<T>::digamma() const {
  return special::through_double(special::digamma, *this);
}
template <class T>
inline Vec<T> Vec<T>::polygamma(Vec x) const {
  return special::through_double(special::polygamma, *this, x);
}
template <class T>
inline Vec<T> Vec<T>::zeta(Vec q) const {
  return special::through_double(special::zeta, *this, q);
}
template <class T>
inline Vec<T> Vec<T>::betaln(Vec b) const {
  return special::through_double(special::betaln, *this, b);
}
template <class T>
inline Vec<T> Vec<T>::erfc() const {
  return special::through_double(special::erfc, *this);
}
template <class T>
inline Vec<T> Vec<T>::erfcx() const {
  return special::through_double(special::erfcx, *this);
}
template <class T>
inline Vec<T> Vec<T>::erfinv() const {
  return special::through_double(special::erfinv, *this);
}
template <class T>
inline Vec<T> Vec<T>::ndtri() const {
  return special::through_double(special::ndtri, *this);
}
template <class T>
inline Vec<T> Vec<T>::log_ndtr() const {
  return special::through_double(special::log_ndtr, *this);
}
template <class T>
inline Vec<T> Vec<T>::cbrt() const {
  return special::through_double(special::cbrt, *this);
}
template <class T>
inline Vec<T> Vec<T>::i0() const {
  return special::through_double(special::i0, *this);
}
template <class T>
inline Vec<T> Vec<T>::i0e() const {
  return special::through_double(special::i0e, *this);
}
template <class T>
inline Vec<T> Vec<T>::i1() const {
  return special::through_double(special::i1, *this);
}
template <class T>
inline Vec<T> Vec<T>::i1e() const {
  return special::through_double(special::i1e, *this);
}
template <class T>
inline Vec<T> Vec<T>::gammainc(Vec x) const {
  return special::through_double(special::gammainc, *this, x);
}
template <class T>
inline Vec<T> Vec<T>::gammaincc(Vec x) const {
  return special::through_double(special::gammaincc, *this, x);
}
template <class T>
inline Vec<T> Vec<T>::gammainc_slope(Vec x) const {
  return special::through_double(special::gammainc_slope, *this, x);
}
template <class T>
inline Vec<T> Vec<T>::betainc(Vec b, Vec x) const {
  return special::through_double(special::betainc, *this, b, x);
}
template <class T>
inline Vec<T> Vec<T>::betainc_slope(Vec b, Vec x) const {
  return special::through_double(special::betainc_slope, *this, b, x);
}

}  // namespace nnx::cpu::inline NNX_LEVEL
