// Errors every layer throws, and the one form their text has.
// Invariant: bind maps each class here to the Python exception of the same name; nothing else is
// thrown on purpose.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

namespace nnx::core {

struct Error : std::runtime_error {
  using std::runtime_error::runtime_error;
};
struct ShapeError : Error {
  using Error::Error;
};
struct AxisError : ShapeError {  // an axis that is not there: also an IndexError in Python
  using ShapeError::ShapeError;
};
struct DTypeError : Error {
  using Error::Error;
};
struct DeviceError : Error {
  using Error::Error;
};
struct GradientError : Error {
  using Error::Error;
};
struct IndexError : Error {
  using Error::Error;
};
struct ArgumentError : Error {  // an option outside its allowed values: a ValueError in Python
  using Error::Error;
};
struct LinAlgError : Error {  // a matrix that has no answer: also a ValueError in Python
  using Error::Error;
};
struct VmapError : Error {  // what a function does that cannot be done for all lanes at once
  using Error::Error;
};
struct NanError : Error {  // the first NaN, while detect_anomaly looks for it
  using Error::Error;
};
struct OutOfMemoryError : Error {
  using Error::Error;
};

// "[op] rule.\nReceived: received.\nHint: hint." with empty parts left out.
std::string error_text(std::string_view op, std::string_view rule, std::string_view received = {},
                       std::string_view hint = {});

template <class E>
[[noreturn]] void fail(std::string_view op, std::string_view rule, std::string_view received = {},
                       std::string_view hint = {}) {
  throw E(error_text(op, rule, received, hint));
}

}  // namespace nnx::core
