// The text of an error: see error.hpp.
#include "core/error.hpp"

namespace nnx::core {

std::string error_text(std::string_view op, std::string_view rule, std::string_view received,
                       std::string_view hint) {
  auto sentence = [](std::string& out, std::string_view text) {
    out += text;
    if (!text.empty() && text.back() != '.' && text.back() != '?') out += '.';
  };
  std::string out;
  if (!op.empty()) out.append("[").append(op).append("] ");
  sentence(out, rule);
  if (!received.empty()) sentence(out += "\nReceived: ", received);
  if (!hint.empty()) sentence(out += "\nHint: ", hint);
  return out;
}

}  // namespace nnx::core
