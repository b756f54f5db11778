// cuBLASLt: see gemm_library.hpp. The library is opened when the first product asks for it. Of its
// interface only what is used here is declared, as version 13 has it; tests/cuda/check_cublaslt.cpp
// compares it with NVIDIA's header. Row-major matrices are its column-major ones transposed, so C^T
// = B^T A^T is asked for. Invariant: no algorithm that adds with atomics is chosen, and the same
// shapes get the same one.
#include "cuda/gemm_library.hpp"

#include <cstring>
#include <mutex>
#include <string>
#include <unordered_map>

#include "cuda/cublaslt.hpp"
#include "cuda/device.hpp"
#include "cuda/libraries.hpp"

namespace nnx::cuda {
namespace {

using core::GemmJob;

constexpr std::size_t kWorkspace = std::size_t{32} << 20;

struct Library {
  lt::Create* create = nullptr;
  lt::NewOperation* new_operation = nullptr;
  lt::SetOperation* set_operation = nullptr;
  lt::NewLayout* new_layout = nullptr;
  lt::SetLayout* set_layout = nullptr;
  lt::NewPreference* new_preference = nullptr;
  lt::SetPreference* set_preference = nullptr;
  lt::Choose* choose = nullptr;
  lt::Multiply* multiply = nullptr;
  bool there = false;
};

const Library& library() {
  static const Library all = [] {
    Library l;
    SharedLibrary file("libcublasLt.so.13");
    file.find(l.create, "cublasLtCreate");
    file.find(l.new_operation, "cublasLtMatmulDescCreate");
    file.find(l.set_operation, "cublasLtMatmulDescSetAttribute");
    file.find(l.new_layout, "cublasLtMatrixLayoutCreate");
    file.find(l.set_layout, "cublasLtMatrixLayoutSetAttribute");
    file.find(l.new_preference, "cublasLtMatmulPreferenceCreate");
    file.find(l.set_preference, "cublasLtMatmulPreferenceSetAttribute");
    file.find(l.choose, "cublasLtMatmulAlgoGetHeuristic");
    file.find(l.multiply, "cublasLtMatmul");
    l.there = file.complete();
    return l;
  }();
  return all;
}

// How one of our operands looks to the library: column-major, plain or transposed.
struct Operand {
  bool usable = false, transposed = false;
  std::int64_t rows = 0, columns = 0, leading = 0;
};
// Our matrix (rows x columns) with these strides is what the library sees as `columns x rows`.
Operand operand(std::int64_t rows, std::int64_t columns, std::int64_t row, std::int64_t column) {
  Operand o;
  if (column == 1 || columns == 1) {
    o = {true, false, columns, rows, rows == 1 ? columns : row};
  } else if (row == 1 || rows == 1) {
    o = {true, true, rows, columns, columns == 1 ? rows : column};
  }
  o.usable &= o.leading >= o.rows;
  return o;
}

struct Key {
  std::int64_t m, n, k, lda, ldb, ldc, batch, batch_a, batch_b, batch_c;
  std::int32_t device, lane, transposed_a, transposed_b, bias, tf32, aligned, unused;
  bool operator==(const Key& o) const { return std::memcmp(this, &o, sizeof o) == 0; }
};

// What the library was told about products of one shape.
struct Plan {
  bool usable = false;
  lt::Operation operation = nullptr;
  lt::Layout a = nullptr, b = nullptr, c = nullptr;
  lt::Choice choice{};
};

class Plans {
 public:
  Plans() {
    usable_ = l_.there && l_.create(&handle_) == 0 && l_.new_preference(&preference_) == 0;
    if (!usable_) return;
    const std::uint64_t room = kWorkspace;
    const std::uint32_t schemes = lt::kReductionsInOrder;
    usable_ = l_.set_preference(preference_, lt::kMaxWorkspace, &room, sizeof room) == 0 &&
              l_.set_preference(preference_, lt::kReductionSchemes, &schemes, sizeof schemes) == 0;
  }
  bool usable() const { return usable_; }
  lt::Handle handle() const { return handle_; }
  std::mutex calls;  // a plan is told the bias of each call
  const Plan& find(const Key& key) {
    std::lock_guard lock(mutex_);
    auto [at, is_new] = plans_.try_emplace(key);
    if (is_new) at->second = make(key);
    return at->second;
  }

