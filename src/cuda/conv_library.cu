// cuDNN: see conv_library.hpp. The library is opened when the first convolution asks for it.
// Invariants: only algorithms that are deterministic are chosen, and the same shape gets the same
// one; products are not rounded to TF32 unless they may be.
#include "cuda/conv_library.hpp"

#include <climits>
#include <cstring>
#include <mutex>
#include <optional>
#include <unordered_map>

#include "cuda/cudnn.hpp"
#include "cuda/device.hpp"
#include "cuda/libraries.hpp"

namespace nnx::cuda {
namespace {

using core::ConvJob;
using core::ConvKind;

constexpr std::size_t kMostWorkspace = std::size_t{1} << 30;
constexpr std::size_t kMostPlans = 1024;  // kept; then anew, for inputs whose lengths never repeat

struct Library {
  dnn::Create* create = nullptr;
  dnn::SetStream* set_stream = nullptr;
  dnn::NewTensor* new_tensor = nullptr;
  dnn::SetTensor* set_tensor = nullptr;
  dnn::EndTensor* end_tensor = nullptr;
  dnn::NewFilter* new_filter = nullptr;
  dnn::EndFilter* end_filter = nullptr;
  dnn::SetFilter* set_filter = nullptr;
  dnn::NewConvolution* new_convolution = nullptr;
  dnn::EndConvolution* end_convolution = nullptr;
  dnn::SetConvolution* set_convolution = nullptr;
  dnn::SetGroups* set_groups = nullptr;
  dnn::SetMath* set_math = nullptr;
  dnn::ChooseForward* choose_forward = nullptr;
  dnn::ChooseData* choose_data = nullptr;
  dnn::ChooseFilter* choose_filter = nullptr;
  dnn::Forward* forward = nullptr;
  dnn::BackwardData* backward_data = nullptr;
  dnn::BackwardFilter* backward_filter = nullptr;
  dnn::AddTensor* add_tensor = nullptr;
  bool there = false;
};

const Library& library() {
  static const Library all = [] {
    Library l;
    SharedLibrary file("libcudnn.so.9");
    file.find(l.create, "cudnnCreate");
    file.find(l.set_stream, "cudnnSetStream");
    file.find(l.new_tensor, "cudnnCreateTensorDescriptor");
    file.find(l.set_tensor, "cudnnSetTensorNdDescriptor");
    file.find(l.end_tensor, "cudnnDestroyTensorDescriptor");
    file.find(l.end_filter, "cudnnDestroyFilterDescriptor");
    file.find(l.end_convolution, "cudnnDestroyConvolutionDescriptor");
    file.find(l.new_filter, "cudnnCreateFilterDescriptor");
    file.find(l.set_filter, "cudnnSetFilterNdDescriptor");
    file.find(l.new_convolution, "cudnnCreateConvolutionDescriptor");
    file.find(l.set_convolution, "cudnnSetConvolutionNdDescriptor");
    file.find(l.set_groups, "cudnnSetConvolutionGroupCount");
    file.find(l.set_math, "cudnnSetConvolutionMathType");
    file.find(l.choose_forward, "cudnnGetConvolutionForwardAlgorithm_v7");
    file.find(l.choose_data, "cudnnGetConvolutionBackwardDataAlgorithm_v7");
    file.find(l.choose_filter, "cudnnGetConvolutionBackwardFilterAlgorithm_v7");
    file.find(l.forward, "cudnnConvolutionForward");
    file.find(l.backward_data, "cudnnConvolutionBackwardData");
    file.find(l.backward_filter, "cudnnConvolutionBackwardFilter");
    file.find(l.add_tensor, "cudnnAddTensor");
    l.there = file.complete();
    return l;
  }();
  return all;
}

// What decides how a job is done.
struct Key {
  core::ConvShape shape;
  std::int32_t device, lane, kind, tf32;
  bool operator==(const Key& o) const { return std::memcmp(this, &o, sizeof o) == 0; }
};

struct Plan {
  bool usable = false;
  dnn::Tensor x = nullptr, y = nullptr, bias = nullptr;
  dnn::Filter w = nullptr;
  dnn::Convolution convolution = nullptr;
  std::int32_t algorithm = 0;
  std::size_t workspace = 0;
};

class Plans {
 public:
  Plans() {
    usable_ = l_.there && l_.create(&handle_) == 0 && l_.set_stream(handle_, stream()) == 0;
  }
  dnn::Handle handle() const { return handle_; }
  std::mutex calls;  // a handle is for one thread at a time
  // Under `calls`.
  Plan& find(const Key& key) {
    if (plans_.size() >= kMostPlans && !plans_.contains(key)) {
      for (const auto& [_, plan] : plans_) end(plan);
      plans_.clear();
    }
    auto [at, is_new] = plans_.try_emplace(key);
    if (is_new && usable_) at->second = make(key);
    return at->second;
  }

