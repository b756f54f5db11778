// Random tensors and dropout: see ops.hpp. Draws are keyed by logical index (runtime/random.hpp).
#include "runtime/random.hpp"
#include "ops/support.hpp"

namespace nnx::ops {
namespace {

Tensor draw(const Shape& shape, DType result, RandomJob job, runtime::Generator& g) {
  Tensor t = empty(shape, storage_of(job.lane));
  job.count = t.numel();
  job.out = t.bytes();
  if (t.numel()) {
    runtime::LongCall release(static_cast<double>(t.numel()) * 2);
    runtime::fill_random(t.device(), job, g);
  }
  GradMode off(false);
  return astype(t, result);
}

Lane float_lane(DType t, const char* op) {
  if (!is_floating(t))
    fail<DTypeError>(op, "random values of this distribution have a floating dtype",
                     std::string(name_of(t)));
  return t == DType::float64 ? Lane::f64 : Lane::f32;
}

}  // namespace

Tensor random_uniform(const Shape& shape, double lo, double hi, DType dtype,
                      runtime::Generator& g) {
  if (!(lo <= hi))
    fail<ArgumentError>("uniform", "needs low <= high",
                        std::to_string(lo) + ", " + std::to_string(hi));
  RandomJob job{};
  job.kind = Distribution::uniform;
  job.lane = float_lane(dtype, "uniform");
  job.a = lo;
  job.b = hi;
  return draw(shape, dtype, job, g);
}

Tensor random_normal(const Shape& shape, double mean, double std, DType dtype,
                     runtime::Generator& g) {
  if (!(std >= 0))
    fail<ArgumentError>("normal", "the standard deviation must not be negative",
                        std::to_string(std));
  RandomJob job{};
  job.kind = Distribution::normal;
  job.lane = float_lane(dtype, "normal");
  job.a = mean;
  job.b = std;
  return draw(shape, dtype, job, g);
}

Tensor random_integers(const Shape& shape, std::int64_t lo, std::int64_t hi, DType dtype,
                       runtime::Generator& g) {
  if (lo >= hi)
    fail<ArgumentError>("randint", "needs low < high",
                        std::to_string(lo) + ", " + std::to_string(hi));
  RandomJob job{};
  job.kind = Distribution::integers;
  job.lane = Lane::i64;
  job.lo = lo;
  job.hi = hi;
  return draw(shape, dtype, job, g);
}

Tensor random_bernoulli(const Shape& shape, double p, runtime::Generator& g) {
  if (!(p >= 0 && p <= 1))
    fail<ArgumentError>("bernoulli", "a probability lies in [0, 1]", std::to_string(p));
  RandomJob job{};
  job.kind = Distribution::bernoulli;
  job.lane = Lane::b8;
  job.a = p;
  return draw(shape, DType::boolean, job, g);
}

Tensor dropout(const Tensor& x, double p, bool training, runtime::Generator& generator) {
  if (!(p >= 0 && p <= 1))
    fail<ArgumentError>("dropout", "p, the share that is dropped, lies in [0, 1]",
                        std::to_string(p));
  require_floating(x, "dropout");
  if (!training || p == 0) return x;
  const Tensor keep = random_bernoulli(x.shape(), 1 - p, generator);
  return pointwise::multiply(pointwise::where(keep, x, 0), p == 1 ? 0.0 : 1 / (1 - p));
}

}  // namespace nnx::ops
