// Tensors as text, laid out as NumPy lays out arrays: columns aligned, long ones summarised.
#include "bind/repr.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <cstring>

#include "autodiff/autodiff.hpp"
#include "bind/convert.hpp"
#include "bind/function.hpp"
#include "bind/tensor_type.hpp"
#include "core/half.hpp"
#include "ops/lanes.hpp"
#include "ops/ops.hpp"

namespace nnx::bind {

using namespace core;

namespace {

struct Options {
  int precision = 8;
  std::int64_t threshold = 1000;
  std::int64_t edge = 3;
  std::int64_t width = 80;
  int scientific = -1;    // -1: where it reads better
  bool suppress = false;  // as NumPy: small numbers alone are no reason for it
};
Options g_options;

std::string digits(double x, std::chars_format format, int precision = -1) {
  char buffer[512];
  const auto r = precision < 0
                     ? std::to_chars(buffer, buffer + sizeof buffer, x, format)
                     : std::to_chars(buffer, buffer + sizeof buffer, x, format, precision);
  return {buffer, r.ptr};
}

// The shortest digits that read back as x in its dtype.
std::string shortest(double x, DType dtype, std::chars_format format) {
  if (dtype == DType::float64) return digits(x, format);
  if (dtype == DType::float32) {
    char buffer[512];
    const auto r = std::to_chars(buffer, buffer + sizeof buffer, static_cast<float>(x), format);
    return {buffer, r.ptr};
  }
  const auto bits = [dtype](double v) {
    const auto f = static_cast<float>(v);
    return dtype == DType::float16 ? float_to_half(f) : float_to_bfloat(f);
  };
  double y = x;
  for (int n = 0; n < 8; ++n) {
    y = std::strtod(digits(x, std::chars_format::scientific, n).c_str(), nullptr);
    if (bits(y) == bits(x)) break;
  }
  return digits(y, format);
}

// Those digits, at most `precision` of them after the point and in scientific notation at least
// `least`: "1.5", "1.", "-0.1", "1.5e-07".
std::string number(double x, DType dtype, bool scientific, int precision, int least = 0) {
  if (std::isnan(x)) return "nan";
  if (std::isinf(x)) return x < 0 ? "-inf" : "inf";
  const auto format = scientific ? std::chars_format::scientific : std::chars_format::fixed;
  std::string s = shortest(x, dtype, format);
  const auto places = [](const std::string& text) {
    const auto end = std::min(text.find('e'), text.size()), point = text.find('.');
    return point == text.npos ? 0 : static_cast<int>(end - point) - 1;
  };
  if (places(s) < least) s = digits(x, format, least);
  else if (places(s) > precision) s = digits(x, format, precision);
  auto end = std::min(s.find('e'), s.size());
  if (s.find('.') == s.npos) s.insert(end++, ".");
  auto keep = end;
  while (places(s) - static_cast<int>(end - keep) > least && s[keep - 1] == '0') --keep;
  return s.erase(keep, end - keep);
}

class Formatter {
 public:
  // `sign`: a plus before what is not negative.
  Formatter(const Tensor& shown, DType dtype, bool sign = false)
      : dtype_(dtype), sign_(sign), floating_(is_floating(dtype)) {
    const Tensor flat = ops::reshape(shown, Shape{-1});
    if (!floating_) {
      if (dtype == DType::boolean && shown.rank()) left_ = 5;  // "False"
      for (std::int64_t i = 0; i < flat.numel(); ++i)
        left_ = std::max(left_, plain(flat, i).size());
      return;
    }
    choose_notation(flat);
    const double* x = flat.data<double>();
    std::size_t other = 0, places = 0;
    for (std::int64_t i = 0; i < flat.numel(); ++i) {
      const std::string s = text(x[i]);
      const auto point = s.find('.');
      if (point == s.npos) {
        other = std::max(other, s.size());
        continue;
      }
      const auto end = std::min(s.find('e'), s.size());
      left_ = std::max(left_, point);
      places = std::max(places, end - point - 1);
      if (scientific_) exponent_ = std::max(exponent_, s.size() - end - 2);
    }
    right_ = places + 1 + (scientific_ ? exponent_ + 2 : 0);
    least_ = static_cast<int>(places);
    if (other > left_ + right_) left_ = other - right_;
  }

  std::string operator()(const Tensor& shown, std::int64_t i) const {
    if (!floating_) {
      const std::string s = plain(shown, i);
      return std::string(left_ - s.size(), ' ') + s;
    }
    std::string s = text(shown.data<double>()[i], scientific_ ? least_ : 0);
    const auto point = s.find('.');
    if (point == s.npos) return std::string(left_ + right_ - s.size(), ' ') + s;
    if (const auto e = s.find('e'); e != s.npos)
      s.insert(e + 2, exponent_ - (s.size() - e - 2), '0');
    const std::size_t tail = s.size() - point;
    return std::string(left_ - point, ' ') + s + std::string(right_ - tail, ' ');
  }

