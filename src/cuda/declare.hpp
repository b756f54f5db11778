// What the declarations of ops/pointwise.hpp are written in, for one element at a time. It stands
// alone, as value.hpp does: programs that are compiled while nnx runs include it too.
#pragma once

#include "core/element.hpp"
#include "cuda/special.hpp"

// Complex lanes have no kernels here: rules that cover them on the CPU cover the real ones.

namespace nnx::pointwise {

using core::Lane;
using cuda::Truth;
using cuda::Value;

template <bool kConditionFirst, Lane... kLanes>
struct Rule {
  static constexpr bool condition_first = kConditionFirst;
  static constexpr bool covers(Lane lane) { return ((lane == kLanes) || ...); }
};
using Numeric = Rule<false, Lane::f32, Lane::f64, Lane::i64, Lane::u64>;
using Floating = Rule<false, Lane::f32, Lane::f64>;
struct Updating : Floating {};
constexpr Numeric numeric, ordered, arithmetic;
constexpr Floating floating, rounding, analytic, continued;
constexpr Rule<false, Lane::f32, Lane::f64, Lane::i64, Lane::u64, Lane::b8> comparison, equality;
constexpr Rule<false, Lane::b8> logical;
constexpr Rule<false, Lane::i64, Lane::u64> integral;
constexpr Rule<true, Lane::f32, Lane::f64, Lane::i64, Lane::u64, Lane::b8> selection;

// The type numbers are converted to: that of the first argument that is no truth value.
template <class... A>
struct FirstValue {
  using type = Truth;
};
template <class N, class... A>
struct FirstValue<N, A...> : FirstValue<A...> {};
template <class T, class... A>
struct FirstValue<Value<T>, A...> {
  using type = Value<T>;
};
template <class... A>
struct FirstValue<Truth, A...> : FirstValue<A...> {};

// Several values from one application.
template <class... V>
struct Results {
  static constexpr int count = 0;
};
template <class V, class... More>
struct Results<V, More...> {
  static constexpr int count = 1 + int(sizeof...(More));
  V first;
  Results<More...> more;
};
template <class V>
__host__ __device__ constexpr Results<V> results(V v) {
  return {v, {}};
}
template <class V, class... More>
__host__ __device__ constexpr Results<V, More...> results(V v, More... more)
  requires(sizeof...(More) > 0)
{
  return {v, results(more...)};
}
template <int k, class... V>
__host__ __device__ constexpr auto get(const Results<V...>& r) {
  if constexpr (k == 0) return r.first;
  else return get<k - 1>(r.more);
}

template <class F, class R>
struct Declared {
  using Function = F;
  using Rule = R;
  template <class... A>
  __host__ __device__ constexpr auto operator()(A... a) const {
    using V = typename FirstValue<A...>::type;
    return F{}(as<V>(a)...);
  }

 private:
  template <class V, class A>
  __host__ __device__ static constexpr auto as(A a) {
    if constexpr (requires { typename A::type; }) return a;
    else return V(a);
  }
};

template <int kArity = 1, class R, class F, class... Derivatives>
constexpr Declared<F, R> primitive(const char*, R, F, Derivatives...) {
  return {};
}
template <class R, class F>
constexpr Declared<F, R> composed(const char*, R, F) {
  return {};
}
template <class F, class R>
constexpr Declared<F, R> loss(Declared<F, R> declared) {
  return declared;
}
template <class F>
constexpr Declared<F, Updating> update(const char*, F) {
  return {};
}

}  // namespace nnx::pointwise

namespace nnx::cuda {

// The results of one application, always as Results.
template <class V>
__host__ __device__ constexpr auto as_results(V v) {
  if constexpr (requires { V::count; }) return v;
  else return pointwise::results(v);
}

}  // namespace nnx::cuda
