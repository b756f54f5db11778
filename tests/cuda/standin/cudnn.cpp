// A stand-in for the part of cuDNN that src/cuda uses: descriptors that remember what they were
// told, and convolutions in plain loops over memory of the processor. Built as libcudnn.so.9 by
// build.py. NNX_STANDIN_CUDNN chooses what it has to offer: "nondeterministic" nothing that may be
// used, "broken" algorithms that fail when they run; with "loud" each convolution says its name on
// stderr.
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#define EXPORT extern "C" __attribute__((visibility("default")))

namespace {

struct Tensor {
  int type = -1, axes = 0;
  std::array<int, 5> shape{}, strides{};
};
struct Convolution {
  int axes = 0, mode = -1, type = -1, groups = 1, math = -1;
  std::array<int, 3> padding{}, stride{}, dilation{};
};
struct Choice {
  std::int32_t algorithm, state;
  float time;
  std::size_t workspace;
  std::int32_t deterministic, math, reserved[3];
};

constexpr int kBadParameter = 2000, kFailed = 5000, kAlgorithm = 7;
constexpr std::size_t kWorkspace = 4096;

std::string_view offer() {
  const char* text = std::getenv("NNX_STANDIN_CUDNN");
  return text ? text : "";
}

// Whether x, w and y belong together under c.
bool fits(const Tensor& x, const Tensor& w, const Convolution& c, const Tensor& y) {
  if (c.mode != 1 || c.math < 0 || x.axes != c.axes + 2 || w.axes != x.axes || y.axes != x.axes)
    return false;
  if (x.type != c.type || w.type != c.type || y.type != c.type) return false;
  if (x.shape[0] != y.shape[0] || x.shape[1] != w.shape[1] * c.groups || y.shape[1] != w.shape[0])
    return false;
  for (int a = 0; a < c.axes; ++a) {
    const int reach = (w.shape[2 + a] - 1) * c.dilation[a] + 1;
    if ((x.shape[2 + a] + 2 * c.padding[a] - reach) / c.stride[a] + 1 != y.shape[2 + a])
      return false;
  }
  return true;
}

// f(offset in x, in w, in y) of every product; three axes, those an image lacks are of length 1.
template <class F>
void for_products(const Tensor& x, const Tensor& w, const Convolution& c, const Tensor& y, F&& f) {
  const auto length = [&](const Tensor& t, int a) {
    return a < 3 - c.axes ? 1 : t.shape[a + c.axes - 1];
  };
  const auto of = [&](const std::array<int, 3>& v, int a, int other) {
    return a < 3 - c.axes ? other : v[a - (3 - c.axes)];
  };
  int i[3], k[3], o[3];
  const int in = w.shape[1], out = w.shape[0] / c.groups;
  for (int n = 0; n < x.shape[0]; ++n)
    for (int oc = 0; oc < w.shape[0]; ++oc)
      for (o[0] = 0; o[0] < length(y, 0); ++o[0])
        for (o[1] = 0; o[1] < length(y, 1); ++o[1])
          for (o[2] = 0; o[2] < length(y, 2); ++o[2])
            for (int ic = 0; ic < in; ++ic)
              for (k[0] = 0; k[0] < length(w, 0); ++k[0])
                for (k[1] = 0; k[1] < length(w, 1); ++k[1])
                  for (k[2] = 0; k[2] < length(w, 2); ++k[2]) {
                    bool inside = true;
                    long at_x = n * x.shape[1] + oc / out * in + ic, at_w = oc * in + ic,
                         at_y = n * y.shape[1] + oc;
                    for (int a = 0; a < 3; ++a) {
                      i[a] = o[a] * of(c.stride, a, 1) + k[a] * of(c.dilation, a, 1) -
                             of(c.padding, a, 0);
                      inside = inside && i[a] >= 0 && i[a] < length(x, a);
                      at_x = at_x * length(x, a) + i[a];
                      at_w = at_w * length(w, a) + k[a];
                      at_y = at_y * length(y, a) + o[a];
                    }
                    if (inside) f(at_x, at_w, at_y);
                  }
}

long count(const Tensor& t) {
  long n = 1;
  for (int a = 0; a < t.axes; ++a) n *= t.shape[a];
  return n;
}

template <class T>
void fill(void* to, const Tensor& t) {
  for (long i = 0; i < count(t); ++i) static_cast<T*>(to)[i] = 0;
}

template <class F>
int with_type(int type, F&& f) {
  if (type == 0) f.template operator()<float>();
  else if (type == 1) f.template operator()<double>();
  else return kBadParameter;
  return 0;
}

int choose(bool fit, int wanted, int* found, Choice* choices) {
  if (!fit || wanted < 2) return kBadParameter;
  // The fastest may not be used.
  choices[0] = {kAlgorithm - 1, 0, 0.5F, kWorkspace, 0, 0, {}};
  choices[1] = {kAlgorithm, 0, 1, kWorkspace, offer() == "nondeterministic" ? 0 : 1, 0, {}};
  *found = 2;
  return 0;
}
int refused(const char* name, int algorithm, const void* workspace, std::size_t bytes) {
  if (offer() == "loud") std::fprintf(stderr, "%s\n", name);
  if (algorithm != kAlgorithm || !workspace || bytes < kWorkspace) return kBadParameter;
  return offer() == "broken" ? kFailed : 0;
}

}  // namespace