 private:
  // NumPy's choice: very large numbers, very small ones, or both in one tensor.
  void choose_notation(const Tensor& flat) {
    double largest = 0, smallest = INFINITY;
    for (std::int64_t i = 0; i < flat.numel(); ++i) {
      const double x = std::abs(flat.data<double>()[i]);
      if (!std::isfinite(x) || x == 0) continue;
      largest = std::max(largest, x);
      smallest = std::min(smallest, x);
    }
    const double most = dtype_ == DType::float64 ? 1e8 : dtype_ == DType::float32 ? 1e6 : 1e3;
    scientific_ =
        largest > 0 && (largest >= most ||
                        (!g_options.suppress && (smallest < 1e-4 || largest / smallest > 1000)));
    if (g_options.scientific >= 0) scientific_ = g_options.scientific == 1;
  }
  std::string text(double x, int least = 0) const {
    const std::string s = number(x, dtype_, scientific_, g_options.precision, least);
    return sign_ && s[0] != '-' ? '+' + s : s;
  }
  std::string plain(const Tensor& t, std::int64_t i) const {
    switch (t.dtype()) {
      case DType::boolean: return t.data<bool>()[i] ? "True" : "False";
      case DType::uint64: return std::to_string(t.data<std::uint64_t>()[i]);
      default: return std::to_string(t.data<std::int64_t>()[i]);
    }
  }

  DType dtype_;
  bool sign_, floating_, scientific_ = false;
  std::size_t left_ = 0, right_ = 0;  // characters in front of the point, from the point on
  std::size_t exponent_ = 0;          // digits of exponents
  int least_ = 0;                     // digits after the point, in scientific notation
};

// Real and imaginary parts, each in columns of their own: "1. +2.j".
class ComplexFormatter {
 public:
  ComplexFormatter(const Tensor& shown, DType dtype)
      : re_(ops::clone(ops::real(shown))),
        im_(ops::clone(ops::imag(shown))),
        real_(re_, real_of(dtype)),
        imag_(im_, real_of(dtype), true) {}
  std::string operator()(const Tensor&, std::int64_t i) const {
    std::string s = imag_(im_, i);
    s.insert(s.find_last_not_of(' ') + 1, 1, 'j');
    return real_(re_, i) + s;
  }

 private:
  Tensor re_, im_;
  Formatter real_, imag_;
};

// The elements that are shown: a summarised axis keeps its edges.
Tensor shown_part(const Tensor& t, bool summarise) {
  Tensor x = t;
  if (summarise)
    for (int axis = 0; axis < t.rank(); ++axis) {
      const std::int64_t n = t.shape(axis);
      if (n <= 2 * g_options.edge) continue;
      x = ops::concatenate({ops::slice(x, axis, 0, g_options.edge, 1),
                            ops::slice(x, axis, n - g_options.edge, g_options.edge, 1)},
                           axis);
    }
  const DType wide = is_complex(t.dtype())         ? DType::complex128
                     : is_floating(t.dtype())      ? DType::float64
                     : t.dtype() == DType::boolean ? DType::boolean
                     : t.dtype() == DType::uint64  ? DType::uint64
                                                   : DType::int64;
  return ops::contiguous(ops::astype(x, wide));
}

template <class Format>
struct Printer {
  const Tensor& shown;
  const Shape& shape;  // of the whole tensor
  const Format& format;
  std::int64_t at = 0;

