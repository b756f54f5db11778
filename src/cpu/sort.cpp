// Stable sorting of rows: values, positions or both.
// Every element becomes an unsigned key of the same order (NaN above everything; complemented when
// descending), which is sorted by radix in long rows and by rank in short ones; a stable order
// is unique, so how the work is cut cannot be seen.
// Invariants: with positions, -0 has the key of 0 and all NaN share one, so ties keep their order.
// Without, keys tell -0 from 0 (they must give the values back), and the zeros and NaN of the
// result are written again in the order they came in. x is not the memory of a result.
#include <bit>
#include <cstdint>
#include <memory>
#include <utility>

#include "cpu/kernels_decl.hpp"
#include "cpu/rows.hpp"
#include "cpu/vec.hpp"

namespace nnx::cpu {
namespace {

constexpr int kDigit = 8;  // bits a pass sorts by
constexpr int kBuckets = 1 << kDigit;
constexpr std::int64_t kRanked = 2 * kVectorBytes;  // rows up to here are sorted by rank
constexpr std::int64_t kParallel = 65536;           // rows from here by several threads
constexpr std::int64_t kMaxChunks = 16;

// --- keys -------------------------------------------------------------------------------------

template <class T>
using KeyOf = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;

template <class T>
struct Keys {
  using Key = KeyOf<T>;
  static constexpr Key kTop = Key(1) << (8 * sizeof(T) - 1);
  static constexpr Key kNan = ~Key(0);
  static constexpr Key kZero = kTop;  // of +0; -0 is just below

  template <bool kTies>
  static Key of(T x) {
    const Key bits = std::bit_cast<Key>(x);
    if constexpr (std::is_floating_point_v<T>) {
      if (kTies && x == T(0)) return kZero;
      const Key key = bits & kTop ? ~bits : bits | kTop;
      return x != x ? kNan : key;
    } else {
      return std::is_signed_v<T> ? bits ^ kTop : bits;
    }
  }
  static T value(Key key) {
    if constexpr (std::is_floating_point_v<T>)
      return std::bit_cast<T>(key & kTop ? key & ~kTop : ~key);
    else return std::bit_cast<T>(std::is_signed_v<T> ? key ^ kTop : key);
  }
};

// What is moved while sorting; Bits says which of its bits decide the order.
struct Pair {
  std::uint64_t key, index;
};
template <class Item>
struct Bits {
  static constexpr int shift = 0, count = 8 * sizeof(Item);
  static std::uint64_t of(Item a) { return a; }
};
template <>
struct Bits<Pair> {
  static constexpr int shift = 0, count = 64;
  static std::uint64_t of(Pair a) { return a.key; }
};
// A 32 bit key above a 32 bit position.
struct Packed {
  std::uint64_t bits;
};
template <>
struct Bits<Packed> {
  static constexpr int shift = 32, count = 32;
  static std::uint64_t of(Packed a) { return a.bits; }
};

// --- sorting items ----------------------------------------------------------------------------

// Every item goes where the number of smaller ones says; equal ones follow each other. The inner
// loop is one comparison a lane, without branches. Returns b.
template <class Item>
Item* rank_sort(const Item* a, Item* b, std::int64_t n) {
  using Key = std::conditional_t<Bits<Item>::count == 32, std::uint32_t, std::uint64_t>;
  constexpr std::int64_t kPad = 16;
  Key keys[kRanked];
  std::uint8_t equals[kRanked] = {};
  const std::int64_t padded = (n + kPad - 1) / kPad * kPad;
  for (std::int64_t i = 0; i < n; ++i)
    keys[i] = static_cast<Key>(Bits<Item>::of(a[i]) >> Bits<Item>::shift);
  std::fill(keys + n, keys + padded, ~Key(0));  // smaller than none
  for (std::int64_t i = 0; i < n; ++i) {
    Key smaller = 0;
    for (std::int64_t j = 0; j < padded; ++j) smaller += keys[j] < keys[i];
    b[smaller + equals[smaller]++] = a[i];
  }
  return b;
}

// Least significant digit first; digits that are equal everywhere are skipped. In a chunk items
// keep their order, and a bucket takes the chunks in order.
template <class Item>
Item* radix_sort(Item* a, Item* b, std::int64_t n, std::uint64_t varying) {
  const std::int64_t chunks = n < kParallel ? 1 : std::min(kMaxChunks, n / (kParallel / 2));
  const std::int64_t grain = (n + chunks - 1) / chunks;
  std::int64_t counts[kMaxChunks][kBuckets];
  for (int shift = Bits<Item>::shift; shift < Bits<Item>::shift + Bits<Item>::count;
       shift += kDigit) {
    if (((varying >> shift) & (kBuckets - 1)) == 0) continue;
    const auto digit = [shift](Item item) {
      return static_cast<std::size_t>((Bits<Item>::of(item) >> shift) & (kBuckets - 1));
    };
    for_ranges(n, grain, [&](std::int64_t begin, std::int64_t end) {
      std::int64_t* count = counts[begin / grain];
      std::fill(count, count + kBuckets, 0);
      for (std::int64_t i = begin; i < end; ++i) ++count[digit(a[i])];
    });
    std::int64_t at = 0;
    for (int bucket = 0; bucket < kBuckets; ++bucket)
      for (std::int64_t c = 0; c * grain < n; ++c) at += std::exchange(counts[c][bucket], at);
    for_ranges(n, grain, [&](std::int64_t begin, std::int64_t end) {
      std::int64_t* place = counts[begin / grain];
      for (std::int64_t i = begin; i < end; ++i) b[place[digit(a[i])]++] = a[i];
    });
    std::swap(a, b);
  }
  return a;
}

template <class Item>
Item* sort_items(Item* a, Item* b, std::int64_t n, std::uint64_t varying) {
  return n <= kRanked ? rank_sort(a, b, n) : radix_sort(a, b, n, varying);
}

// --- rows -------------------------------------------------------------------------------------

// f(begin, end) over the elements of a row, by several threads when it is long.
template <class F>
void for_elements(std::int64_t n, F&& f) {
  for_ranges(n, std::max<std::int64_t>(kParallel / 2, (n + kMaxChunks - 1) / kMaxChunks), f);
}

// Room for two times n items: from the thread's scratch when it is small.
template <class Item>
class Room {
 public:
  explicit Room(std::int64_t n) {
    const std::size_t items = 2 * static_cast<std::size_t>(n);
    if (items * sizeof(Item) > (std::size_t{1} << 18)) owned_.reset(new Item[items]);
    data_ = owned_ ? owned_.get() : static_cast<Item*>(scratch(items * sizeof(Item), Slot::work));
  }
  Item* data() const { return data_; }

