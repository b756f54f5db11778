// Products of 64-bit integers, wrapping.
// Invariant: rows of C are independent, so the cut between threads cannot change a result.
#include <algorithm>
#include <cstdint>
#include <cstring>

#include "cpu/host.hpp"
#include "cpu/kernels_decl.hpp"
#include "cpu/vec_native.hpp"

namespace nnx::cpu {
namespace {

// Unsigned: wrapping is defined.
using Vec [[gnu::vector_size(kVectorBytes)]] = std::uint64_t;
constexpr int kWidth = kVectorBytes / 8, kRows = 4, kVectors = 2;
constexpr std::int64_t kPanel = kWidth * kVectors, kDepth = 256;
constexpr double kGrain = 65536;  // multiplications of a chunk

// C[rows, columns] += A[rows, k] B[k, columns]; B has whole panel rows, C may be narrower.
template <int R>
void tile(std::int64_t k, const std::uint64_t* a, std::int64_t a_row, std::int64_t a_col,
          const std::uint64_t* b, std::uint64_t* c, std::int64_t c_row, std::int64_t columns) {
  Vec sum[R][kVectors] = {};
  for (std::int64_t p = 0; p < k; ++p, b += kPanel) {
    Vec vb[kVectors];
    std::memcpy(vb, b, sizeof vb);
    for (int i = 0; i < R; ++i) {
      const std::uint64_t x = a[i * a_row + p * a_col];
      for (int v = 0; v < kVectors; ++v) sum[i][v] += vb[v] * x;
    }
  }
  for (int i = 0; i < R; ++i) {
    std::uint64_t row[kPanel];
    std::memcpy(row, sum[i], sizeof row);
    for (std::int64_t j = 0; j < columns; ++j) c[i * c_row + j] += row[j];
  }
}

void multiply(const core::GemmJob& job, const std::uint64_t* a, const std::uint64_t* b,
              std::uint64_t* c) {
  const std::int64_t m = job.m, n = job.n;
  for (std::int64_t p0 = 0; p0 < job.k; p0 += kDepth) {
    const std::int64_t k = std::min(kDepth, job.k - p0);
    for (std::int64_t j0 = 0; j0 < n; j0 += kPanel) {
      const std::int64_t columns = std::min(kPanel, n - j0);
      alignas(64) std::uint64_t panel[kDepth * kPanel];
      for (std::int64_t p = 0; p < k; ++p) {
        const std::uint64_t* src = b + (p0 + p) * job.b_row + j0 * job.b_col;
        for (std::int64_t j = 0; j < kPanel; ++j) {
          panel[p * kPanel + j] = j < columns ? src[j * job.b_col] : 0;
        }
      }
      std::int64_t i = 0;
      const auto run = [&]<int R>(std::integral_constant<int, R>) {
        tile<R>(k, a + i * job.a_row + p0 * job.a_col, job.a_row, job.a_col, panel,
                c + i * job.c_row + j0, job.c_row, columns);
        i += R;
      };
      while (m - i >= kRows) run(std::integral_constant<int, kRows>{});
      while (m - i >= 1) run(std::integral_constant<int, 1>{});
    }
  }
}

}  // namespace

void matmul_i64(const core::GemmJob& job) {
  if (job.m <= 0 || job.n <= 0 || job.batch <= 0) return;
  // Chunks: rows of all products of the batch.
  const double row_work = static_cast<double>(job.n) * static_cast<double>(job.k + 1);
  std::int64_t rows = std::clamp<std::int64_t>(static_cast<std::int64_t>(kGrain / row_work),
                                               2 * kRows, std::max<std::int64_t>(job.m, 2 * kRows));
  const std::int64_t blocks = (job.m + rows - 1) / rows;
  parallel_for(blocks * job.batch, [&](std::int64_t chunk) {
    const std::int64_t item = chunk / blocks, i0 = chunk % blocks * rows;
    core::GemmJob part = job;
    part.m = std::min(rows, job.m - i0);
    const auto* a = static_cast<const std::uint64_t*>(job.a) + item * job.a_batch + i0 * job.a_row;
    const auto* b = static_cast<const std::uint64_t*>(job.b) + item * job.b_batch;
    auto* c = static_cast<std::uint64_t*>(job.c) + item * job.c_batch + i0 * job.c_row;
    if (!job.accumulate) {
      for (std::int64_t i = 0; i < part.m; ++i) std::fill_n(c + i * job.c_row, job.n, 0);
    }
    multiply(part, a, b, c);
  });
}

}  // namespace nnx::cpu
