// Sums of products by labels: see ops.hpp. Operands are contracted in pairs, each by one product of
// matrices (or of elements where nothing is summed), in the order that costs least.
// Invariants: only ops are used, so gradients and lanes follow. The order depends on labels and
// lengths alone.
#include <algorithm>
#include <array>
#include <cmath>

#include "ops/support.hpp"

namespace nnx::ops {
namespace {
using namespace pointwise;

struct Labelled {
  Tensor t;
  std::string labels;
};
bool has(const std::string& labels, char c) { return labels.find(c) != std::string::npos; }

// --- the order -----------------------------------------------------------------------------------

using Set = std::uint64_t;  // of labels
int bit_of(char c) {
  return c >= 'a' && c <= 'z' ? c - 'a' : c >= 'A' && c <= 'Z' ? c - 'A' + 26 : c - '0' + 52;
}
Set set_of(const std::string& labels) {
  Set s = 0;
  for (const char c : labels) s |= Set{1} << bit_of(c);
  return s;
}

struct Pair {
  std::size_t i, j;  // i < j: both leave the list, their product is added at its end
};
using Path = std::vector<Pair>;

class Planner {
 public:
  Planner(const std::vector<Labelled>& operands, const std::string& out) : out_(set_of(out)) {
    lengths_.fill(1);
    for (const auto& o : operands) {
      first_.push_back(set_of(o.labels));
      for (std::size_t k = 0; k < o.labels.size(); ++k) {
        double& n = lengths_[static_cast<std::size_t>(bit_of(o.labels[k]))];
        n = std::max(n, static_cast<double>(o.t.shape(static_cast<int>(k))));
      }
    }
  }
  Path best() {
    constexpr std::size_t kAll = 6;  // operands up to which every order is looked at
    if (first_.size() > kAll) return greedy();
    Path path;
    search(first_, 0, path);
    return best_;
  }

 private:
  double size(Set s) const {
    double n = 1;
    for (std::size_t i = 0; i < lengths_.size(); ++i)
      if (s >> i & 1) n *= lengths_[i];
    return n;
  }
  // What remains of a pair: labels of the result or of anybody else.
  Set kept(const std::vector<Set>& list, std::size_t i, std::size_t j) const {
    Set needed = out_;
    for (std::size_t k = 0; k < list.size(); ++k)
      if (k != i && k != j) needed |= list[k];
    return (list[i] | list[j]) & needed;
  }
  static std::vector<Set> joined(std::vector<Set> list, std::size_t i, std::size_t j, Set product) {
    list.erase(list.begin() + static_cast<std::ptrdiff_t>(j));
    list.erase(list.begin() + static_cast<std::ptrdiff_t>(i));
    list.push_back(product);
    return list;
  }
  // Every order, given up where it costs no less than the best so far.
  void search(const std::vector<Set>& list, double cost, Path& path) {
    if (list.size() < 2) {
      least_ = cost;
      best_ = path;
      return;
    }
    for (std::size_t i = 0; i < list.size(); ++i)
      for (std::size_t j = i + 1; j < list.size(); ++j) {
        const double total = cost + size(list[i] | list[j]);
        if (total >= least_ && !best_.empty()) continue;
        path.push_back({i, j});
        search(joined(list, i, j, kept(list, i, j)), total, path);
        path.pop_back();
      }
  }
  // Always the pair whose product takes least room beside what it replaces.
  Path greedy() const {
    Path path;
    std::vector<Set> list = first_;
    while (list.size() > 1) {
      Pair best{0, 1};
      std::array<double, 3> least{INFINITY, INFINITY, INFINITY};
      for (std::size_t i = 0; i < list.size(); ++i)
        for (std::size_t j = i + 1; j < list.size(); ++j) {
          const bool apart = (list[i] & list[j]) == 0;  // a product of everything with everything
          const std::array<double, 3> price{apart ? 1.0 : 0.0,
                                            size(kept(list, i, j)) - size(list[i]) - size(list[j]),
                                            size(list[i] | list[j])};
          if (price < least) {
            least = price;
            best = {i, j};
          }
        }
      path.push_back(best);
      list = joined(list, best.i, best.j, kept(list, best.i, best.j));
    }
    return path;
  }

