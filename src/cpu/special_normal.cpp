// The error function's complement and inverse, the normal distribution's logarithm and inverse, and
// the cube root. The first follow from W of cpu/math_erf.hpp, which never underflows.
#include <cmath>
#include <limits>

#include "cpu/math.hpp"
#include "cpu/special.hpp"

namespace nnx::cpu::inline NNX_LEVEL {
namespace special {

namespace {

constexpr double kInf = std::numeric_limits<double>::infinity(), kRoot2 = 1.4142135623730951;

// erfinv(x) / x as a function of w = -log(1 - x^2): of t = w / 3 - 1 for w <= 6, then of s =
// sqrt(w) on [sqrt 6, 6.25] and on [6.25, 27.5], each in t from -1 to 1.
constexpr double kNear[] = {
    0x1.9fa072ed72dbbp+0,   0x1.7324f0e5ad6edp-1,   -0x1.a70fad00e7262p-5,  -0x1.71e66a59dcf6dp-6,
    0x1.02ddddaf06258p-6,   -0x1.95063d01711e4p-9,  -0x1.4e0c641e9658bp-10, 0x1.01fb0ca17b549p-10,
    -0x1.45f16877cab34p-13, -0x1.c359ddc3cf08ep-14, 0x1.131c512c12d08p-14,  -0x1.75980ee16f82ep-18,
    -0x1.3501a526fe492p-17, 0x1.20c73f49fba9bp-18,  0x1.fd1f96b292f2bp-26,  -0x1.97d886a7035b7p-21,
    0x1.24f6bf6e8ed83p-22,  0x1.31d34a9421b47p-25,  -0x1.0e60c7a0b37a3p-24, 0x1.fd0e5d1c97d9dp-27,
    0x1.e87178b659aa5p-28,  -0x1.156f829a76d6bp-28, -0x1.5e669054ae365p-32, 0x1.b58d1f5678d6bp-32};
constexpr double kMiddle[] = {
    0x1.0c599f3369dd1p+2,   0x1.eb61509439d8ep+0,   0x1.00f474e64557dp-9,   -0x1.dbfec34d69951p-9,
    0x1.38c727ff19affp-9,   -0x1.58f6cb97488a3p-10, 0x1.90dc8743bd7e4p-11,  -0x1.335db20fd85fbp-11,
    0x1.3913585583012p-11,  -0x1.503d44d31b22cp-11, 0x1.3ee50c4c1dac3p-11,  -0x1.e0afe2d481f89p-12,
    0x1.e6f9f7bf73dfep-13,  -0x1.24021f9dadb97p-16, -0x1.cd2f0f69f5ffcp-14, 0x1.115ff9611f913p-13,
    -0x1.5647a9d757299p-14, 0x1.5d7e979364b4bp-16,  0x1.155a8d62f83e7p-16,  -0x1.a7eda3157e6edp-16,
    0x1.eba135395634fp-17,  -0x1.74ebadeb681e1p-25, -0x1.275aa7891c99fp-18, 0x1.0dc3fc036ea95p-21,
    0x1.5ed0be3f3b1d1p-21,  0x1.4cb9c413f115ap-20,  -0x1.c10b559cdac1ap-21, -0x1.0cb74b59640fep-21,
    0x1.98fad41955162p-22,  0x1.c49216c80a671p-25,  -0x1.c241c64a87969p-25};
constexpr double kFar[] = {
    0x1.0cb74a2b9e522p+4,   0x1.5505b2a79e86dp+3,   -0x1.d41211e225aafp-7,  0x1.ad83acd1df950p-8,
    -0x1.863668dd02ae8p-9,  0x1.53fd1b7683a8dp-10,  -0x1.0dc614fb2b344p-11, 0x1.53146aadbc688p-13,
    -0x1.b2567416cacc0p-17, -0x1.593515868d43bp-15, 0x1.c10c9c9baf9f5p-15,  -0x1.9def947ebae5ep-15,
    0x1.4ef29ed5cbed4p-15,  -0x1.f3a80e310abdfp-16, 0x1.67b233348e032p-16,  -0x1.18ebb875b1769p-16,
    0x1.92e8cc245e9b1p-17,  -0x1.8590e23f2ab20p-19, 0x1.9abe0a9f6308dp-21,  -0x1.ac97ce0141402p-17,
    0x1.62ff17bb09626p-17,  0x1.e1b9dc25851b0p-17,  -0x1.9addc6ae63350p-17, -0x1.44a314611d281p-16,
    0x1.00159d8939dbap-16,  0x1.0779702b0faadp-16,  -0x1.90418ffe4b204p-17, -0x1.37a19237f67acp-17,
    0x1.c479b5ac42cb6p-18,  0x1.b29533322f7a7p-19,  -0x1.3073d85546499p-19, -0x1.379388a8fa49dp-21,
    0x1.a386178a15fdep-22};
constexpr double kFirst = 2.449489742783178, kSecond = 6.25, kThird = 27.5;

V inverse(V w) {
  const V near = math::polynomial(w * (1.0 / 3) - 1, kNear);
  const auto beyond = w > 6;
  if (!any(beyond)) return near;
  const V s = w.sqrt();
  const auto within = [&](double low, double high, const auto& c) {
    return math::polynomial((s - 0.5 * (low + high)) * (2 / (high - low)), c);
  };
  const V y = select(beyond, within(kFirst, kSecond, kMiddle), near);
  const auto far = s > kSecond;
  return any(far) ? select(far, within(kSecond, kThird, kFar), y) : y;
}

// erfc(a) for a >= 0
V tail(V a) {
  using math::Range;
  a = min(V(27.5), a);  // 0 from there on
  const auto [p, p_low] = math::mills(a * kRoot2);
  const auto square = math::two_product(a, a);
  const auto [shifted, n, r] = math::exp_reduce(-square.value);
  const V e = math::exp_tail(r - square.error);
  return math::scale<Range::full>(2 * (p + fma(p, e, fma(p_low, e, p_low))), n, shifted);
}

// W(u) = ndtr(-u) exp(u^2 / 2) for any u >= 0: the asymptotic series where W's polynomial ends.
V ratio(V u) {
  const auto [p, p_low] = math::mills(min(V(36), u));
  const auto far = u > 36;
  if (!any(far)) return p + p_low;
  const V t = 1 / u, z = t * t;
  V sum = 1;
  for (int k = 13; k > 0; k -= 2) sum = 1 - double(k) * z * sum;
  return select(far, 0.3989422804014327 * t * sum, p + p_low);
}

}  // namespace

V erfc(V x) {
  const V y = tail(x.abs());
  return select(x < 0, 2 - y, y);
}

V erfcx(V x) {
  const V y = 2 * ratio(x.abs() * kRoot2);
  const auto negative = x < 0;
  if (!any(negative)) return y;
  const V a = max(V(-30), x);
  const auto square = math::two_product(a, a);
  const V e = square.value.exp();
  return select(negative, select(x < -27, V(kInf), fma(2 * e, square.error, 2 * e - y)), y);
}

V erfinv(V x) {
  const V y = x * inverse(-((1 - x) * (1 + x)).log());
  return select(x.abs() == 1, V(kInf).copysign(x), y);
}

V ndtri(V p) {
  const V x = 2 * p - 1, y = kRoot2 * (x * inverse(-(4 * p * (1 - p)).log()));
  return select((p == 0) | (p == 1), V(kInf).copysign(x), y);
}

V log_ndtr(V x) {
  const V left = ratio(x.abs()).log() - 0.5 * x * x;
  return select(x < 0, left, (-((-x).ndtr())).log1p());
}

V cbrt(V x) {
  const V a = x.abs();
  const V y = (a.log() * (1.0 / 3)).exp();
  const V square = y * y;
  const V better = y + math::product_residual(square, y, a) / (3 * square);  // Newton's step
  return select((a == 0) | ~(a < kInf), x, better.copysign(x));
}

}  // namespace special
}  // namespace nnx::cpu::inline NNX_LEVEL