 private:
  void end(const Plan& p) {
    for (dnn::Tensor t : {p.x, p.y, p.bias})
      if (t) l_.end_tensor(t);
    if (p.w) l_.end_filter(p.w);
    if (p.convolution) l_.end_convolution(p.convolution);
  }
  // Channels first, the spatial axes from `first`.
  dnn::Tensor tensor(std::int32_t type, std::int64_t batch, std::int64_t channels,
                     const std::int64_t* lengths, int first) {
    int shape[5] = {static_cast<int>(batch), static_cast<int>(channels)}, strides[5];
    const int axes = 5 - first;
    for (int a = first; a < 3; ++a) shape[2 + a - first] = static_cast<int>(lengths[a]);
    for (int a = axes - 1, step = 1; a >= 0; step *= shape[a--]) strides[a] = step;
    dnn::Tensor made = nullptr;
    if (l_.new_tensor(&made) != 0 || l_.set_tensor(made, type, axes, shape, strides) != 0)
      return nullptr;
    return made;
  }
  Plan make(const Key& k) {
    Plan p;
    const core::ConvShape& s = k.shape;
    std::int64_t x_count = s.batch * s.groups * s.in_channels,
                 y_count = s.batch * s.groups * s.out_channels;
    for (int a = 0; a < 3; ++a) {
      // Padding is the same before and behind, as far as windows reach.
      const std::int64_t reach = (s.kernel[a] - 1) * s.dilation[a] + 1;
      const std::int64_t room = s.in[a] + 2 * s.before[a] - reach;
      if (room < 0 || room / s.stride[a] + 1 != s.out[a]) return p;
      if (s.before[a] > INT_MAX || s.stride[a] > INT_MAX || s.dilation[a] > INT_MAX) return p;
      x_count *= s.in[a];
      y_count *= s.out[a];
    }
    if (x_count > INT_MAX || y_count > INT_MAX) return p;
    const bool flat = s.in[0] == 1 && s.out[0] == 1 && s.kernel[0] == 1 && s.before[0] == 0;
    const int first = flat ? 1 : 0, axes = 3 - first;
    const std::int32_t type = static_cast<Lane>(k.lane) == Lane::f64 ? dnn::kDouble : dnn::kFloat;
    const bool transposed = static_cast<ConvKind>(k.kind) == ConvKind::transposed;
    int filter[5] = {static_cast<int>(s.groups * s.out_channels), static_cast<int>(s.in_channels)};
    int padding[3], stride[3], dilation[3];
    for (int a = first; a < 3; ++a) {
      filter[2 + a - first] = static_cast<int>(s.kernel[a]);
      padding[a - first] = static_cast<int>(s.before[a]);
      stride[a - first] = static_cast<int>(s.stride[a]);
      dilation[a - first] = static_cast<int>(s.dilation[a]);
    }
    const std::int64_t ones[3] = {1, 1, 1};
    p.x = tensor(type, s.batch, s.groups * s.in_channels, s.in, first);
    p.y = tensor(type, s.batch, s.groups * s.out_channels, s.out, first);
    p.bias = tensor(type, 1, s.groups * (transposed ? s.in_channels : s.out_channels), ones, first);
    if (!p.x || !p.y || !p.bias || l_.new_filter(&p.w) != 0 ||
        l_.set_filter(p.w, type, dnn::kChannelsFirst, axes + 2, filter) != 0 ||
        l_.new_convolution(&p.convolution) != 0 ||
        l_.set_convolution(p.convolution, axes, padding, stride, dilation, dnn::kCorrelation,
                           type) != 0 ||
        l_.set_groups(p.convolution, static_cast<int>(s.groups)) != 0 ||
        l_.set_math(p.convolution, k.tf32 ? dnn::kAnyMath : dnn::kExactMath) != 0)
      return p;
    constexpr int most = 12;
    dnn::Choice found[most];
    int count = 0, state = 1;
    switch (static_cast<ConvKind>(k.kind)) {
      case ConvKind::forward:
        state = l_.choose_forward(handle_, p.x, p.w, p.convolution, p.y, most, &count, found);
        break;
      case ConvKind::transposed:
        state = l_.choose_data(handle_, p.w, p.y, p.convolution, p.x, most, &count, found);
        break;
      case ConvKind::weight:
        state = l_.choose_filter(handle_, p.x, p.y, p.convolution, p.w, most, &count, found);
        break;
    }
    for (int i = 0; state == 0 && i < count && !p.usable; ++i) {  // the fastest first
      const dnn::Choice& c = found[i];
      if (c.state != 0 || c.deterministic != 1 || c.workspace > kMostWorkspace) continue;
      p.algorithm = c.algorithm;
      p.workspace = c.workspace;
      p.usable = true;
    }
    return p;
  }

