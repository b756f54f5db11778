// The backend's side of ops/pointwise.hpp: compiles every declaration into one function over n
// elements for each lane of its rule. Included by the pointwise_*.cpp files, which split the lanes
// so that they compile at the same time:
//
//   namespace nnx::pointwise { namespace { constexpr core::Lane kCompiled[] = {...}; } }
//   #include "cpu/pointwise.hpp"
//   ... compiled(id, lane)
//
// Invariants: everything here is local to its file (each file holds the functions of its own
// lanes); ids count declarations in the order of the text; a function's element depends on that
// element of its arguments alone, so tails and bodies agree bit for bit. Derivatives are not
// compiled.
#pragma once

#include <algorithm>
#include <array>
#include <complex>
#include <cstdint>
#include <cstring>
#include <tuple>
#include <type_traits>
#include <utility>

#include "core/program.hpp"
#include "cpu/math.hpp"
#include "cpu/special.hpp"
#include "cpu/subnormal.hpp"

namespace nnx::pointwise {
namespace {

using core::Lane;
using core::TileArg;
using core::TileFn;
using cpu::MaskOf;
using cpu::Vec;

// --- rules: the lanes a declaration is compiled for -----------------------------------------
template <bool kConditionFirst, Lane... kLanes>
struct Rule {};
constexpr Rule<false, Lane::f32, Lane::f64, Lane::i64, Lane::u64> numeric, ordered;
constexpr Rule<false, Lane::f32, Lane::f64, Lane::i64, Lane::u64, Lane::c64, Lane::c128> arithmetic;
constexpr Rule<false, Lane::f32, Lane::f64> floating, rounding;
constexpr Rule<false, Lane::f32, Lane::f64, Lane::c64, Lane::c128> analytic, continued;
constexpr Rule<false, Lane::f32, Lane::f64, Lane::i64, Lane::u64, Lane::b8> comparison;
constexpr Rule<false, Lane::f32, Lane::f64, Lane::i64, Lane::u64, Lane::b8, Lane::c64, Lane::c128>
    equality;
constexpr Rule<false, Lane::b8> logical;
constexpr Rule<false, Lane::i64, Lane::u64> integral;
constexpr Rule<true, Lane::f32, Lane::f64, Lane::i64, Lane::u64, Lane::b8, Lane::c64, Lane::c128>
    selection;

template <Lane lane>
using Element =
    std::tuple_element_t<int(lane), std::tuple<float, double, std::int64_t, std::uint64_t, bool,
                                               std::complex<float>, std::complex<double>>>;

// --- values ----------------------------------------------------------------------------------
template <class V>
struct IsVec : std::false_type {};
template <class T>
struct IsVec<Vec<T>> : std::true_type {};

template <class... A>
struct FirstVec;
template <class A, class... B>
struct FirstVec<A, B...> {
  using type =
      typename std::conditional_t<IsVec<A>::value, std::type_identity<A>, FirstVec<B...>>::type;
};

// A declared function as other declarations call it: on vectors, masks and numbers.
template <class F>
struct Declared {
  template <class... A>
  auto operator()(A... a) const {
    using V = typename FirstVec<A...>::type;
    return F{}([&] {
      if constexpr (std::is_arithmetic_v<A>) return V(a);
      else return a;
    }()...);
  }
};

template <class... V>
struct Results {
  std::tuple<V...> values;
};
template <class... V>
Results<V...> results(V... values) {
  return {{values...}};
}

// --- the compiled function -------------------------------------------------------------------
template <class A>
constexpr int kElementBytes = sizeof(typename A::value_type);
template <int kBytes>
constexpr int kElementBytes<MaskOf<kBytes>> = 1;

// Calls f over vectors of A..., n elements at a time; R... are the results' types. The last
// vector, when it is not full, goes through copies, so that f is compiled once.
template <class F, class... A, class... R, std::size_t... kArg, std::size_t... kResult>
void run(std::int64_t n, void* const* results, const TileArg* args,
         std::type_identity<Results<R...>>, std::index_sequence<kArg...>,
         std::index_sequence<kResult...>) {
  constexpr int width = std::tuple_element_t<0, std::tuple<A...>>::width;
  const char* in[] = {static_cast<const char*>(args[kArg].data)...};
  const std::int64_t step[] = {args[kArg].step * (width * kElementBytes<A>)...};
  char* out[] = {static_cast<char*>(results[kResult])...};
  std::int64_t vectors = n / width;
  const int rest = int(n % width);
  constexpr std::size_t bytes =
      std::max({sizeof(A)..., sizeof(R)..., std::size_t(cpu::kVectorBytes)});
  char in_copy[sizeof...(A)][bytes], out_copy[sizeof...(R)][bytes];
  char* out_rest[sizeof...(R)] = {};
  for (bool last = false;; last = true) {
    for (; vectors > 0; --vectors) {
      const auto y = [&] {
        if constexpr (requires { F{}(A::load(in[kArg])...).values; })
          return F{}(A::load(in[kArg])...);
        else return pointwise::results(F{}(A::load(in[kArg])...));
      }();
      (std::get<kResult>(y.values).store(out[kResult]), ...);
      ((in[kArg] += step[kArg]), ...);
      ((out[kResult] += width * kElementBytes<R>), ...);
    }
    if (last || rest == 0) {
      if (last)
        (std::memcpy(out_rest[kResult], out_copy[kResult], std::size_t(rest * kElementBytes<R>)),
         ...);
      return;
    }
    (std::memset(in_copy[kArg], 0, bytes), ...);
    (std::memcpy(in_copy[kArg], in[kArg], std::size_t(rest * kElementBytes<A>)), ...);
    ((in[kArg] = in_copy[kArg]), ...);
    ((out_rest[kResult] = out[kResult], out[kResult] = out_copy[kResult]), ...);
    vectors = 1;
  }
}

template <class Y>
struct AsResults {
  using type = Results<Y>;
};
template <class... V>
struct AsResults<Results<V...>> {
  using type = Results<V...>;
};

template <class F, class... A>
void tile(std::int64_t n, void* const* results, const TileArg* args) {
  using R = typename AsResults<std::invoke_result_t<F, A...>>::type;
  constexpr auto count = []<class... V>(std::type_identity<Results<V...>>) { return sizeof...(V); };
  run<F, A...>(n, results, args, std::type_identity<R>{}, std::index_sequence_for<A...>{},
               std::make_index_sequence<count(std::type_identity<R>{})>{});
}

template <class F, class... A>
void tile_without_subnormals(std::int64_t n, void* const* results, const TileArg* args) {
  const cpu::FlushSubnormals mode;
  tile<F, A...>(n, results, args);
}

// F's number of arguments is what it can be called with.
template <class F, bool kFlush, class First, class Other, class... More>
constexpr TileFn compile() {
  if constexpr (std::is_invocable_v<F, First, More...>) {
    if constexpr (kFlush) return &tile_without_subnormals<F, First, More...>;
    else return &tile<F, First, More...>;
  } else {
    static_assert(sizeof...(More) < core::kMaxInputs, "a declaration takes too many arguments");
    return compile<F, kFlush, First, Other, More..., Other>();
  }
}

// --- the table -------------------------------------------------------------------------------
constexpr int kMaxDeclarations = 256;
constexpr bool compiled_here(Lane lane) {
  for (Lane l : kCompiled)
    if (l == lane) return true;
  return false;
}
struct Table {
  int declarations = 0;
  std::array<std::array<TileFn, core::kLanes>, kMaxDeclarations> functions = {};
};
constinit Table g_table;

template <class F, bool kFlush = false, bool kConditionFirst, Lane... kLanes>
void declare(Rule<kConditionFirst, kLanes...>) {
  auto& row = g_table.functions[std::size_t(g_table.declarations++)];
  (
      [&] {
        if constexpr (compiled_here(kLanes)) {
          using T = Element<kLanes>;
          constexpr int part = int(core::size_of(core::real_lane(kLanes)));
          using First =
              std::conditional_t<kConditionFirst && kLanes != Lane::b8, MaskOf<part>, Vec<T>>;
          row[std::size_t(kLanes)] = compile<F, kFlush, First, Vec<T>>();
        }
      }(),
      ...);
}

TileFn compiled(int declaration, Lane lane) {
  if (declaration < 0 || declaration >= g_table.declarations || int(lane) >= core::kLanes)
    return nullptr;
  return g_table.functions[std::size_t(declaration)][std::size_t(lane)];
}

// --- what the declarations call --------------------------------------------------------------
template <int kArity = 1, class R, class F, class... Derivatives>
Declared<F> primitive(const char*, R rule, F, Derivatives...) {
  declare<F>(rule);
  return {};
}
template <class R, class F>
Declared<F> composed(const char*, R rule, F) {
  declare<F>(rule);
  return {};
}
template <class F>
Declared<F> loss(Declared<F> declared) {
  return declared;
}
template <class F>
Declared<F> update(const char*, F) {
  declare<F, true>(floating);
  return {};
}

}  // namespace
}  // namespace nnx::pointwise

#include "ops/pointwise.hpp"
