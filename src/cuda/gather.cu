// Reading rows and elements by index, and writing and adding them: the transposes.
// Indices were checked, and nothing is written where one of them was wrong (faults.hpp).
// Indices that meet in one destination are put in order by a stable sort of destinations; then one
// thread takes all that meet, in index order, so results are the same every time without atomics.
#include "cuda/block.hpp"
#include "cuda/faults.hpp"
#include "cuda/kernels_decl.hpp"

namespace nnx::cuda {
namespace {

using core::ElementsJob;
using core::RowsJob;

// Rows of `units` units of type U.
template <class U>
__global__ void gather_rows_kernel(RowsJob job, int64_t units, const U* src, U* out) {
  const int64_t total = job.outer * job.indices * units;
  for (int64_t t = int64_t{blockIdx.x} * blockDim.x + threadIdx.x; t < total;
       t += int64_t{gridDim.x} * blockDim.x) {
    const int64_t row = t / units, u = t - row * units;
    const int64_t o = row / job.indices, j = row - o * job.indices;
    out[t] = src[(o * job.source_rows + job.index[j]) * units + u];
  }
}

template <class U>
__global__ void gather_elements_kernel(ElementsJob job, const U* src, U* out) {
  const int64_t total = job.outer * job.length * job.inner;
  for (int64_t t = int64_t{blockIdx.x} * blockDim.x + threadIdx.x; t < total;
       t += int64_t{gridDim.x} * blockDim.x) {
    const int64_t o = t / (job.length * job.inner), i = t % job.inner;
    out[t] = src[(o * job.source_length + job.index[t]) * job.inner + i];
  }
}

// Where each element goes, as a place in dst.
__global__ void places_kernel(ElementsJob job, std::int64_t* places) {
  const int64_t total = job.outer * job.length * job.inner;
  for (int64_t t = int64_t{blockIdx.x} * blockDim.x + threadIdx.x; t < total;
       t += int64_t{gridDim.x} * blockDim.x) {
    const int64_t o = t / (job.length * job.inner), i = t % job.inner;
    places[t] = (o * job.source_length + job.index[t]) * job.inner + i;
  }
}

// Adds x to *to as the lane adds.
template <class T>
__device__ void add_to(T* to, T x) {
  if constexpr (std::is_same_v<T, bool>) *to = *to || x;
  else if constexpr (std::is_same_v<T, std::int64_t>)
    *to = static_cast<T>(static_cast<std::uint64_t>(*to) + static_cast<std::uint64_t>(x));
  else *to = *to + x;
}

// Places in order, and which of `indices` sources goes to each (`from`). Source row s of outer o is
// src[(o * indices + s) * units ...], its destination dst[(o * rows + place) * units ...].
struct Scatter {
  int64_t outer, rows, indices, units;
  const std::int64_t *place, *from;
};
template <class T, bool kAdd>
__global__ void scatter_kernel(Stop stop, Scatter s, const T* src, T* dst) {
  if (stop()) return;
  const int64_t total = s.outer * s.indices * s.units;
  for (int64_t t = int64_t{blockIdx.x} * blockDim.x + threadIdx.x; t < total;
       t += int64_t{gridDim.x} * blockDim.x) {
    const int64_t row = t / s.units, u = t - row * s.units;
    const int64_t o = row / s.indices, p = row - o * s.indices;
    const std::int64_t place = s.place[p];
    T* to = dst + (o * s.rows + place) * s.units + u;
    const T* source = src + o * s.indices * s.units + u;
    if constexpr (kAdd) {
      if (p > 0 && s.place[p - 1] == place) continue;  // the first of them does it
      for (int64_t q = p; q < s.indices && s.place[q] == place; ++q)
        add_to(to, source[s.from[q] * s.units]);
    } else {
      if (p + 1 < s.indices && s.place[p + 1] == place) continue;  // the last one wins
      *to = source[s.from[p] * s.units];
    }
  }
}

// `places` sorted, and the order that sorts them.
class Order {
 public:
  Order(int64_t n, const std::int64_t* places) : room_(static_cast<std::size_t>(2 * n) * 8) {
    auto* sorted = room_.as<std::int64_t>();
    sort(false, Lane::i64, 1, n, places, sorted, sorted + n);
    place = sorted;
    from = sorted + n;
  }
  const std::int64_t *place, *from;