  const Library& l_ = library();
  bool usable_ = false;
  dnn::Handle handle_ = nullptr;
  std::unordered_map<Key, Plan, HashOfBytes<Key>> plans_;
};

Key key_of(const ConvJob& job) {
  Key key;
  std::memset(&key, 0, sizeof key);
  key.shape = job.shape;
  key.device = device_in_use();
  key.lane = static_cast<std::int32_t>(job.lane);
  key.kind = static_cast<std::int32_t>(job.kind);
  key.tf32 = job.low_precision;
  return key;
}

}  // namespace

bool conv_library_is_there() { return library().there; }

bool convolve_by_library(const ConvJob& job) {
  const Library& l = library();
  if (!l.there) return false;
  Plans& all = of_device_in_use<Plans>();
  const std::lock_guard one_at_a_time(all.calls);
  Plan& p = all.find(key_of(job));
  if (!p.usable) return false;
  std::optional<Scratch> room;
  try {
    room.emplace(p.workspace);
  } catch (...) {  // our own kernels need less memory
    return false;
  }
  const double one64 = 1, zero64 = 0;
  const float one32 = 1, zero32 = 0;
  const bool wide = job.lane == Lane::f64;
  const void* one = wide ? static_cast<const void*>(&one64) : &one32;
  const void* zero = wide ? static_cast<const void*>(&zero64) : &zero32;
  int state = 1;
  switch (job.kind) {
    case ConvKind::forward:
      state = l.forward(all.handle(), one, p.x, job.a, p.w, job.b, p.convolution, p.algorithm,
                        room->as<void>(), p.workspace, zero, p.y, job.out);
      break;
    case ConvKind::transposed:
      state = l.backward_data(all.handle(), one, p.w, job.b, p.y, job.a, p.convolution, p.algorithm,
                              room->as<void>(), p.workspace, zero, p.x, job.out);
      break;
    case ConvKind::weight:
      state = l.backward_filter(all.handle(), one, p.x, job.a, p.y, job.b, p.convolution,
                                p.algorithm, room->as<void>(), p.workspace, zero, p.w, job.out);
      break;
  }
  if (state == 0 && job.bias)
    state = l.add_tensor(all.handle(), one, p.bias, job.bias, one,
                         job.kind == ConvKind::transposed ? p.x : p.y, job.out);
  p.usable = state == 0;  // what failed once is not asked for again
  if (p.usable) launched("conv");
  return p.usable;
}

}  // namespace nnx::cuda
