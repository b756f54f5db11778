// Single pointwise ops on integers and truth values; which declarations are updates.
#include <array>

#include "cuda/pointwise_direct.hpp"

namespace nnx::cuda {

bool run_direct_int(int declaration, Lane lane, Batch& batch) {
  switch (lane) {
    case Lane::i64: return run_direct<Lane::i64>(declaration, batch);
    case Lane::u64: return run_direct<Lane::u64>(declaration, batch);
    case Lane::b8: return run_direct<Lane::b8>(declaration, batch);
    default: return false;
  }
}

bool is_update(int declaration) {
  static constexpr auto table = []<int... ids>(std::integer_sequence<int, ids...>) {
    return std::array<bool, sizeof...(ids)>{kUpdate<ids>...};
  }(std::make_integer_sequence<int, kDeclarations>{});
  return table[static_cast<std::size_t>(declaration)];
}

}  // namespace nnx::cuda
