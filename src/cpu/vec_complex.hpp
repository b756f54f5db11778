// Vectors of complex numbers: Vec<std::complex<T>> is two vectors of T, the real parts and the
// imaginary ones. Loads take pairs apart, stores put them together again.
// Every function is written in those of Vec<T>, called out of line so that the code stays small.
// Special values follow C99's annex G where it says more than the formula does; branch cuts and the
// signs of zero on them are C99's and NumPy's.
// Source of the inverse functions: Kahan, Branch cuts for complex elementary functions (1987).
#pragma once

#include <complex>
#include <limits>

#include "cpu/math.hpp"

namespace nnx::cpu::inline NNX_LEVEL {

// The real functions, each compiled once.
namespace part {
// clang-format off
template <class T> [[gnu::noinline]] Vec<T> exp(Vec<T> x) { return x.exp(); }
template <class T> [[gnu::noinline]] Vec<T> expm1(Vec<T> x) { return x.expm1(); }
template <class T> [[gnu::noinline]] Vec<T> log(Vec<T> x) { return x.log(); }
template <class T> [[gnu::noinline]] Vec<T> log1p(Vec<T> x) { return x.log1p(); }
template <class T> [[gnu::noinline]] Vec<T> sin(Vec<T> x) { return x.sin(); }
template <class T> [[gnu::noinline]] Vec<T> cos(Vec<T> x) { return x.cos(); }
template <class T> [[gnu::noinline]] Vec<T> tan(Vec<T> x) { return x.tan(); }
template <class T> [[gnu::noinline]] Vec<T> sinh(Vec<T> x) { return x.sinh(); }
template <class T> [[gnu::noinline]] Vec<T> cosh(Vec<T> x) { return x.cosh(); }
template <class T> [[gnu::noinline]] Vec<T> tanh(Vec<T> x) { return x.tanh(); }
template <class T> [[gnu::noinline]] Vec<T> asinh(Vec<T> x) { return x.asinh(); }
template <class T> [[gnu::noinline]] Vec<T> atan(Vec<T> x) { return x.atan(); }
template <class T> [[gnu::noinline]] Vec<T> atan2(Vec<T> y, Vec<T> x) { return y.atan2(x); }
template <class T> [[gnu::noinline]] Vec<T> hypot(Vec<T> x, Vec<T> y) { return x.hypot(y); }
// clang-format on

template <class T>
struct Limits {
  // exp(x) is finite below `most`, exp(step) and exp(2 step) are finite and exp(most + step) is
  // not.
  static constexpr T most = sizeof(T) == 4 ? 88 : 709, step = sizeof(T) == 4 ? 64 : 512;
  // exp(-2 x) is nothing beside 1 from here on.
  static constexpr T flat = sizeof(T) == 4 ? 10 : 20;
  static constexpr T huge = std::numeric_limits<T>::max() / 8;
  static constexpr T up = 1 / std::numeric_limits<T>::epsilon();
  static constexpr T tiny = std::numeric_limits<T>::min() / std::numeric_limits<T>::epsilon();
};
}  // namespace part

template <class T>
struct Vec<std::complex<T>> {
  using value_type = std::complex<T>;
  using V = Vec<T>;
  using M = Mask<T>;
  static constexpr int width = V::width;
  V re, im;

  Vec() = default;
  Vec(V re, V im) : re(re), im(im) {}
  template <Number S>
  Vec(S number) : re(number), im(0) {}

  static Vec load(const void* p) {
    const V a = V::load(p), b = V::load(static_cast<const char*>(p) + kVectorBytes);
    return {pick(a, b, [](int i) { return 2 * i; }), pick(a, b, [](int i) { return 2 * i + 1; })};
  }
  void store(void* p) const {
    pick(re, im, [](int i) { return i / 2 + i % 2 * width; }).store(p);
    pick(re, im, [](int i) {
      return (width + i) / 2 + i % 2 * width;
    }).store(static_cast<char*>(p) + kVectorBytes);
  }