  std::string rows(int axis, std::size_t indent) {
    if (axis == shape.size()) return format(shown, at++);
    const bool last = axis + 1 == shape.size();
    const std::int64_t n = shown.shape(axis);
    const bool cut = n < shape[axis];
    const std::string pad(indent + 1, ' ');
    std::string out = "[", line;
    for (std::int64_t i = 0; i < n; ++i) {
      const bool gap = cut && i == g_options.edge;
      if (last) {
        if (gap) append(out, line, "...", true, pad);
        append(out, line, rows(axis + 1, indent + 1), i + 1 < n, pad);
      } else {
        const std::string between =
            "," + std::string(static_cast<std::size_t>(shape.size() - axis - 1), '\n') + pad;
        if (gap) out += "..." + between;
        out += rows(axis + 1, indent + 1);
        if (i + 1 < n) out += between;
      }
    }
    return out + line + "]";
  }
  // Adds a word to the line, or begins another one.
  void append(std::string& out, std::string& line, const std::string& word, bool more,
              const std::string& pad) {
    const auto used = static_cast<std::int64_t>(pad.size() + line.size() + word.size());
    if (!line.empty() && used > g_options.width - shape.size()) {  // room for the brackets
      while (!line.empty() && line.back() == ' ') line.pop_back();
      out += line + "\n" + pad;
      line.clear();
    }
    line += more ? word + ", " : word;
  }
};

std::string repr_text(const Tensor& t) {
  ops::GradMode off(false);
  if (t.lanes()) {
    std::string sizes;
    for (const auto n : t.lanes()->sizes) sizes += (sizes.empty() ? "" : " x ") + std::to_string(n);
    return "lanes(" + sizes + " of shape " + to_string(t.shape()) + ",\n" +
           repr_text(ops::lanes::values(t)) + ")";
  }
  std::string out = "tensor(";
  const bool empty = t.numel() == 0;
  out += empty ? "[]" : to_text(t, 7);
  std::string notes;
  if (empty && !(t.rank() == 1)) notes += ", shape=" + to_string(t.shape());
  const bool usual = t.dtype() == default_dtype() || t.dtype() == complex_of(default_dtype()) ||
                     t.dtype() == DType::int64 || t.dtype() == DType::boolean;
  if (!usual || (empty && t.dtype() != default_dtype()))
    notes += ", dtype=" + std::string(name_of(t.dtype()));
  if (t.device() != default_device()) notes += ", device='" + to_string(t.device()) + "'";
  if (autodiff::requires_grad(t)) {
    const std::string by = autodiff::producer(t);
    notes += by.empty() ? ", requires_grad=True" : ", grad_fn=<" + by + ">";
  }
  return out + notes + ")";
}

PyObject* repr(PyObject* o) {
  return guard([&] { return text(repr_text(unwrap(o))).release(); });
}

// --- in notebooks --------------------------------------------------------------------------------

std::string escaped(const std::string& s) {
  std::string out;
  for (const char c : s) {
    if (c == '<') out += "&lt;";
    else if (c == '>') out += "&gt;";
    else if (c == '&') out += "&amp;";
    else if (c == '"') out += "&quot;";
    else out += c;
  }
  return out;
}

std::string short_number(double x) {
  char buffer[32];
  std::snprintf(buffer, sizeof buffer, "%.4g", x);
  return buffer;
}

// Smallest, mean and largest of the numbers, and how many are none; nothing for a tensor that would
// take long to look through.
std::string statistics(const Tensor& t) {
  constexpr std::int64_t kMost = 10'000'000;
  if (t.numel() < 2 || t.numel() > kMost) return {};
  const auto value = [](const Tensor& x) {
    return scalar_value(ops::astype(x, DType::float64)).as_double();
  };
  if (t.dtype() == DType::boolean)
    return ", " + std::to_string(scalar_value(ops::sum(t)).i) + " of " + std::to_string(t.numel()) +
           " true";
  std::string out;
  Tensor least = t, most = t, zero = t;
  double count = static_cast<double>(t.numel());
  std::int64_t holes = 0;
  if (is_floating(t.dtype())) {
    const Tensor hole = nnx::pointwise::isnan(t);
    holes = scalar_value(ops::sum(hole)).i;
    count -= static_cast<double>(holes);
    if (holes) {
      least = nnx::pointwise::where(hole, INFINITY, t);
      most = nnx::pointwise::where(hole, -INFINITY, t);
      zero = nnx::pointwise::where(hole, 0.0, t);
    }
  }
  if (count > 0)
    out += ", min " + short_number(value(ops::min(least))) + ", mean " +
           short_number(value(ops::sum(ops::astype(zero, DType::float64))) / count) + ", max " +
           short_number(value(ops::max(most)));
  if (holes) out += ", " + std::to_string(holes) + " NaN";
  return out;
}

PyObject* repr_html(Args& a) {
  const ops::GradMode off(false);
  const Tensor& t = a.self_tensor();
  std::string head = to_string(t.shape()) + " " + std::string(name_of(t.dtype()));
  if (t.device().kind != DeviceKind::cpu) head += " " + to_string(t.device());
  if (autodiff::requires_grad(t)) {
    const std::string by = autodiff::producer(t);
    head += by.empty() ? ", requires_grad" : ", grad_fn " + by;
  }
  if (!t.lanes() && !is_complex(t.dtype())) head += statistics(ops::detach(t));
  const std::string body = t.lanes() ? repr_text(t) : t.numel() ? to_text(t, 0) : "[]";
  return text("<div><small>tensor " + escaped(head) + "</small><pre style=\"margin: 0\">" +
              escaped(body) + "</pre></div>")
      .release();
}

PyObject* set_options(Args& a) {
  Options o = g_options;
  const std::string profile = a.string("profile", "");
  if (profile == "default") o = Options();
  else if (profile == "short") {
    o = Options();
    o.precision = 2;
    o.edge = 2;
  } else if (profile == "full") {
    o = Options();
    o.threshold = INT64_MAX;
  } else if (!profile.empty())
    fail<ArgumentError>(a.op(), "profile must be 'default', 'short' or 'full'", profile);
  const auto natural = [&](const char* name, std::int64_t now, std::int64_t least) {
    if (!a.given(name)) return now;
    PyObject* value = a.object(name);
    if (PyFloat_Check(value) && std::isinf(PyFloat_AS_DOUBLE(value)))
      return std::int64_t{INT64_MAX};
    const std::int64_t n = a.integer(name);
    if (n < least)
      fail<ArgumentError>(a.op(), std::string(name) + " must be at least " + std::to_string(least),
                          std::to_string(n));
    return n;
  };
  o.precision = static_cast<int>(std::min<std::int64_t>(natural("precision", o.precision, 0), 100));
  o.threshold = natural("threshold", o.threshold, 0);
  o.edge = std::min<std::int64_t>(natural("edgeitems", o.edge, 1), 1 << 30);
  o.width = std::min<std::int64_t>(natural("linewidth", o.width, 10), 1 << 30);
  if (a.object("sci_mode")) o.scientific = a.given("sci_mode") ? a.flag("sci_mode", false) : -1;
  if (a.given("suppress")) o.suppress = a.flag("suppress", false);
  g_options = o;
  return none();
}

PyObject* format_method(Args& a) {
  const Tensor& t = a.self_tensor();
  const std::string spec = a.string("format_spec", "");
  if (t.rank() == 0 || (t.numel() == 1 && !spec.empty())) {
    Object x = own(item(t));
    return own(PyObject_Format(x.get(), a.object("format_spec"))).release();
  }
  if (spec.empty()) return text(repr_text(t)).release();
  throw CallError(
      error_text("format", "a format such as '" + spec + "' is for tensors of one element",
                 describe(t), "format single elements, or use nnx.set_printoptions(precision=4)"));
}

PyObject* round_method(Args& a) {
  Operand in[] = {a.self_tensor()};
  if (!a.given("ndigits")) return give(ops::apply(nnx::pointwise::round.id, in));
  Object method = attribute(a.self(), "round");
  return own(PyObject_CallOneArg(method.get(), a.object("ndigits"))).release();
}

const Definition kDefinitions[] = {
    {"set_printoptions",
     "(precision: int | None = None, threshold: float | None = None, edgeitems: int | None = None, "
     "linewidth: int | None = None, profile: str | None = None, sci_mode: bool | None = None, "
     "*, suppress: bool | None = None) -> None",
     R"(How tensors are printed.

precision: digits after the point, at most. threshold: elements above which the middle of a tensor
is left out. edgeitems: elements shown at each end then. linewidth: characters per line. sci_mode:
True for 1e-3, False for 0.001, None for what reads better; with suppress=True only large numbers
make it 1e9, as in NumPy.
profile: 'default', 'short' or 'full'.

Raises: ArgumentError for an option outside its range.

Example:
    >>> nnx.set_printoptions(precision=3)
    >>> nnx.tensor([1 / 3])
    tensor([0.333])
    >>> nnx.set_printoptions(profile='default')
)",
     set_options},
    {"__format__", "(format_spec: str = '') -> str",
     "Text of a tensor of one element as of its number: f'{loss:.4f}'.", format_method,
     Role::method},
    {"_repr_html_", "() -> str",
     R"(What notebooks show: shape, dtype, smallest, mean and largest element, number of NaN, elements.

Example:
    >>> print(nnx.tensor([1.0, 3.0])._repr_html_())
    <div><small>tensor (2,) float32, min 1, mean 2, max 3</small><pre style="margin: 0">[1., 3.]</pre></div>
)",
     repr_html, Role::method},
    {"__round__", "(ndigits: int | None = None) -> Tensor", "The elements rounded, half to even.",
     round_method, Role::method},
};

}  // namespace

std::string to_text(const Tensor& t, int indent) {
  ops::GradMode off(false);
  const Tensor plain = ops::detach(t);
  const bool summarise = t.numel() > g_options.threshold;
  const Tensor shown = ops::on_cpu(shown_part(plain, summarise));
  const auto print = [&](const auto& format) {
    return Printer<std::remove_cvref_t<decltype(format)>>{shown, t.shape(), format}.rows(
        0, static_cast<std::size_t>(indent));
  };
  return is_complex(t.dtype()) ? print(ComplexFormatter(shown, t.dtype()))
                               : print(Formatter(shown, t.dtype()));
}

std::vector<PyType_Slot> text_slots() { return {{Py_tp_repr, reinterpret_cast<void*>(repr)}}; }

void declare_repr(PyObject* module) {
  for (const Definition& d : kDefinitions) declare(module, d);
}

}  // namespace nnx::bind
