// Random tensors and dropout: see ops.hpp. Draws are keyed by logical index (runtime/random.hpp).
#include "runtime/random.hpp"
#include <cmath>

#include "ops/support.hpp"

namespace nnx::ops {
namespace {

// Under vmap every lane draws its own, as one draw with the lanes in front.
Tensor draw(const Shape& shape, DType result, RandomJob job, runtime::Generator& g, Device device) {
  const Lanes* all = lanes::scope();
  Tensor t = empty(all ? lanes::in_front(*all, shape) : shape, storage_of(job.lane), device);
  job.count = t.numel();
  job.out = t.bytes();
  if (t.numel()) {
    runtime::LongCall release(static_cast<double>(t.numel()) * 2);
    runtime::fill_random(t.device(), job, g);
  }
  GradMode off(false);
  t = astype(t, result);
  return all ? lanes::with_lanes(t, *all) : t;
}

Lane float_lane(DType t, const char* op) {
  if (!is_floating(t))
    fail<DTypeError>(op, "random values of this distribution have a floating dtype",
                     std::string(name_of(t)));
  return t == DType::float64 ? Lane::f64 : Lane::f32;
}

}  // namespace

Tensor random_uniform(const Shape& shape, double lo, double hi, DType dtype, runtime::Generator& g,
                      Device device) {
  if (!(lo <= hi) || !std::isfinite(hi - lo))
    fail<ArgumentError>("uniform", "needs finite low <= high",
                        std::to_string(lo) + ", " + std::to_string(hi));
  // A float32 draw just below 1 would round up to 1 in a shorter dtype: fewer bits are drawn.
  const double steps = dtype == DType::float16 ? 2048 : dtype == DType::bfloat16 ? 256 : 0;
  if (steps != 0) {
    GradMode off(false);
    const Tensor u = pointwise::floor(
        pointwise::multiply(random_uniform(shape, 0, 1, DType::float32, g, device), steps));
    return astype(pointwise::add(pointwise::multiply(u, (hi - lo) / steps), lo), dtype);
  }
  RandomJob job{};
  job.kind = Distribution::uniform;
  job.lane = float_lane(dtype, "uniform");
  job.a = lo;
  job.b = hi;
  return draw(shape, dtype, job, g, device);
}

Tensor random_normal(const Shape& shape, double mean, double std, DType dtype,
                     runtime::Generator& g, Device device) {
  if (is_complex(dtype)) {  // the two parts share the variance
    Shape pairs = shape;
    pairs.push_back(2);
    const Tensor z = random_normal(pairs, 0, std * 0.7071067811865476, real_of(dtype), g, device);
    const Tensor y = view_as_complex(z);
    return mean == 0 ? y : pointwise::add(y, mean);
  }
  if (!(std >= 0))
    fail<ArgumentError>("normal", "the standard deviation must not be negative",
                        std::to_string(std));
  RandomJob job{};
  job.kind = Distribution::normal;
  job.lane = float_lane(dtype, "normal");
  job.a = mean;
  job.b = std;
  return draw(shape, dtype, job, g, device);
}

Tensor random_integers(const Shape& shape, std::int64_t lo, std::int64_t hi, DType dtype,
                       runtime::Generator& g, Device device) {
  if (lo >= hi)
    fail<ArgumentError>("randint", "needs low < high",
                        std::to_string(lo) + ", " + std::to_string(hi));
  if (is_integer(dtype) && size_of(dtype) < 8) {
    const int bits = 8 * static_cast<int>(size_of(dtype));
    const bool is_signed = kind_of(dtype) == Kind::signed_integer;
    const std::int64_t least = is_signed ? -(std::int64_t{1} << (bits - 1)) : 0;
    const std::int64_t most = (std::int64_t{1} << (bits - is_signed)) - 1;
    if (lo < least || hi - 1 > most)
      fail<ArgumentError>("randint", "the range does not fit " + std::string(name_of(dtype)),
                          std::to_string(lo) + ", " + std::to_string(hi));
  }
  RandomJob job{};
  job.kind = Distribution::integers;
  job.lane = Lane::i64;
  job.lo = lo;
  job.hi = hi;
  return draw(shape, dtype, job, g, device);
}

Tensor random_bernoulli(const Shape& shape, double p, runtime::Generator& g, Device device) {
  if (!(p >= 0 && p <= 1))
    fail<ArgumentError>("bernoulli", "a probability lies in [0, 1]", std::to_string(p));
  RandomJob job{};
  job.kind = Distribution::bernoulli;
  job.lane = Lane::b8;
  job.a = p;
  return draw(shape, DType::boolean, job, g, device);
}

Tensor dropout(const Tensor& x, double p, bool training, runtime::Generator& generator) {
  if (!(p >= 0 && p <= 1))
    fail<ArgumentError>("dropout", "p, the share that is dropped, lies in [0, 1]",
                        std::to_string(p));
  require_floating(x, "dropout");
  if (!training || p == 0) return x;
  const Tensor keep = random_bernoulli(x.shape(), 1 - p, generator, x.device());
  return pointwise::multiply(pointwise::where(keep, x, 0), p == 1 ? 0.0 : 1 / (1 - p));
}

}  // namespace nnx::ops