  // --- arithmetic ---
  friend Vec operator+(Vec a, Vec b) { return {a.re + b.re, a.im + b.im}; }
  friend Vec operator-(Vec a, Vec b) { return {a.re - b.re, a.im - b.im}; }
  friend Vec operator-(Vec a) { return {-a.re, -a.im}; }
  friend Vec operator*(Vec a, Vec b) {
    return {a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re};
  }
  // Smith's way: by the larger part of b first, so that its square is never formed.
  friend Vec operator/(Vec a, Vec b) {
    const M real = b.re.abs() >= b.im.abs();
    const V large = select(real, b.re, b.im), small = select(real, b.im, b.re);
    const V ratio = small / large, scale = large + small * ratio;
    const Vec y(select(real, a.re + a.im * ratio, a.re * ratio + a.im) / scale,
                select(real, a.im - a.re * ratio, a.im * ratio - a.re) / scale);
    return select((b.re == 0) & (b.im == 0), Vec(a.re / large.abs(), a.im / large.abs()), y);
  }

  // --- comparison ---
  friend M operator==(Vec a, Vec b) { return (a.re == b.re) & (a.im == b.im); }
  friend M operator!=(Vec a, Vec b) { return (a.re != b.re) | (a.im != b.im); }
  friend Vec select(M mask, Vec yes, Vec no) {
    return {select(mask, yes.re, no.re), select(mask, yes.im, no.im)};
  }
  M isinf() const { return re.isinf() | im.isinf(); }
  M isfinite() const { return re.isfinite() & im.isfinite(); }

  Vec conj() const { return {re, -im}; }

  // --- exponentials and logarithms ---
  Vec exp() const {
    const Grown e = grown_exp(re);
    const Vec y = e.times(part::cos(im), part::sin(im));
    const V inf = math::infinity<T>();
    // At minus infinity any angle gives 0, at plus infinity without an angle only the size is
    // known.
    const M none = ~im.isfinite();
    Vec r(select(none & (re == inf), inf, y.re), select(im == 0, im, y.im));
    return select(none & (re == -inf), Vec(0), r);
  }
  Vec exp2() const { return scaled(0.693147180559945309417232121458176568).exp(); }
  Vec expm1() const {
    const Vec e = exp();
    const V half = part::sin(V(0.5) * im);
    const V near = V(0) + (part::expm1(re) * part::cos(im) - V(2) * half * half);  // never -0
    return {select(re.abs() < 1, near, e.re - 1), e.im};
  }
  Vec log() const { return {log_abs(), part::atan2(im, re)}; }
  Vec log2() const { return log().scaled(1.44269504088896340735992468100189214); }
  Vec log10() const { return log().scaled(0.434294481903251827651128918916605082); }
  Vec log1p() const {
    const V x = re * (re + 2) + im * im;
    const Vec far = Vec(re + 1, im).log();
    return {select(re.abs().maximum(im.abs()) < V(0.5), V(0.5) * part::log1p(x), far.re), far.im};
  }
  Vec sqrt() const {
    using L = part::Limits<T>;
    const V most = re.abs().maximum(im.abs());
    // 1/4 or 4 of the number: its root is a half or twice.
    const V scale =
        select(most > L::huge, V(T(0.25)), select(most < L::tiny, V(L::up * L::up), V(1)));
    const V back = select(most > L::huge, V(2), select(most < L::tiny, V(1 / L::up), V(1)));
    const V x = re * scale, y = im * scale;
    const V root = (V(0.5) * (x.abs() + part::hypot(x, y))).sqrt();
    const V other = y.abs() / (root + root);
    const M right = re >= 0;
    Vec r(select(right, root, other) * back, select(right, other, root).copysign(im) * back);
    r = select((re == 0) & (im == 0), Vec(V(0), im), r);
    r = select(im.isinf(), Vec(im.abs(), im), r);
    // -inf with a finite imaginary part, and +inf: 0 or inf beside it.
    const M straight = re.isinf() & im.isfinite();
    const V inf = math::infinity<T>();
    return select(straight, Vec(select(right, inf, V(0)), select(right, V(0), inf).copysign(im)),
                  r);
  }
  Vec rsqrt() const { return Vec(1) / sqrt(); }
  // Whole powers up to 100 by multiplication, so that (1 + 2j)**2 is exact, as in NumPy.
  Vec pow(Vec b) const {
    const M whole = (b.im == 0) & (b.re == b.re.round()) & (b.re.abs() <= 100);
    Vec r(1);
    if (!all(whole)) {
      r = (b * log()).exp();
      const M zero = (re == 0) & (im == 0);
      const V nan = V(std::numeric_limits<T>::quiet_NaN());
      r = select(zero, select(b.re > 0, Vec(0), Vec(nan, nan)), r);
    }
    if (any(whole)) {
      Vec power(1), factor = *this;
      V left = select(whole, b.re.abs(), V(0));
      for (int i = 0; i < 7; ++i) {
        const V half = (left * V(0.5)).floor();
        power = select(left != half + half, power * factor, power);
        if (i < 6) factor = factor * factor;
        left = half;
      }
      r = select(whole, select(b.re < 0, Vec(1) / power, power), r);
    }
    return r;
  }
  Vec sigmoid() const {  // with the exponential that does not overflow
    const M left = re < V(0);
    const Vec e = Vec{select(left, re, -re), select(left, im, -im)}.exp();
    const Vec y = Vec(1) / (Vec(1) + e);
    const Vec below = e * y;
    return {select(left, below.re, y.re), select(left, below.im, y.im)};
  }

