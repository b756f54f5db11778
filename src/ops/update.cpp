// Optimiser updates: one pass over many tensors. See ops.hpp.
#include "ops/pointwise_op.hpp"
#include "ops/support.hpp"

namespace nnx::ops {

void update(int declaration, const std::vector<std::vector<Tensor>>& tensors,
            const std::vector<double>& numbers) {
  const PointwiseOp& op = pointwise_op(declaration);
  const int arrays = static_cast<int>(tensors.size());
  if (op.rule != Rule::update || arrays < 2 ||
      arrays + static_cast<int>(numbers.size()) != op.arity)
    fail<ArgumentError>(op.label, "the declaration has other arguments");
  const std::size_t n = tensors[0].size();
  for (const auto& list : tensors)
    if (list.size() != n) fail<ArgumentError>(op.label, "needs equally many tensors of every kind");
  // Everything is checked before anything is written.
  for (std::size_t k = 0; k < n; ++k)
    for (int j = 0; j < arrays; ++j) {
      const Tensor &t = tensors[j][k], &p = tensors[0][k];
      if (!(t.shape() == p.shape()))
        fail_shape(op.name, "gradient and state must have the shape of their parameter", p, t);
      if (is_complex(p.dtype()))
        fail<DTypeError>(op.name, "complex parameters are not taken", describe(p),
                         "make the pairs of real numbers the parameter, and compute with "
                         "nnx.view_as_complex(p)");
      if (!is_floating(t.dtype()) || (j != 1 && t.dtype() != p.dtype()))
        fail<DTypeError>(op.name, "state must have the floating dtype of its parameter",
                         describe(p) + ", " + describe(t));
      if (!(t.device() == p.device()))
        fail<DeviceError>(op.name, "parameter, gradient and state must be on one device");
      if (j != 1 && !t->storage->writable)
        fail<ArgumentError>(op.name, "this tensor shares memory that is read-only", describe(t));
      if (j != 1)
        for (int i = 0; i < t.rank(); ++i)
          if (t.stride(i) == 0 && t.shape(i) > 1)
            fail<ArgumentError>(op.name, "an expanded tensor cannot be written in place",
                                describe(t));
    }
  std::vector<TileJob> jobs(n);
  LaneValue values[2][kMaxInputs];  // of float32 and float64
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    values[0][i] = lane_value(numbers[i], Lane::f32);
    values[1][i] = lane_value(numbers[i], Lane::f64);
  }
  double work = 0;
  std::size_t used = 0;
  for (std::size_t k = 0; k < n; ++k) {
    const Tensor& p = tensors[0][k];
    if (p.numel() == 0) continue;
    const Lane lane = lane_of(p.dtype());
    TileJob& job = jobs[used++];
    job.program = &pointwise_program(op, lane);
    bool flat = true;
    for (int j = 0; j < arrays; ++j) flat &= tensors[j][k].contiguous();
    job.shape = flat ? Shape{p.numel()} : p.shape();
    for (int j = 0; j < arrays; ++j) {
      const Tensor& t = tensors[j][k];
      job.in[j] = {t.bytes(), t.dtype(), flat ? Dims{1} : t.strides()};
    }
    for (std::size_t i = 0; i < numbers.size(); ++i)
      job.in[arrays + static_cast<int>(i)] = {values[lane == Lane::f64][i].bytes, storage_of(lane),
                                              Dims::filled(job.shape.size(), 0), true};
    // Results are the parameter and its state; the gradient (argument 1) is only read.
    int r = 0;
    for (int j = 0; j < arrays; ++j)
      if (j != 1) {
        job.out[r++] = job.in[j];
        ++tensors[j][k]->storage->version;
      }
    work += static_cast<double>(p.numel()) * 2;
  }
  if (used == 0) return;
  runtime::LongCall release(work);
  kernels_of(tensors[0][0]).run(jobs.data(), static_cast<std::int64_t>(used));
}

}  // namespace nnx::ops
