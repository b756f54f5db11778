// Weighted sums of elements picked in planes, the same in every channel: images sampled at any
// place, and the gradients of that in the image and in the weights.
// Invariants: indices are checked by the caller. Every element is summed by one thread in the order
// of places and terms, or of channels, so results do not depend on the cut.
#include <cstdint>
#include <type_traits>

#include "cpu/kernels_decl.hpp"
#include "cpu/rows.hpp"

namespace nnx::cpu {
namespace {

using Job = core::PickJob;
constexpr std::int64_t kPlaces = 512;  // taken together: their indices and weights stay in L1

// f(terms) with the number of terms as a constant where it is usual.
template <class F>
void with_terms(std::int64_t terms, F&& f) {
  switch (terms) {
    case 1: return f(std::integral_constant<std::int64_t, 1>{});
    case 4: return f(std::integral_constant<std::int64_t, 4>{});
    case 8: return f(std::integral_constant<std::int64_t, 8>{});
    default: return f(terms);
  }
}

// f(sample, first place, last place) over blocks of places; a place costs `unit` in each channel.
template <class F>
void for_places(const Job& job, std::int64_t unit, F&& f) {
  const std::int64_t blocks = (job.places + kPlaces - 1) / kPlaces;
  const std::int64_t cost = std::min(job.places, kPlaces) * job.channels * job.terms * unit;
  for_ranges(job.samples * blocks, grain_for(cost), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t first = i % blocks * kPlaces;
      f(i / blocks, first, std::min(job.places, first + kPlaces));
    }
  });
}

}  // namespace

void pick(const core::PickJob& job, core::Lane lane, const void* x, const void* weight, void* y) {
  with_float(lane, [&]<class T>(T) {
    with_terms(job.terms, [&](auto terms) {
      const std::int64_t step = job.samples * job.places;
      for_places(job, 4, [&](std::int64_t s, std::int64_t first, std::int64_t last) {
        const std::int64_t* index = job.index + s * job.places;
        const T* w = static_cast<const T*>(weight) + s * job.places;
        for (std::int64_t c = 0; c < job.channels; ++c) {
          const std::int64_t plane = s * job.channels + c;
          const T* from = static_cast<const T*>(x) + plane * job.elements;
          T* to = static_cast<T*>(y) + plane * job.places;
          for (std::int64_t p = first; p < last; ++p) {
            T sum = 0;
            for (std::int64_t t = 0; t < terms; ++t)
              sum += w[t * step + p] * from[index[t * step + p]];
            to[p] = sum;
          }
        }
      });
    });
  });
}

void pick_add(const core::PickJob& job, core::Lane lane, const void* y, const void* weight,
              void* dx) {
  with_float(lane, [&]<class T>(T) {
    with_terms(job.terms, [&](auto terms) {
      const std::int64_t planes = job.samples * job.channels, step = job.samples * job.places;
      for_ranges(planes, grain_for(job.places * terms * 6),
                 [&](std::int64_t begin, std::int64_t end) {
                   for (std::int64_t plane = begin; plane < end; ++plane) {
                     const std::int64_t s = plane / job.channels;
                     const std::int64_t* index = job.index + s * job.places;
                     const T* w = static_cast<const T*>(weight) + s * job.places;
                     const T* from = static_cast<const T*>(y) + plane * job.places;
                     T* to = static_cast<T*>(dx) + plane * job.elements;
                     for (std::int64_t p = 0; p < job.places; ++p)
                       for (std::int64_t t = 0; t < terms; ++t)
                         to[index[t * step + p]] += w[t * step + p] * from[p];
                   }
                 });
    });
  });
}

void pick_products(const core::PickJob& job, core::Lane lane, const void* y, const void* x,
                   void* dweight) {
  with_float(lane, [&]<class T>(T) {
    const std::int64_t step = job.samples * job.places;
    for_places(job, 6, [&](std::int64_t s, std::int64_t first, std::int64_t last) {
      for (std::int64_t t = 0; t < job.terms; ++t) {
        const std::int64_t* index = job.index + t * step + s * job.places;
        T* __restrict to = static_cast<T*>(dweight) + t * step + s * job.places;
        std::fill(to + first, to + last, T(0));
        for (std::int64_t c = 0; c < job.channels; ++c) {
          const std::int64_t plane = s * job.channels + c;
          const T* values = static_cast<const T*>(x) + plane * job.elements;
          const T* g = static_cast<const T*>(y) + plane * job.places;
          for (std::int64_t p = first; p < last; ++p) to[p] += g[p] * values[index[p]];
        }
      }
    });
  });
}

}  // namespace nnx::cpu
