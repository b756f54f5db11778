// Single pointwise ops on integers and truth values.
#include "cuda/pointwise_direct.hpp"

namespace nnx::cuda {

bool run_direct_int(int declaration, Lane lane, const Direct& d) {
  switch (lane) {
    case Lane::i64: return run_direct<Lane::i64>(declaration, d);
    case Lane::u64: return run_direct<Lane::u64>(declaration, d);
    case Lane::b8: return run_direct<Lane::b8>(declaration, d);
    default: return false;
  }
}

}  // namespace nnx::cuda
