// Fourier transforms: the sums are NumPy's (pocketfft), which keeps float32.
#include "bind/families.hpp"
#include "bind/from_python.hpp"
#include "bind/function.hpp"
#include "bind/numpy.hpp"
#include "bind/tensor_type.hpp"
#include "ops/fft.hpp"

namespace nnx::bind {

using namespace core;
using ops::Fourier;
using ops::FourierScale;

namespace {

Tensor by_numpy(const Tensor& x, int axis, std::int64_t n, Fourier kind, FourierScale scale) {
  const HoldGil gil;
  constexpr const char* kNames[] = {"fft", "ifft", "rfft", "irfft"};
  const bool inverse = kind == Fourier::inverse || kind == Fourier::whole;
  // NumPy's words for who divides: the forward transform, the backward one, or each by the root.
  const char* norm = scale == FourierScale::root                  ? "ortho"
                     : (scale == FourierScale::length) == inverse ? "backward"
                                                                  : "forward";
  Object library = import_module("numpy.fft");
  Object wrapped = own(wrap(ops::detach(x)));
  Object array = to_numpy(wrapped.get());
  Object result = own(PyObject_CallMethod(library.get(), kNames[static_cast<int>(kind)], "OLis",
                                          array.get(), static_cast<long long>(n), axis, norm));
  return as_tensor(result.get());
}

PyObject* fourier(Args& a) {
  const Tensor x = a.tensor("x");
  return give(ops::fourier(
      x, a.integer("n"), a.integer("axis"), static_cast<Fourier>(a.integer("kind")),
      static_cast<FourierScale>(a.integer("scaling")), a.string("name", "fft").c_str()));
}

const Definition kDefinitions[] = {
    {"_fourier", "(x: TensorLike, n: int, axis: int, kind: int, scaling: int, name: str) -> Tensor",
     "A Fourier transform along one axis; see nnx.fft.", fourier},
};

}  // namespace

void declare_fourier(PyObject* module) {
  ops::set_fourier(by_numpy);
  for (const Definition& d : kDefinitions) declare(module, d);
}

}  // namespace nnx::bind
