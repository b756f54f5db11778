// Texts of errors about indices: see index_rule.hpp.
#include "core/index_rule.hpp"

#include <string>

#include "core/error.hpp"

namespace nnx::core {
namespace {

using Of = IndexRule::Of;

std::string text_of(const IndexRule& rule) {
  std::string text = rule.of == Of::label || rule.of == Of::class_label ? "labels" : "indices";
  text += " must lie in [" + std::to_string(rule.low) + ", " + std::to_string(rule.high) + ")";
  if (rule.of == Of::class_label) text += " or be ignore_index";
  if (rule.of == Of::place) text += ", the elements of a plane";
  if (rule.of == Of::row) text += ", the rows of the weight";
  return text;
}
const char* hint_of(const IndexRule& rule, bool one_too_high, bool from_minus_one) {
  if (rule.of == Of::place) return "give output_size, the size before the pooling";
  if (rule.of != Of::class_label) return "";
  return one_too_high     ? "labels count from 0: subtract 1"
         : from_minus_one ? "ignore_index=-1 leaves samples labelled -1 out"
                          : "";
}

}  // namespace

void fail_indices(const IndexRule& rule, std::int64_t least, std::int64_t most) {
  const char* what = rule.of == Of::class_label ? "labels from " : "values from ";
  fail<IndexError>(rule.op, text_of(rule),
                   what + std::to_string(least) + " to " + std::to_string(most),
                   hint_of(rule, least >= 1 && most == rule.high, least == -1));
}

void fail_indices(const IndexFault& f) {
  const std::string at = std::to_string(f.first);
  std::string hint =
      hint_of(f.rule, f.least == f.rule.high && f.most == f.rule.high, f.least == -1);
  if (f.late)
    hint += std::string(hint.empty() ? "" : ". ") +
            "The call came earlier: start again with NNX_CUDA_SYNC=1 in the environment, and it "
            "raises this itself";
  fail<IndexError>(f.rule.op, text_of(f.rule),
                   f.count == 1 ? std::to_string(f.least) + " at position " + at
                                : std::to_string(f.count) + " outside of that, from " +
                                      std::to_string(f.least) + " to " + std::to_string(f.most) +
                                      ", the first at position " + at,
                   hint);
}

}  // namespace nnx::core
