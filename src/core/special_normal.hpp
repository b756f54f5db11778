// The inverse of the error function and of the normal distribution function, and the latter's
// logarithm. One text for every backend, as core/special.hpp says.
#pragma once

#include "core/special.hpp"

namespace nnx::core::special {

namespace normal {

// erfinv(x) / x as a function of w = -log(1 - x^2): of t = w / 3 - 1 for w <= 6, then of s =
// sqrt(w) on [sqrt 6, 6.25] and on [6.25, 27.5], each in t from -1 to 1.
template <class V>
constexpr V inverse(V w) {
  constexpr double near_terms[] = {
      0x1.9fa072ed72dbbp+0,   0x1.7324f0e5ad6edp-1,   -0x1.a70fad00e7262p-5,
      -0x1.71e66a59dcf6dp-6,  0x1.02ddddaf06258p-6,   -0x1.95063d01711e4p-9,
      -0x1.4e0c641e9658bp-10, 0x1.01fb0ca17b549p-10,  -0x1.45f16877cab34p-13,
      -0x1.c359ddc3cf08ep-14, 0x1.131c512c12d08p-14,  -0x1.75980ee16f82ep-18,
      -0x1.3501a526fe492p-17, 0x1.20c73f49fba9bp-18,  0x1.fd1f96b292f2bp-26,
      -0x1.97d886a7035b7p-21, 0x1.24f6bf6e8ed83p-22,  0x1.31d34a9421b47p-25,
      -0x1.0e60c7a0b37a3p-24, 0x1.fd0e5d1c97d9dp-27,  0x1.e87178b659aa5p-28,
      -0x1.156f829a76d6bp-28, -0x1.5e669054ae365p-32, 0x1.b58d1f5678d6bp-32};
  constexpr double middle_terms[] = {
      0x1.0c599f3369dd1p+2,   0x1.eb61509439d8ep+0,   0x1.00f474e64557dp-9,
      -0x1.dbfec34d69951p-9,  0x1.38c727ff19affp-9,   -0x1.58f6cb97488a3p-10,
      0x1.90dc8743bd7e4p-11,  -0x1.335db20fd85fbp-11, 0x1.3913585583012p-11,
      -0x1.503d44d31b22cp-11, 0x1.3ee50c4c1dac3p-11,  -0x1.e0afe2d481f89p-12,
      0x1.e6f9f7bf73dfep-13,  -0x1.24021f9dadb97p-16, -0x1.cd2f0f69f5ffcp-14,
      0x1.115ff9611f913p-13,  -0x1.5647a9d757299p-14, 0x1.5d7e979364b4bp-16,
      0x1.155a8d62f83e7p-16,  -0x1.a7eda3157e6edp-16, 0x1.eba135395634fp-17,
      -0x1.74ebadeb681e1p-25, -0x1.275aa7891c99fp-18, 0x1.0dc3fc036ea95p-21,
      0x1.5ed0be3f3b1d1p-21,  0x1.4cb9c413f115ap-20,  -0x1.c10b559cdac1ap-21,
      -0x1.0cb74b59640fep-21, 0x1.98fad41955162p-22,  0x1.c49216c80a671p-25,
      -0x1.c241c64a87969p-25};
  constexpr double far_terms[] = {
      0x1.0cb74a2b9e522p+4,   0x1.5505b2a79e86dp+3,   -0x1.d41211e225aafp-7,
      0x1.ad83acd1df950p-8,   -0x1.863668dd02ae8p-9,  0x1.53fd1b7683a8dp-10,
      -0x1.0dc614fb2b344p-11, 0x1.53146aadbc688p-13,  -0x1.b2567416cacc0p-17,
      -0x1.593515868d43bp-15, 0x1.c10c9c9baf9f5p-15,  -0x1.9def947ebae5ep-15,
      0x1.4ef29ed5cbed4p-15,  -0x1.f3a80e310abdfp-16, 0x1.67b233348e032p-16,
      -0x1.18ebb875b1769p-16, 0x1.92e8cc245e9b1p-17,  -0x1.8590e23f2ab20p-19,
      0x1.9abe0a9f6308dp-21,  -0x1.ac97ce0141402p-17, 0x1.62ff17bb09626p-17,
      0x1.e1b9dc25851b0p-17,  -0x1.9addc6ae63350p-17, -0x1.44a314611d281p-16,
      0x1.00159d8939dbap-16,  0x1.0779702b0faadp-16,  -0x1.90418ffe4b204p-17,
      -0x1.37a19237f67acp-17, 0x1.c479b5ac42cb6p-18,  0x1.b29533322f7a7p-19,
      -0x1.3073d85546499p-19, -0x1.379388a8fa49dp-21, 0x1.a386178a15fdep-22};
  const V near = polynomial(w * (1.0 / 3) - 1, near_terms);
  const auto beyond = w > 6;
  if (!any(beyond)) return near;
  const V s = w.sqrt();
  constexpr double first = 2.449489742783178, second = 6.25, third = 27.5;
  const V middle = (s - 0.5 * (first + second)) * (2 / (second - first));
  const V y = select(beyond, polynomial(middle, middle_terms), near);
  const auto far = s > second;
  if (!any(far)) return y;
  return select(far, polynomial((s - 0.5 * (second + third)) * (2 / (third - second)), far_terms),
                y);
}

}  // namespace normal

template <class V>
constexpr V erfinv(V x) {
  const V y = x * normal::inverse(-((1 - x) * (1 + x)).log());
  return select(x.abs() == 1, V(kInf).copysign(x), y);
}

template <class V>
constexpr V ndtri(V p) {
  const V x = 2 * p - 1, y = 1.4142135623730951 * (x * normal::inverse(-(4 * p * (1 - p)).log()));
  return select((p == 0) | (p == 1), V(kInf).copysign(x), y);
}

// `ratio` is ndtr(-|x|) exp(x^2 / 2), which every backend computes in its own way.
template <class V>
constexpr V log_ndtr(V x, V ratio) {
  const V left = ratio.log() - 0.5 * x * x;
  return select(x < 0, left, (-((-x).ndtr())).log1p());
}

}  // namespace nnx::core::special
