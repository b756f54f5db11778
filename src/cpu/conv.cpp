// Convolution in the kernel table: which way a shape takes.
// conv_channels.hpp and conv_weight.hpp fill their vectors with channels, conv_pixels.hpp and
// conv_scatter.hpp with pixels; conv_winograd.hpp saves products of 3 x 3 taps.
#include "cpu/conv_channels.hpp"
#include "cpu/conv_pixels.hpp"
#include "cpu/conv_scatter.hpp"
#include "cpu/conv_weight.hpp"
#include "cpu/conv_winograd.hpp"
#include "cpu/kernels_decl.hpp"

namespace nnx::cpu {
namespace {

using namespace convolution;

// The share of `n` numbers in whole vectors.
double filled(std::int64_t n, int width) {
  return static_cast<double>(n) / static_cast<double>(ceil_div(n, width) * width);
}

// The share of a frame's row that holds results.
double row_filled(const Gather& g) {
  const Axis& w = g.axis[2];
  return static_cast<double>(w.count) /
         static_cast<double>(ceil_div(w.reach(w.count), w.source_step));
}

template <class T>
bool gather_by_pixels(const Gather& g) {
  constexpr int width = Vec<T>::width;
  return g.dest_channels <= width && filled(g.dest_channels, width) < 0.75 * row_filled(g);
}
template <class T>
bool weight_by_pixels(const Gather& g) {
  constexpr int width = Vec<T>::width;
  std::int64_t run = g.source_channels;  // numbers side by side
  const std::vector<Tap>& taps = g.axis[2].phases.front().taps;
  if (taps.size() > 1 && taps[1].delta == taps[0].delta + 1)
    run *= static_cast<std::int64_t>(taps.size());
  return filled(run, width) < 0.7 * row_filled(g);
}

// f(a class of conv_channels.hpp or conv_pixels.hpp)
template <class T, class F>
auto with_way(const core::ConvJob& job, const Gather& g, F&& f) {
  if constexpr (std::is_same_v<T, float>) {
    const bool weight = job.kind == core::ConvKind::weight;
    if (by_winograd(g, weight)) return weight ? f(WinogradWeight(g)) : f(WinogradGather(g));
  }
  if (job.kind == core::ConvKind::weight)
    return weight_by_pixels<T>(g) ? f(PixelsWeight<T>(g)) : f(ChannelsWeight<T>(g));
  if (g.dest_channels <= Vec<T>::width && PixelsScatter<T>::fits(g)) return f(PixelsScatter<T>(g));
  return gather_by_pixels<T>(g) ? f(PixelsGather<T>(g)) : f(ChannelsGather<T>(g));
}

template <class T>
std::int64_t workspace_of(const core::ConvJob& job) {
  const Gather g = gather_of(job.shape, job.kind == core::ConvKind::transposed);
  return with_way<T>(job, g, [](const auto& way) {
    return way.workspace() * static_cast<std::int64_t>(sizeof(T));
  });
}

template <class T>
void run_job(const core::ConvJob& job) {
  const Gather g = gather_of(job.shape, job.kind == core::ConvKind::transposed);
  const T *a = static_cast<const T*>(job.a), *b = static_cast<const T*>(job.b);
  T *out = static_cast<T*>(job.out), *room = static_cast<T*>(job.workspace);
  with_way<T>(job, g, [&](const auto& way) {
    if constexpr (requires { way.run(a, b, out, room); }) {
      way.run(a, b, out, room);
    } else {
      way.run(a, b, static_cast<const T*>(job.bias),
              job.activation < 0 ? nullptr : pointwise_function(job.activation, job.lane), out,
              room);
    }
  });
}

}  // namespace

std::int64_t conv_workspace(const core::ConvJob& job) {
  return job.lane == core::Lane::f64 ? workspace_of<double>(job) : workspace_of<float>(job);
}
void conv(const core::ConvJob& job) {
  if (job.lane == core::Lane::f64) run_job<double>(job);
  else run_job<float>(job);
}

}  // namespace nnx::cpu
