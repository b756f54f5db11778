// The special functions of Value: the text of core/special_*.hpp, in double; float goes through it,
// as on the CPU. It stands alone, as value.hpp does: programs compiled while nnx runs include it,
// so that they give the bits of every other kernel, and compile only what they call.
// With nvcc each is one function of the device, whatever calls it: inlined they would fill every
// kernel. (NVRTC does not know the attribute and inlines as it likes.)
#pragma once

#include "core/special_bessel.hpp"
#include "core/special_gamma.hpp"
#include "core/special_incomplete.hpp"
#include "core/special_normal.hpp"
#include "cuda/value.hpp"

namespace nnx::cuda {

template <class T>
[[gnu::noinline]] __host__ __device__ Value<T> Value<T>::lgamma() const {
  if constexpr (single) return Value<double>(v).lgamma().v;
  else return core::special::lgamma(*this);
}
template <class T>
[[gnu::noinline]] __host__ __device__ Value<T> Value<T>::digamma() const {
  if constexpr (single) return Value<double>(v).digamma().v;
  else return core::special::digamma(*this);
}
template <class T>
[[gnu::noinline]] __host__ __device__ Value<T> Value<T>::polygamma(Value x) const {
  if constexpr (single) return Value<double>(v).polygamma(x.v).v;
  else return core::special::polygamma(*this, x);
}
template <class T>
[[gnu::noinline]] __host__ __device__ Value<T> Value<T>::zeta(Value q) const {
  if constexpr (single) return Value<double>(v).zeta(q.v).v;
  else return core::special::zeta(*this, q);
}
template <class T>
[[gnu::noinline]] __host__ __device__ Value<T> Value<T>::betaln(Value b) const {
  if constexpr (single) return Value<double>(v).betaln(b.v).v;
  else return core::special::betaln(*this, b);
}
template <class T>
[[gnu::noinline]] __host__ __device__ Value<T> Value<T>::erfinv() const {
  if constexpr (single) return Value<double>(v).erfinv().v;
  else return core::special::erfinv(*this);
}
template <class T>
[[gnu::noinline]] __host__ __device__ Value<T> Value<T>::ndtri() const {
  if constexpr (single) return Value<double>(v).ndtri().v;
  else return core::special::ndtri(*this);
}
template <class T>
[[gnu::noinline]] __host__ __device__ Value<T> Value<T>::log_ndtr() const {
  if constexpr (single) {
    return Value<double>(v).log_ndtr().v;
  } else {
    const Value ratio = 0.5 * (abs() * 0.7071067811865476).erfcx();
    return core::special::log_ndtr(*this, ratio);
  }
}
template <class T>
[[gnu::noinline]] __host__ __device__ Value<T> Value<T>::i0() const {
  if constexpr (single) return Value<double>(v).i0().v;
  else return core::special::i0(*this);
}
template <class T>
[[gnu::noinline]] __host__ __device__ Value<T> Value<T>::i0e() const {
  if constexpr (single) return Value<double>(v).i0e().v;
  else return core::special::i0e(*this);
}
template <class T>
[[gnu::noinline]] __host__ __device__ Value<T> Value<T>::i1() const {
  if constexpr (single) return Value<double>(v).i1().v;
  else return core::special::i1(*this);
}
template <class T>
[[gnu::noinline]] __host__ __device__ Value<T> Value<T>::i1e() const {
  if constexpr (single) return Value<double>(v).i1e().v;
  else return core::special::i1e(*this);
}
template <class T>
[[gnu::noinline]] __host__ __device__ Value<T> Value<T>::gammainc(Value x) const {
  if constexpr (single) return Value<double>(v).gammainc(x.v).v;
  else return core::special::gammainc(*this, x);
}
template <class T>
[[gnu::noinline]] __host__ __device__ Value<T> Value<T>::gammaincc(Value x) const {
  if constexpr (single) return Value<double>(v).gammaincc(x.v).v;
  else return core::special::gammaincc(*this, x);
}
template <class T>
[[gnu::noinline]] __host__ __device__ Value<T> Value<T>::gammainc_slope(Value x) const {
  if constexpr (single) return Value<double>(v).gammainc_slope(x.v).v;
  else return core::special::gammainc_slope(*this, x);
}
template <class T>
[[gnu::noinline]] __host__ __device__ Value<T> Value<T>::betainc(Value b, Value x) const {
  if constexpr (single) return Value<double>(v).betainc(b.v, x.v).v;
  else return core::special::betainc(*this, b, x);
}
template <class T>
[[gnu::noinline]] __host__ __device__ Value<T> Value<T>::betainc_slope(Value b, Value x) const {
  if constexpr (single) return Value<double>(v).betainc_slope(b.v, x.v).v;
  else return core::special::betainc_slope(*this, b, x);
}

}  // namespace nnx::cuda