  // --- hyperbolic; the trigonometric ones follow by a quarter turn ---
  Vec sinh() const {
    const V c = part::cos(im), s = part::sin(im), size = re.abs();
    const M far = size > part::Limits<T>::flat;
    const Vec e = grown_exp(size).times(V(0.5) * c, V(0.5) * s);
    const V x = select(far, e.re * V(1).copysign(re), part::sinh(re) * c);
    const V y = select(far, e.im, part::cosh(re) * s);
    // Without an angle 0 and infinity stay what they are.
    const M kept = ((re == 0) | re.isinf()) & ~im.isfinite();
    return {select(kept, re, x), select(im == 0, im, y)};
  }
  Vec cosh() const {
    const V c = part::cos(im), s = part::sin(im), size = re.abs();
    const M far = size > part::Limits<T>::flat;
    const Vec e = grown_exp(size).times(V(0.5) * c, V(0.5) * s);
    const V y = select(far, e.im * V(1).copysign(re), part::sinh(re) * s);
    const V x = select(far, e.re, part::cosh(re) * c);
    return {select(re.isinf() & ~im.isfinite(), size, x),
            select((im == 0) | (re == 0), V(0).copysign(im) * V(1).copysign(re), y)};
  }
  Vec tanh() const {
    const V t = part::tan(im), s = part::sinh(re), beta = 1 + t * t, size = re.abs();
    const V rho = (1 + s * s).sqrt(), scale = 1 + beta * s * s;
    const M far = size > part::Limits<T>::flat;
    const V rest = V(4) * part::sin(im) * part::cos(im) * part::exp(V(-2) * size);
    // rest is NaN without an angle, and then the whole number is.
    const V one = select(re.isinf() | (rest == rest), V(1).copysign(re), rest);
    const V x = select(far, one, beta * rho * s / scale);
    const V y = select(far, select(re.isinf(), V(0).copysign(im), rest), t / scale);
    return {select(im == 0, part::tanh(re), select(re == 0, re, x)), select(im == 0, im, y)};
  }
  Vec sin() const { return back_turned(turned().sinh()); }
  Vec cos() const { return turned().cosh(); }
  Vec tan() const { return back_turned(turned().tanh()); }