 private:
  Item* data_;
  std::unique_ptr<Item[]> owned_;
};

// The bits in which items differ, from their bitwise and and or.
struct Varying {
  std::uint64_t all = ~std::uint64_t{0}, some = 0;
  void add(std::uint64_t bits) {
    all &= bits;
    some |= bits;
  }
  void add(const Varying& o) {
    all &= o.all;
    some |= o.some;
  }
  std::uint64_t bits() const { return some & ~all; }
};

// a[i] = make(i), and the bits that vary.
template <class Item, class Make>
std::uint64_t fill(Item* a, std::int64_t n, Make make) {
  Varying parts[kMaxChunks];
  const std::int64_t grain =
      std::max<std::int64_t>(kParallel / 2, (n + kMaxChunks - 1) / kMaxChunks);
  for_elements(n, [&](std::int64_t begin, std::int64_t end) {
    Varying varying;
    for (std::int64_t i = begin; i < end; ++i) {
      a[i] = make(i);
      varying.add(Bits<Item>::of(a[i]));
    }
    parts[begin / grain] = varying;
  });
  Varying varying;
  for (std::int64_t i = 0; i * grain < n; ++i) varying.add(parts[i]);
  return varying.bits();
}

// Writes the elements of x that `which` picks at `to`, in their order.
template <class T, class Which>
void rewrite(const T* x, std::int64_t n, T* to, std::int64_t count, Which which) {
  T* const end = to + count;
  for (std::int64_t i = 0; i < n && to < end; ++i)
    if (which(x[i])) *to++ = x[i];
}

template <bool kDescending, class T>
void sort_values(const T* x, std::int64_t n, T* values) {
  using K = Keys<T>;
  using Key = typename K::Key;
  constexpr Key flip = kDescending ? ~Key(0) : Key(0);
  const Room<Key> room(n);
  Key* a = room.data();
  const std::uint64_t varying =
      fill(a, n, [x](std::int64_t i) { return Key(K::template of<false>(x[i]) ^ flip); });
  const Key* sorted = sort_items(a, a + n, n, varying);
  for_elements(n, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) values[i] = K::value(Key(sorted[i] ^ flip));
  });
  if constexpr (std::is_floating_point_v<T>) {
    const Key* end = sorted + n;
    const auto range = [&](Key first, Key last) {
      return std::pair(std::lower_bound(sorted, end, first), std::upper_bound(sorted, end, last));
    };
    const Key nan = K::kNan ^ flip, zero = K::kZero ^ flip, minus = Key(K::kZero - 1) ^ flip;
    const auto [nan_first, nan_last] = range(nan, nan);
    if (nan_first < nan_last)
      rewrite(x, n, values + (nan_first - sorted), nan_last - nan_first,
              [](T v) { return v != v; });
    const auto [first, last] = range(std::min(zero, minus), std::max(zero, minus));
    if (first < last && *first != *(last - 1))
      rewrite(x, n, values + (first - sorted), last - first, [](T v) { return v == T(0); });
  }
}