 private:
  lt::Layout layout(std::int32_t type, std::int64_t rows, std::int64_t columns,
                    std::int64_t leading, std::int64_t batch, std::int64_t stride) {
    lt::Layout made = nullptr;
    if (l_.new_layout(&made, type, static_cast<std::uint64_t>(rows),
                      static_cast<std::uint64_t>(columns), leading) != 0)
      return nullptr;
    const auto count = static_cast<std::int32_t>(batch);
    if (batch > 1 && (l_.set_layout(made, lt::kBatchCount, &count, sizeof count) != 0 ||
                      l_.set_layout(made, lt::kBatchStride, &stride, sizeof stride) != 0))
      return nullptr;
    return made;
  }
  Plan make(const Key& k) {
    Plan p;
    const bool wide = static_cast<Lane>(k.lane) == Lane::f64;
    const std::int32_t type = wide ? lt::kDouble : lt::kFloat;
    const std::int32_t compute = wide     ? lt::kComputeDouble
                                 : k.tf32 ? lt::kComputeTf32
                                          : lt::kComputeFloat;
    if (l_.new_operation(&p.operation, compute, type) != 0) return p;
    // The library's first operand is our b.
    const auto set = [&](std::int32_t what, std::int32_t value) {
      return l_.set_operation(p.operation, what, &value, sizeof value) == 0;
    };
    if (!set(lt::kTransposeFirst, k.transposed_b) || !set(lt::kTransposeSecond, k.transposed_a) ||
        !set(lt::kEpilogue, k.bias ? lt::kEpilogueBias : lt::kEpilogueNone))
      return p;
    p.b = k.transposed_b ? layout(type, k.k, k.n, k.ldb, k.batch, k.batch_b)
                         : layout(type, k.n, k.k, k.ldb, k.batch, k.batch_b);
    p.a = k.transposed_a ? layout(type, k.m, k.k, k.lda, k.batch, k.batch_a)
                         : layout(type, k.k, k.m, k.lda, k.batch, k.batch_a);
    p.c = layout(type, k.n, k.m, k.ldc, k.batch, k.batch_c);
    if (!p.a || !p.b || !p.c) return p;
    int found = 0;
    p.usable = l_.choose(handle_, p.operation, p.b, p.a, p.c, p.c, preference_, 1, &p.choice,
                         &found) == 0 &&
               found > 0 && p.choice.state == 0;
    return p;
  }

  const Library& l_ = library();
  bool usable_ = false;
  lt::Handle handle_ = nullptr;
  lt::Preference preference_ = nullptr;
  std::mutex mutex_;
  std::unordered_map<Key, Plan, HashOfBytes<Key>> plans_;
};

}  // namespace

bool library_is_there() { return library().there; }

bool multiply_by_library(const GemmJob& job, core::Lane lane) {
  if (job.k == 0 || job.batch > 65535 || !library().there) return false;
  Plans& all = of_device_in_use<Plans>();
  if (!all.usable()) return false;
  const Operand a = operand(job.m, job.k, job.a_row, job.a_col);
  const Operand b = operand(job.k, job.n, job.b_row, job.b_col);
  const std::int64_t ldc = job.m == 1 ? job.n : job.c_row;
  if (!a.usable || !b.usable || ldc < job.n) return false;
  Key key{};
  key.m = job.m;
  key.n = job.n;
  key.k = job.k;
  key.lda = a.leading;
  key.ldb = b.leading;
  key.ldc = ldc;
  key.batch = job.batch;
  key.batch_a = job.a_batch;
  key.batch_b = job.b_batch;
  key.batch_c = job.c_batch;
  key.device = device_in_use();
  key.lane = static_cast<std::int32_t>(lane);
  key.transposed_a = a.transposed;
  key.transposed_b = b.transposed;
  key.bias = job.bias != nullptr;
  key.tf32 = job.low_precision;
  const auto address = reinterpret_cast<std::uintptr_t>(job.a) |
                       reinterpret_cast<std::uintptr_t>(job.b) |
                       reinterpret_cast<std::uintptr_t>(job.c);
  key.aligned = address % 16 == 0;
  if (!key.aligned) return false;  // the algorithms are chosen for sixteen bytes
  const Plan& p = all.find(key);
  if (!p.usable) return false;
  const std::lock_guard one_at_a_time(all.calls);
  if (job.bias && library().set_operation(p.operation, lt::kBias, &job.bias, sizeof job.bias) != 0)
    return false;
  const Scratch room(p.choice.workspace);
  const double one64 = 1, beta64 = job.accumulate ? 1 : 0;
  const float one32 = 1, beta32 = job.accumulate ? 1 : 0;
  const bool wide = lane == core::Lane::f64;
  const void* one = wide ? static_cast<const void*>(&one64) : &one32;
  const void* beta = wide ? static_cast<const void*>(&beta64) : &beta32;
  const bool done = library().multiply(all.handle(), p.operation, one, job.b, p.b, job.a, p.a, beta,
                                       job.c, p.c, job.c, p.c, &p.choice.algorithm, room.as<void>(),
                                       p.choice.workspace, stream()) == 0;
  if (done) launched("matmul");
  return done;
}

}  // namespace nnx::cuda
