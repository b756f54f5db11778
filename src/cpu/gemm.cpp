// The float32 product of the kernel table: brings a job into canonical form, decides how it is
// done, and runs the batch. See gemm.hpp.
#include "cpu/gemm.hpp"

#include "cpu/kernels_decl.hpp"

namespace nnx::cpu {
namespace {

using namespace gemm;

// Multiplications that are worth a thread: about 10 us.
constexpr double kGrain = kWidth * 32768.0;
// Rows are few when they fill so many tiles at most: then B is read seldom, and A stays near.
constexpr std::int64_t kFewTiles = 12;
// Panels a chunk of many rows runs along, and panels packed at a time.
constexpr std::int64_t kBlockPanels = 16, kStripPanels = 128;
// Numbers of k taken at a time. Less, and C is read and written more often; more, and panels do
// not stay near, and sums lose digits.
constexpr std::int64_t kDepth = kWidth == 16 ? 320 : 256, kDepthOfFew = kWidth == 16 ? 512 : 256;

// Rows so far apart that they share a few sets of the nearest cache.
bool clashes(std::int64_t step) { return step * 4 % 4096 == 0 && step != 0; }

// How a product is done, by shape and strides alone.
Plan choose_plan(std::int64_t m, std::int64_t n, std::int64_t k, const Strided& a,
                 const Strided& b) {
  Plan plan{};
  plan.m = m;
  plan.n = n;
  plan.k = k;
  const double work = static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(k);
  const std::int64_t wanted =  // chunks
      work < kGrain
          ? 1
          : std::min<std::int64_t>(32, 2 + static_cast<std::int64_t>(work / (4 * kGrain)));

  // Transposing B costs some n k / 4 cycles, adding up the lanes of dot products 2 m n.
  plan.dot = a.col == 1 && b.row == 1 && b.col != 1 && m * 12 <= k;
  if (plan.dot) {
    plan.block_rows = m;
    plan.block_panels = wanted == 1 ? n : ceil_div(ceil_div(n, wanted), 8) * 8;
    return plan;
  }

  const std::int64_t tiles = ceil_div(m, kRows);
  plan.layout = a.row == 1 && a.col != 1 ? ALayout::columns : ALayout::rows;
  const bool few = tiles <= kFewTiles;
  // Packing pays for what is read often enough, or is badly placed for being read directly.
  plan.pack_b = b.col != 1 || (!few && k * n > 1 << 16) || (tiles > 2 && clashes(b.row) && k > 64);
  plan.vectors = plan.pack_b ? kVectors : kMaxVectors.of[ceil_div(m, tiles)];
  const std::int64_t panel = plan.vectors * kWidth;
  const bool often = n > 4 * panel && tiles > 1 && k > 64;
  plan.pack_a = (a.row != 1 && a.col != 1) ||
                (plan.layout == ALayout::rows
                     ? often && clashes(a.row)
                     : often && (clashes(a.col) || (few ? k * a.col > 1 << 18 : a.col > 128)));
  plan.depth = few && tiles > 1 ? kDepthOfFew : kDepth;
  if (tiles == 1 && !plan.pack_b && k * n > 2 * kNear) {  // B is far and read once: along its rows
    plan.depth = std::clamp<std::int64_t>(divide(kNear / 4, n), 8, kDepth);
  }
  plan.strip = kStripPanels * panel;
  plan.block_rows = m;
  plan.block_panels = n;
  plan.by_columns = few;
  plan.single = wanted == 1 && few && n <= plan.strip && k <= plan.depth && !plan.pack_a;
  if (plan.single) return plan;

  // Few rows are cut by columns, many rows by rows, until there are chunks enough.
  const std::int64_t panels = ceil_div(std::min(n, plan.strip), panel);
  if (few) {
    plan.block_panels = std::clamp<std::int64_t>(divide(panels, wanted), 1, 2 * kBlockPanels);
  } else {
    plan.block_panels = kBlockPanels;
    std::int64_t block = kFewTiles;
    while (block > 4 && ceil_div(tiles, block) * ceil_div(panels, kBlockPanels) < wanted) --block;
    plan.block_rows = ceil_div(m, ceil_div(tiles, block));
  }
  return plan;
}

}  // namespace

void gemm_f32(const core::GemmJob& job) {
  std::int64_t m = job.m, n = job.n, batch = job.batch;
  const std::int64_t k = job.k;
  if (m <= 0 || n <= 0 || batch <= 0) return;
  Strided a{static_cast<const float*>(job.a), job.a_row, job.a_col};
  Strided b{static_cast<const float*>(job.b), job.b_row, job.b_col};
  Target target{static_cast<float*>(job.c), job.c_row, job.accumulate,
                static_cast<const float*>(job.bias),
                job.activation < 0 ? nullptr : pointwise_function(job.activation, core::Lane::f32)};
  std::int64_t a_batch = job.a_batch, b_batch = job.b_batch;

  // A batch over one B is a taller product.
  if (batch > 1 && b_batch == 0 && a_batch == m * a.row && job.c_batch == m * target.row) {
    m *= batch;
    batch = 1;
  }
  // A column of C whose numbers are adjacent is a row: C^T = B^T A^T, and its one bias belongs to
  // every number.
  if (n == 1 && m > 1 && target.row == 1) {
    std::swap(m, n);
    std::swap(a, b);
    std::swap(a.row, a.col);
    std::swap(b.row, b.col);
    std::swap(a_batch, b_batch);
    target.row = n;
    std::swap(target.bias, target.shift);
  }
  // Strides along axes of length 1 mean nothing.
  if (k <= 1) {
    a.col = 1;
    b.row = n;
  }
  if (m == 1) a.row = k;
  if (n == 1) b.col = 1;

  const Plan plan = choose_plan(m, n, k, a, b);
  const auto one = [&](std::int64_t i) {
    const Strided a_i{a.data + i * a_batch, a.row, a.col};
    const Strided b_i{b.data + i * b_batch, b.row, b.col};
    Target c = target;
    c.c += i * job.c_batch;
    if (m == 1 && n == 1 && a.col == 1 && b.row == 1) {
      inner(k, a_i.data, b_i.data, c);
    } else if (plan.dot) {
      dot(plan, a_i, b_i, c);
    } else {
      Outer<Strided, Strided>{plan, a_i, b_i, c}.run();
    }
  };
  if (batch == 1) return one(0);
  // Many small products: each chunk some of them, whole.
  const double work = static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(k + 8);
  const std::int64_t group =
      std::clamp<std::int64_t>(static_cast<std::int64_t>(kGrain / work), 1, batch);
  if (work < 8 * kGrain) {
    parallel_for(ceil_div(batch, group), [&](std::int64_t g) {
      for (std::int64_t i = g * group; i < std::min(batch, (g + 1) * group); ++i) one(i);
    });
  } else {
    for (std::int64_t i = 0; i < batch; ++i) one(i);
  }
}

}  // namespace nnx::cpu