EXPORT int cudnnCreate(void** handle) {
  *handle = new int;
  return 0;
}
EXPORT int cudnnSetStream(void*, void*) { return 0; }
EXPORT int cudnnCreateTensorDescriptor(Tensor** t) {
  *t = new Tensor;
  return 0;
}
EXPORT int cudnnSetTensorNdDescriptor(Tensor* t, int type, int axes, const int* shape,
                                      const int* strides) {
  if (axes < 4 || axes > 5) return kBadParameter;
  t->type = type;
  t->axes = axes;
  for (int a = axes - 1, step = 1; a >= 0; step *= shape[a--]) {
    t->shape[a] = shape[a];
    if (strides[a] != step) return kBadParameter;
  }
  return 0;
}
EXPORT int cudnnDestroyTensorDescriptor(Tensor* t) {
  delete t;
  return 0;
}
EXPORT int cudnnDestroyFilterDescriptor(Tensor* t) {
  delete t;
  return 0;
}
EXPORT int cudnnDestroyConvolutionDescriptor(Convolution* c) {
  delete c;
  return 0;
}
EXPORT int cudnnCreateFilterDescriptor(Tensor** t) {
  *t = new Tensor;
  return 0;
}
EXPORT int cudnnSetFilterNdDescriptor(Tensor* t, int type, int format, int axes, const int* shape) {
  if (format != 0 || axes < 4 || axes > 5) return kBadParameter;
  t->type = type;
  t->axes = axes;
  for (int a = 0; a < axes; ++a) t->shape[a] = shape[a];
  return 0;
}
EXPORT int cudnnCreateConvolutionDescriptor(Convolution** c) {
  *c = new Convolution;
  return 0;
}
EXPORT int cudnnSetConvolutionNdDescriptor(Convolution* c, int axes, const int* padding,
                                           const int* stride, const int* dilation, int mode,
                                           int type) {
  if (axes < 2 || axes > 3) return kBadParameter;
  c->axes = axes;
  c->mode = mode;
  c->type = type;
  for (int a = 0; a < axes; ++a) {
    c->padding[a] = padding[a];
    c->stride[a] = stride[a];
    c->dilation[a] = dilation[a];
  }
  return 0;
}
EXPORT int cudnnSetConvolutionGroupCount(Convolution* c, int groups) {
  c->groups = groups;
  return 0;
}
EXPORT int cudnnSetConvolutionMathType(Convolution* c, int math) {
  c->math = math;
  return 0;
}

EXPORT int cudnnGetConvolutionForwardAlgorithm_v7(void*, Tensor* x, Tensor* w, Convolution* c,
                                                  Tensor* y, int wanted, int* found, Choice* made) {
  return choose(fits(*x, *w, *c, *y), wanted, found, made);
}
EXPORT int cudnnGetConvolutionBackwardDataAlgorithm_v7(void*, Tensor* w, Tensor* y, Convolution* c,
                                                       Tensor* x, int wanted, int* found,
                                                       Choice* made) {
  return choose(fits(*x, *w, *c, *y), wanted, found, made);
}
EXPORT int cudnnGetConvolutionBackwardFilterAlgorithm_v7(void*, Tensor* x, Tensor* y,
                                                         Convolution* c, Tensor* w, int wanted,
                                                         int* found, Choice* made) {
  return choose(fits(*x, *w, *c, *y), wanted, found, made);
}

EXPORT int cudnnConvolutionForward(void*, const void*, Tensor* tx, const void* x, Tensor* tw,
                                   const void* w, Convolution* c, int algorithm, void* workspace,
                                   std::size_t bytes, const void*, Tensor* ty, void* y) {
  if (const int bad = refused("forward", algorithm, workspace, bytes)) return bad;
  return with_type(tx->type, [&]<class T>() {
    fill<T>(y, *ty);
    for_products(*tx, *tw, *c, *ty, [&](long i, long k, long o) {
      static_cast<T*>(y)[o] += static_cast<const T*>(x)[i] * static_cast<const T*>(w)[k];
    });
  });
}
EXPORT int cudnnConvolutionBackwardData(void*, const void*, Tensor* tw, const void* w, Tensor* ty,
                                        const void* y, Convolution* c, int algorithm,
                                        void* workspace, std::size_t bytes, const void*, Tensor* tx,
                                        void* x) {
  if (const int bad = refused("data", algorithm, workspace, bytes)) return bad;
  return with_type(tx->type, [&]<class T>() {
    fill<T>(x, *tx);
    for_products(*tx, *tw, *c, *ty, [&](long i, long k, long o) {
      static_cast<T*>(x)[i] += static_cast<const T*>(y)[o] * static_cast<const T*>(w)[k];
    });
  });
}
EXPORT int cudnnConvolutionBackwardFilter(void*, const void*, Tensor* tx, const void* x, Tensor* ty,
                                          const void* y, Convolution* c, int algorithm,
                                          void* workspace, std::size_t bytes, const void*,
                                          Tensor* tw, void* w) {
  if (const int bad = refused("filter", algorithm, workspace, bytes)) return bad;
  return with_type(tx->type, [&]<class T>() {
    fill<T>(w, *tw);
    for_products(*tx, *tw, *c, *ty, [&](long i, long k, long o) {
      static_cast<T*>(w)[k] += static_cast<const T*>(x)[i] * static_cast<const T*>(y)[o];
    });
  });
}
EXPORT int cudnnAddTensor(void*, const void*, Tensor* from, const void* a, const void*, Tensor* to,
                          void* b) {
  if (from->shape[1] != to->shape[1]) return kBadParameter;
  const long plane = count(*to) / to->shape[0] / to->shape[1];
  return with_type(to->type, [&]<class T>() {
    for (long i = 0; i < count(*to); ++i)
      static_cast<T*>(b)[i] += static_cast<const T*>(a)[i / plane % to->shape[1]];
  });
}