template <bool kDescending, class T>
void sort_positions(const T* x, std::int64_t n, T* values, std::int64_t* indices) {
  using K = Keys<T>;
  using Key = typename K::Key;
  constexpr Key flip = kDescending ? ~Key(0) : Key(0);
  const auto run = [&]<class Item>(Item, auto make, auto key_of, auto index_of) {
    const Room<Item> room(n);
    Item* a = room.data();
    const std::uint64_t varying = fill(a, n, make);
    const Item* sorted = sort_items(a, a + n, n, varying);
    for_elements(n, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        const std::int64_t from = index_of(sorted[i]);
        indices[i] = from;
        if (!values) continue;
        const Key key = key_of(sorted[i]) ^ flip;
        const bool shared = std::is_floating_point_v<T> && (key == K::kZero || key == K::kNan);
        values[i] = shared ? x[from] : K::value(key);
      }
    });
  };
  if (sizeof(T) == 4 && n <= std::int64_t{0xffffffff}) {
    run(
        Packed{},
        [x](std::int64_t i) {
          const std::uint64_t key = Key(K::template of<true>(x[i]) ^ flip);
          return Packed{key << 32 | static_cast<std::uint64_t>(i)};
        },
        [](Packed p) { return static_cast<Key>(p.bits >> 32); },
        [](Packed p) { return static_cast<std::int64_t>(p.bits & 0xffffffffu); });
  } else {
    run(
        Pair{},
        [x](std::int64_t i) {
          return Pair{Key(K::template of<true>(x[i]) ^ flip), static_cast<std::uint64_t>(i)};
        },
        [](Pair p) { return static_cast<Key>(p.key); },
        [](Pair p) { return static_cast<std::int64_t>(p.index); });
  }
}

// Truth values are counted, not sorted.
template <bool kDescending>
void sort_bools(const bool* x, std::int64_t n, bool* values, std::int64_t* indices) {
  std::int64_t ones = 0;
  for (std::int64_t i = 0; i < n; ++i) ones += x[i];
  const std::int64_t firsts = kDescending ? ones : n - ones;
  if (indices) {
    std::int64_t* to[2] = {indices, indices + firsts};
    for (std::int64_t i = 0; i < n; ++i) *to[x[i] != kDescending]++ = i;
  }
  if (values) {
    std::fill(values, values + firsts, kDescending);
    std::fill(values + firsts, values + n, !kDescending);
  }
}

template <bool kDescending, class T>
void sort_rows(std::int64_t rows, std::int64_t n, const T* x, T* values, std::int64_t* indices) {
  const auto row = [&](std::int64_t r) {
    const T* from = x + r * n;
    T* to = values ? values + r * n : nullptr;
    std::int64_t* at = indices ? indices + r * n : nullptr;
    if constexpr (std::is_same_v<T, bool>) sort_bools<kDescending>(from, n, to, at);
    else if (at) sort_positions<kDescending>(from, n, to, at);
    else sort_values<kDescending>(from, n, to);
  };
  // Few long rows are cut inside, many rows between them.
  if (n >= kParallel && rows < kMaxChunks) {
    for (std::int64_t r = 0; r < rows; ++r) row(r);
    return;
  }
  for_ranges(rows, grain_for(n * 32), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; ++r) row(r);
  });
}

}  // namespace

void sort(bool descending, core::Lane lane, std::int64_t rows, std::int64_t n, const void* x,
          void* values, std::int64_t* indices) {
  if (rows <= 0 || n <= 0 || (!values && !indices)) return;
  with_lane(lane, [&]<class T>(T) {
    const auto run = descending ? sort_rows<true, T> : sort_rows<false, T>;
    run(rows, n, static_cast<const T*>(x), static_cast<T*>(values), indices);
  });
}

}  // namespace nnx::cpu