  Set out_;
  std::vector<Set> first_;
  std::array<double, 64> lengths_;
  Path best_;
  double least_ = INFINITY;
};

// --- contracting ---------------------------------------------------------------------------------

[[noreturn]] void fail_lengths(char label, std::int64_t m, std::int64_t n) {
  fail<ShapeError>("einsum", "axes with one label must have the same length",
                   std::string(1, label) + ": " + std::to_string(m) + " and " + std::to_string(n));
}

// Repeated labels become diagonals, labels that nobody else needs are summed.
void reduce_alone(Labelled& x, const std::string& needed) {
  for (std::size_t i = 0; i < x.labels.size(); ++i) {
    const std::size_t j = x.labels.find(x.labels[i], i + 1);
    if (j == std::string::npos) continue;
    const char label = x.labels[i];
    const std::int64_t m = x.t.shape(static_cast<int>(i)), n = x.t.shape(static_cast<int>(j));
    if (m != n) fail_lengths(label, m, n);
    x.t = diagonal(x.t, 0, static_cast<std::int64_t>(i), static_cast<std::int64_t>(j));
    x.labels.erase(j, 1);
    x.labels.erase(i, 1);
    x.labels += label;
    i = static_cast<std::size_t>(-1);
  }
  Dims sums;
  std::string kept;
  for (std::size_t i = 0; i < x.labels.size(); ++i) {
    if (!has(needed, x.labels[i])) sums.push_back(static_cast<std::int64_t>(i));
    else kept += x.labels[i];
  }
  if (!sums.empty()) x.t = sum(x.t, sums);
  x.labels = kept;
}

Tensor arranged(const Labelled& x, const std::string& labels) {
  Dims order;
  bool moved = false;
  for (const char c : labels) {
    moved |= static_cast<int>(x.labels.find(c)) != order.size();
    order.push_back(static_cast<std::int64_t>(x.labels.find(c)));
  }
  return moved ? permute(x.t, order) : x.t;
}

Labelled multiplied(const Labelled& x, const Labelled& y, const std::string& needed) {
  std::string batch, summed, left, right;
  for (const char c : x.labels) (!has(y.labels, c) ? left : has(needed, c) ? batch : summed) += c;
  for (const char c : y.labels)
    if (!has(x.labels, c)) right += c;
  const auto length = [&](char c) {
    const auto of = [c](const Labelled& z) {
      return has(z.labels, c) ? z.t.shape(static_cast<int>(z.labels.find(c))) : 1;
    };
    const std::int64_t m = of(x), n = of(y);
    if (m != n && m != 1 && n != 1) fail_lengths(c, m, n);
    return m == 1 ? n : m;
  };
  const std::string all = batch + left + right;
  if (summed.empty()) {  // a product of elements, broadcast
    const auto aligned = [&](const Labelled& z, const std::string& own) {
      const Tensor t = arranged(z, batch + own);
      Shape s;
      for (const char c : all)
        s.push_back(has(z.labels, c) ? z.t.shape(static_cast<int>(z.labels.find(c))) : 1);
      return reshape(t, s);
    };
    for (const char c : batch) length(c);
    return {multiply(aligned(x, left), aligned(y, right)), all};
  }
  const auto matrix = [&](const Labelled& z, const std::string& first, const std::string& second) {
    Shape full;
    const auto joined = [&](const std::string& labels) {
      std::int64_t n = 1;
      for (const char c : labels) {
        full.push_back(length(c));
        n *= length(c);
      }
      return n;
    };
    const std::int64_t b = joined(batch), m = joined(first), n = joined(second);
    return reshape(expand(arranged(z, batch + first + second), full),
                   batch.empty() ? Shape{m, n} : Shape{b, m, n});
  };
  Shape result;
  for (const char c : all) result.push_back(length(c));
  return {reshape(matmul(matrix(x, left, summed), matrix(y, summed, right)), result), all};
}

// --- the text ------------------------------------------------------------------------------------

struct Equation {
  std::vector<std::string> parts;
  std::string out;
};

Equation parse(std::string text, const std::vector<Tensor>& in) {
  text.erase(std::remove(text.begin(), text.end(), ' '), text.end());
  const auto bad = [&](const std::string& rule) {
    fail<ArgumentError>("einsum", rule, text, "for example 'ij,jk->ik'");
  };
  if (text.find_first_of("0123456789") != std::string::npos) bad("labels are letters");
  const auto arrow = text.find("->");
  Equation e{{""}, ""};
  for (const char c : text.substr(0, arrow)) {
    if (c == ',') e.parts.emplace_back();
    else e.parts.back() += c;
  }
  if (in.empty()) bad("at least one operand is needed");
  if (e.parts.size() != in.size())
    fail<ArgumentError>("einsum", "there must be one group of labels per operand",
                        text + " for " + std::to_string(in.size()));
  // "..." becomes labels of its own: digits, aligned at the end.
  const auto spread = [&](std::string& labels, int rank) {
    const auto dots = labels.find("...");
    if (dots == std::string::npos) return 0;
    const int n = rank - static_cast<int>(labels.size() - 3);
    if (n < 0 || n > 9) bad("the labels do not fit the number of axes");
    std::string digits;
    for (int i = n - 1; i >= 0; --i) digits += static_cast<char>('0' + i);
    labels.replace(dots, 3, digits);
    return n;
  };
  int most = 0;
  for (std::size_t i = 0; i < in.size(); ++i) {
    most = std::max(most, spread(e.parts[i], in[i].rank()));
    if (static_cast<int>(e.parts[i].size()) != in[i].rank())
      bad("the labels do not fit the number of axes of operand " + std::to_string(i));
  }
  std::string& out = e.out;
  if (arrow != std::string::npos) {
    out = text.substr(arrow + 2);
    spread(out, static_cast<int>(out.size()) - 3 + most);
  } else {
    std::string all, digits;
    for (const auto& p : e.parts) all += p;
    std::sort(all.begin(), all.end());
    for (const char c : all) {
      const bool digit = c >= '0' && c <= '9';
      if (digit ? !has(digits, c) : std::count(all.begin(), all.end(), c) == 1)
        (digit ? digits : out) += c;
    }
    std::sort(digits.rbegin(), digits.rend());
    out = digits + out;
  }
  for (const auto& p : e.parts)
    for (const char c : p)
      if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')))
        bad("labels are letters");
  for (const char c : out) {
    if (std::none_of(e.parts.begin(), e.parts.end(), [&](const auto& p) { return has(p, c); }))
      bad("a label of the result is not in any operand");
    if (std::count(out.begin(), out.end(), c) != 1) bad("a label stands twice in the result");
  }
  return e;
}

}  // namespace

Tensor einsum(const std::string& subscripts, const std::vector<Tensor>& in) {
  const Equation e = parse(subscripts, in);
  std::vector<Labelled> list;
  for (std::size_t i = 0; i < in.size(); ++i) list.push_back({in[i], e.parts[i]});
  // The labels of the result and of all operands but two.
  const auto needed = [&](std::size_t i, std::size_t j) {
    std::string labels = e.out;
    for (std::size_t k = 0; k < list.size(); ++k)
      if (k != i && k != j) labels += list[k].labels;
    return labels;
  };
  for (std::size_t i = 0; i < list.size(); ++i) reduce_alone(list[i], needed(i, i));
  for (const auto& [i, j] : Planner(list, e.out).best()) {
    Labelled product = multiplied(list[i], list[j], needed(i, j));
    list.erase(list.begin() + static_cast<std::ptrdiff_t>(j));
    list.erase(list.begin() + static_cast<std::ptrdiff_t>(i));
    list.push_back(std::move(product));
    reduce_alone(list.back(), needed(list.size() - 1, list.size() - 1));
  }
  return arranged(list[0], e.out);
}

}  // namespace nnx::ops