  // --- inverse ---
  Vec asin() const {
    const Vec below = Vec(1 - re, -im).sqrt(), above = Vec(1 + re, im).sqrt();
    const Vec y(part::atan(re / (below * above).re), part::asinh((below.conj() * above).im));
    const Vec far(part::atan2(direction(re), direction(im).abs()), infinite(im));
    return select(isinf(), far, Vec(select(re == 0, re, y.re), y.im));
  }
  Vec acos() const {
    const Vec below = Vec(1 - re, -im).sqrt(), above = Vec(1 + re, im).sqrt();
    const Vec y(2 * part::atan2(below.re, above.re), part::asinh((above.conj() * below).im));
    const Vec far(part::atan2(direction(im).abs(), direction(re)), infinite(-im));
    return select(isinf(), far, Vec(select((re == 0) & (im != im), V(T(kQuarter)), y.re), y.im));
  }
  Vec acosh() const {
    const Vec below = Vec(re - 1, im).sqrt(), above = Vec(re + 1, im).sqrt();
    const Vec y(part::asinh((below.conj() * above).re), 2 * part::atan2(below.im, above.re));
    const Vec far(infinite(V(1)), part::atan2(direction(im), direction(re)));
    return select(isinf(), far, Vec(y.re, select((re == 0) & (im != im), V(T(kQuarter)), y.im)));
  }
  Vec atanh() const {
    const V size = part::hypot(re, im), x = re.abs(), gap = 1 - x;
    const M far = size > V(4 / std::numeric_limits<T>::epsilon());
    const V near = V(0.25) * part::log1p(4 * x / (gap * gap + im * im));
    const V angle = V(0.5) * part::atan2(2 * im, gap * (1 + x) - im * im);
    const V quarter = select(im == im, V(T(kQuarter)).copysign(im), im);
    const V away = select(size.isinf(), V(0), x / size / size);
    const V x_part = select(re == 0, re, select(far, away, near).copysign(re));
    return {x_part, select(far, quarter, angle)};
  }
  Vec asinh() const { return back_turned(turned().asin()); }
  Vec atan() const { return back_turned(turned().atanh()); }

  // The root of a^2 + b^2, which derivatives of real functions use.
  Vec hypot(Vec b) const {
    const V size = re.abs().maximum(im.abs()).maximum(b.re.abs()).maximum(b.im.abs());
    const V scale = select((size > 0) & size.isfinite(), size, V(1));
    const Vec x(re / scale, im / scale), y(b.re / scale, b.im / scale);
    const Vec r = (x * x + y * y).sqrt();
    return {r.re * scale, r.im * scale};
  }

 private:
  template <class F>
  static V pick(V a, V b, F) {
    using Index = typename V::Int::N;
    return [&]<int... i>(std::integer_sequence<int, i...>) {
      return V(__builtin_shuffle(a.v, b.v, Index{F{}(i)...}));
    }(std::make_integer_sequence<int, width>{});
  }
  static constexpr double kQuarter = 1.57079632679489661923132169163975144;  // pi / 2
  // Of an infinity, which way it lies: along an axis or a diagonal.
  static V direction(V v) { return select(v == v, select(v.isinf(), V(1), V(0)).copysign(v), v); }
  static V infinite(V sign) { return V(math::infinity<T>()).copysign(sign); }
  Vec scaled(V b) const { return {re * b, im * b}; }
  Vec turned() const { return {-im, re}; }                 // times i
  static Vec back_turned(Vec a) { return {a.im, -a.re}; }  // over i

  // exp(x) = value * factor, both finite as far as twice the range of exp.
  struct Grown {
    V value, factor;
    Vec times(V c, V s) const { return {value * c * factor, value * s * factor}; }
  };
  static Grown grown_exp(V x) {
    using L = part::Limits<T>;
    const M large = x > L::most;
    return {part::exp(select(large, x - L::step, x)),
            select(large, V(static_cast<T>(__builtin_exp(double(L::step)))), V(1))};
  }
  // log |z|, accurate near |z| = 1, finite for all finite z.
  V log_abs() const {
    using L = part::Limits<T>;
    const V a = re.abs(), b = im.abs();
    const V large = a.maximum(b), small = a.minimum(b);
    const V scale = select(large > L::huge, V(T(0.25)), V(1));
    const V plain = part::log(part::hypot(re * scale, im * scale)) +
                    select(large > L::huge, V(1.38629436111989061883446424291635313), V(0));
    const V near = V(0.5) * part::log1p((large - 1) * (large + 1) + small * small);
    const V square = large * large + small * small;
    return select((square > V(0.5)) & (square < 2), near, plain);
  }
};

}  // namespace nnx::cpu::inline NNX_LEVEL
