// The CUDA side of ops/pointwise.hpp: every declaration as a type that computes one element.
// A kernel takes a declaration's number, not its type (a lambda's type cannot name a kernel);
// Function<id> is its function, `All` the list in the order of the text. The list of names is made
// by the build (declared.inc), since a header cannot iterate itself.
#pragma once

#include <tuple>
#include <type_traits>

#include "core/program.hpp"
#include "cuda/declare.hpp"

#include "ops/pointwise.hpp"

namespace nnx::cuda {

using All = std::tuple<
#include "declared.inc"
    >;
inline constexpr int kDeclarations = std::tuple_size_v<All>;
template <int id>
using Declaration = std::remove_const_t<std::tuple_element_t<std::size_t(id), All>>;
template <int id>
using Function = typename Declaration<id>::Function;
template <int id>
inline constexpr bool kConditionFirst =
    std::remove_const_t<typename Declaration<id>::Rule>::condition_first;

// Steps of optimisers, which come for many tensors at once.
template <int id>
inline constexpr bool kUpdate =
    std::is_same_v<std::remove_const_t<typename Declaration<id>::Rule>, pointwise::Updating>;

template <Lane lane>
using Element = std::tuple_element_t<std::size_t(lane),
                                     std::tuple<float, double, std::int64_t, std::uint64_t, bool>>;
inline constexpr int kRealLanes = 5;

template <int id>
constexpr bool covers(Lane lane) {
  return std::remove_const_t<typename Declaration<id>::Rule>::covers(lane);
}

// The types of the arguments of declaration `id` in `lane`, as a tuple of Values.
template <class F, class First, class Other, class... More>
constexpr auto arguments_of() {
  if constexpr (std::is_invocable_v<F, First, More...>) {
    return std::type_identity<std::tuple<First, More...>>{};
  } else {
    static_assert(sizeof...(More) < core::kMaxInputs, "a declaration takes too many arguments");
    return arguments_of<F, First, Other, More..., Other>();
  }
}
template <int id, Lane lane>
using Arguments =
    typename decltype(arguments_of<
                      Function<id>,
                      std::conditional_t<kConditionFirst<id>, Truth, Value<Element<lane>>>,
                      Value<Element<lane>>>())::type;

template <int id, class... A>
__host__ __device__ constexpr auto apply(A... a) {
  return as_results(Function<id>{}(a...));
}

}  // namespace nnx::cuda