 private:
  Scratch room_;
};

template <class T, bool kAdd>
void scatter(const char* op, Scatter s, const void* src, void* dst) {
  launch(op, scatter_kernel<T, kAdd>, blocks_for(s.outer * s.indices * s.units), dim3(kThreads), 0,
         Stop{}, s, static_cast<const T*>(src), static_cast<T*>(dst));
}

// f.template operator()<U>() for the widest unit that rows of `bytes` are made of, where both sides
// start at a multiple of it.
template <class F>
void with_unit(int64_t bytes, const void* a, const void* b, F&& f) {
  bytes |= static_cast<int64_t>(reinterpret_cast<std::uintptr_t>(a) |
                                reinterpret_cast<std::uintptr_t>(b));
  if (bytes % 8 == 0) f.template operator()<std::uint64_t>();
  else if (bytes % 4 == 0) f.template operator()<std::uint32_t>();
  else if (bytes % 2 == 0) f.template operator()<std::uint16_t>();
  else f.template operator()<std::uint8_t>();
}

}  // namespace

void gather_rows(const RowsJob& job, const void* src, void* out) {
  if (job.outer * job.indices * job.row == 0) return;
  with_unit(job.row, src, out, [&]<class U>() {
    const int64_t units = job.row / static_cast<int64_t>(sizeof(U));
    launch("take", gather_rows_kernel<U>, blocks_for(job.outer * job.indices * units),
           dim3(kThreads), 0, job, units, static_cast<const U*>(src), static_cast<U*>(out));
  });
}

void scatter_rows(const RowsJob& job, const void* src, void* dst) {
  if (job.outer * job.indices * job.row == 0) return;
  const Order order(job.indices, job.index);
  with_unit(job.row, src, dst, [&]<class U>() {
    scatter<U, false>("put",
                      {job.outer, job.source_rows, job.indices,
                       job.row / static_cast<int64_t>(sizeof(U)), order.place, order.from},
                      src, dst);
  });
}

void scatter_add_rows(const RowsJob& job, Lane lane, const void* src, void* dst) {
  if (job.outer * job.indices * job.row == 0) return;
  const Order order(job.indices, job.index);
  with_lane(lane, [&]<class T>() {
    scatter<T, true>("index_add",
                     {job.outer, job.source_rows, job.indices,
                      job.row / static_cast<int64_t>(sizeof(T)), order.place, order.from},
                     src, dst);
  });
}

void gather_elements(const ElementsJob& job, std::int64_t size, const void* src, void* out) {
  const int64_t total = job.outer * job.length * job.inner;
  if (total == 0) return;
  with_unit(size, src, out, [&]<class U>() {
    launch("take_along_axis", gather_elements_kernel<U>, blocks_for(total), dim3(kThreads), 0, job,
           static_cast<const U*>(src), static_cast<U*>(out));
  });
}

namespace {
template <class F>
void with_order_of_elements(const ElementsJob& job, F&& f) {
  const int64_t total = job.outer * job.length * job.inner;
  if (total == 0) return;
  const Scratch places(static_cast<std::size_t>(total) * 8);
  launch("put_along_axis", places_kernel, blocks_for(total), dim3(kThreads), 0, job,
         places.as<std::int64_t>());
  const Order order(total, places.as<std::int64_t>());
  f(Scatter{1, 0, total, 1, order.place, order.from});
}
}  // namespace

void scatter_elements(const ElementsJob& job, std::int64_t size, const void* src, void* dst) {
  with_order_of_elements(job, [&](const Scatter& s) {
    with_unit(size, src, dst, [&]<class U>() { scatter<U, false>("put_along_axis", s, src, dst); });
  });
}

void scatter_add_elements(const ElementsJob& job, Lane lane, const void* src, void* dst) {
  with_order_of_elements(job, [&](const Scatter& s) {
    with_lane(lane, [&]<class T>() { scatter<T, true>("scatter_add", s, src, dst); });
  });
}

}  // namespace nnx::cuda
