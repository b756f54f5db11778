// Strided copies: rows, fills, gathers, scatters and transposes, by element size alone.
// Invariants: source and target do not overlap unless they are the same box. A transpose reads and
// writes 16 adjacent bytes at least and turns them in registers: the n*n bytes of 128-bit lanes
// are interleaved log2(n) times, which is a transpose.
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <utility>

#include "cpu/tile.hpp"

#if defined(__SSE2__)
#include <immintrin.h>
#endif

namespace nnx::cpu {
namespace {

constexpr std::int64_t kLine = 64;

template <class T>
inline T get(const char* p) {
  T x;
  std::memcpy(&x, p, sizeof(T));
  return x;
}
template <class T>
inline void put(char* p, T x) {
  std::memcpy(p, &x, sizeof(T));
}

// An aligned vector, past the caches if the processor has a way.
template <bool stream, class V>
inline void put_vector(char* p, V v) {
#if defined(__AVX512F__)
  if constexpr (stream && sizeof(V) == 64)
    return _mm512_stream_si512(reinterpret_cast<__m512i*>(p), (__m512i)v);
#endif
#if defined(__AVX__)
  if constexpr (stream && sizeof(V) == 32)
    return _mm256_stream_si256(reinterpret_cast<__m256i*>(p), (__m256i)v);
#endif
#if defined(__SSE2__)
  if constexpr (stream && sizeof(V) == 16)
    return _mm_stream_si128(reinterpret_cast<__m128i*>(p), (__m128i)v);
#endif
  put(p, v);
}

template <class T, int bytes>
struct VectorOf {
  typedef T type __attribute__((vector_size(bytes)));
};
template <class T, int bytes>
using Vector = typename VectorOf<T, bytes>::type;

// Interleaves the low or high halves of every 128-bit lane of a and b.
template <class T, int bytes, bool high, std::size_t... I>
inline Vector<T, bytes> interleave(Vector<T, bytes> a, Vector<T, bytes> b,
                                   std::index_sequence<I...>) {
  constexpr int lane = 16 / sizeof(T), n = bytes / sizeof(T);
  return __builtin_shufflevector(a, b,
                                 (static_cast<int>(I) / lane * lane + (high ? lane / 2 : 0) +
                                  static_cast<int>(I) % lane / 2 + (I % 2 ? n : 0))...);
}

// 16 bytes from each of bytes / 16 places, `step` apart.
template <class T, int bytes>
inline Vector<T, bytes> load_lanes(const char* p, std::int64_t step) {
  const auto lane = [&](int l) { return get<Vector<long long, 16>>(p + l * step); };
  if constexpr (bytes == 16) {
    return (Vector<T, bytes>)lane(0);
  } else {
    const auto pair = [&](int l) {
      return __builtin_shufflevector(lane(l), lane(l + 1), 0, 1, 2, 3);
    };
    if constexpr (bytes == 32) return (Vector<T, bytes>)pair(0);
    else return (Vector<T, bytes>)__builtin_shufflevector(pair(0), pair(2), 0, 1, 2, 3, 4, 5, 6, 7);
  }
}

// Turns n = 16 / sizeof(T) vectors in every 128-bit lane and stores them as n rows.
template <class T, int bytes, bool stream>
inline void turn_lanes(Vector<T, bytes>* v, char* dst, std::int64_t row) {
  constexpr int n = 16 / sizeof(T);
  constexpr auto all = std::make_index_sequence<bytes / sizeof(T)>();
  Vector<T, bytes> u[n];
  for (int stage = 1; stage < n; stage *= 2) {
    for (int i = 0; i < n / 2; ++i) {
      u[2 * i] = interleave<T, bytes, false>(v[i], v[i + n / 2], all);
      u[2 * i + 1] = interleave<T, bytes, true>(v[i], v[i + n / 2], all);
    }
    for (int i = 0; i < n; ++i) v[i] = u[i];
  }
  for (int k = 0; k < n; ++k) put_vector<stream>(dst + k * row, v[k]);
}

// dst[r][c] = src[c][r] for bytes / sizeof(T) columns (source runs of adjacent elements) and
// n = 16 / sizeof(T) rows.
template <class T, int bytes, bool stream>
inline void turn(char* dst, std::int64_t row, const char* src, std::int64_t column) {
  constexpr int n = 16 / sizeof(T);
  Vector<T, bytes> v[n];
  for (int k = 0; k < n; ++k) v[k] = load_lanes<T, bytes>(src + k * column, n * column);
  turn_lanes<T, bytes, stream>(v, dst, row);
}

// Lane l of the result is lane `from` of v[l], for 4 or 2 lanes.
template <class T, int bytes>
inline void turn_quads(const Vector<T, bytes>* v, Vector<T, bytes>* w) {
  using Q = Vector<long long, bytes>;
  if constexpr (bytes == 32) {
    w[0] = (Vector<T, bytes>)__builtin_shufflevector((Q)v[0], (Q)v[1], 0, 1, 4, 5);
    w[1] = (Vector<T, bytes>)__builtin_shufflevector((Q)v[0], (Q)v[1], 2, 3, 6, 7);
  } else {
    const auto even = [](Q a, Q b) {
      return __builtin_shufflevector(a, b, 0, 1, 4, 5, 8, 9, 12, 13);
    };
    const auto odd = [](Q a, Q b) {
      return __builtin_shufflevector(a, b, 2, 3, 6, 7, 10, 11, 14, 15);
    };
    // Lanes 0 2 of two vectors, then of pairs of pairs.
    const Q e01 = even((Q)v[0], (Q)v[1]), e23 = even((Q)v[2], (Q)v[3]);
    const Q o01 = odd((Q)v[0], (Q)v[1]), o23 = odd((Q)v[2], (Q)v[3]);
    w[0] = (Vector<T, bytes>)even(e01, e23);
    w[2] = (Vector<T, bytes>)odd(e01, e23);
    w[1] = (Vector<T, bytes>)even(o01, o23);
    w[3] = (Vector<T, bytes>)odd(o01, o23);
  }
}

// A square of bytes / sizeof(T): every source line is read once and whole, which matters when the
// lines' distance is a power of two and they fight for the same few places of the cache.
template <class T, int bytes, bool stream>
inline void turn_square(char* dst, std::int64_t row, const char* src, std::int64_t column) {
  constexpr int n = 16 / sizeof(T), lanes = bytes / 16;
  Vector<T, bytes> w[lanes][n];
  for (int k = 0; k < n; ++k) {
    Vector<T, bytes> v[lanes], q[lanes];
    for (int l = 0; l < lanes; ++l) v[l] = get<Vector<T, bytes>>(src + (l * n + k) * column);
    turn_quads<T, bytes>(v, q);
    for (int l = 0; l < lanes; ++l) w[l][k] = q[l];
  }
  for (int l = 0; l < lanes; ++l) turn_lanes<T, bytes, stream>(w[l], dst + l * n * row, row);
}

// Columns [c, cols) as far as there are whole groups of `group` bytes, by vectors of `bytes`. A
// streamed line must be written at a stroke: narrower vectors gather it on the stack first.
template <class T, int bytes, int group, bool stream>
inline std::int64_t turn_columns(char* dst, std::int64_t row, const char* src, std::int64_t column,
                                 std::int64_t rows, std::int64_t c, std::int64_t cols) {
  constexpr std::int64_t size = sizeof(T);
  constexpr bool square = bytes > 16 && sizeof(T) >= 4, gather = stream && bytes < kLine;
  constexpr std::int64_t wide = bytes / size, high = square ? wide : 16 / size;
  constexpr std::int64_t step = group / size;
  const auto turn_piece = [&](char* d, std::int64_t drow, const char* s) {
    if constexpr (square) turn_square<T, bytes, stream && !gather>(d, drow, s, column);
    else turn<T, bytes, stream && !gather>(d, drow, s, column);
  };
  for (; c + step <= cols; c += step) {
    char* d = dst + c * size;
    const char* s = src + c * column;
    std::int64_t r = 0;
    for (; r + high <= rows; r += high) {
      if constexpr (gather) {
        alignas(kLine) char lines[high * kLine];
        for (std::int64_t k = 0; k < step; k += wide)
          turn_piece(lines + k * size, kLine, s + k * column + r * size);
        for (std::int64_t h = 0; h < high; ++h)
          for (std::int64_t k = 0; k < kLine; k += bytes)
            put_vector<true>(d + (r + h) * row + k, get<Vector<T, bytes>>(lines + h * kLine + k));
      } else {
        for (std::int64_t k = 0; k < step; k += wide)
          turn_piece(d + r * row + k * size, row, s + k * column + r * size);
      }
    }
    for (; r < rows; ++r)
      for (std::int64_t k = 0; k < step; ++k)
        put(d + r * row + k * size, get<T>(s + k * column + r * size));
  }
  return c;
}

// dst rows are `row` apart with adjacent elements, src columns `column` apart.
template <class T>
void transpose(char* dst, std::int64_t row, const char* src, std::int64_t column, std::int64_t rows,
               std::int64_t cols, bool stream) {
  std::int64_t c = 0;
  if (stream && row % kLine == 0 && reinterpret_cast<std::uintptr_t>(dst) % kLine == 0)
    c = turn_columns<T, kVectorBytes, kLine, true>(dst, row, src, column, rows, c, cols);
  c = turn_columns<T, kVectorBytes, kLine, false>(dst, row, src, column, rows, c, cols);

  c = turn_columns<T, 16, 16, false>(dst, row, src, column, rows, c, cols);
  for (; c < cols; ++c)
    for (std::int64_t r = 0; r < rows; ++r)
      put(dst + r * row + c * std::int64_t{sizeof(T)},
          get<T>(src + c * column + r * std::int64_t{sizeof(T)}));
}

// Two strides known at compile time (in elements, 0: any) let the compiler vectorise.
template <class T, int ds, int ss>
inline void strided_row(char* dst, std::int64_t dcs, const char* src, std::int64_t scs,
                        std::int64_t n) {
  const std::int64_t d = ds ? ds * std::int64_t{sizeof(T)} : dcs;
  const std::int64_t s = ss ? ss * std::int64_t{sizeof(T)} : scs;
  for (std::int64_t i = 0; i < n; ++i) put(dst + i * d, get<T>(src + i * s));
}

// A row of `bytes`, as two copies that may overlap: no loop for a few elements.
template <int half>
inline void copy_halves(char* d, const char* s, std::int64_t bytes) {
  char first[half], second[half];
  std::memcpy(first, s, half);
  std::memcpy(second, s + bytes - half, half);
  std::memcpy(d, first, half);
  std::memcpy(d + bytes - half, second, half);
}

// `rows` copies, packed, of the `bytes` at src: the first few, which stay in the cache, serve as
// the source of the rest.
inline void repeat(char* dst, const char* src, std::int64_t bytes, std::int64_t rows) {
  std::memcpy(dst, src, static_cast<std::size_t>(bytes));
  const std::int64_t all = bytes * rows;
  const std::int64_t most = bytes < 8192 ? 8192 / bytes * bytes : bytes;
  for (std::int64_t done = bytes; done < all;) {
    const std::int64_t n = std::min({done, most, all - done});
    std::memcpy(dst + done, dst, static_cast<std::size_t>(n));
    done += n;
  }
}

// Packed rows of at most `wide` bytes, each of one value: whole vectors are written, and what is
// too much is overwritten by the next row; the last rows are filled exactly.
template <class T, int wide>
inline void fill_rows(char* dst, const char* src, std::int64_t srs, std::int64_t rows,
                      std::int64_t cols) {
  const std::int64_t row = cols * std::int64_t{sizeof(T)};
  const std::int64_t exact = (wide + row - 1) / row;
  std::int64_t r = 0;
  for (; r + exact <= rows; ++r) {
    const T x = get<T>(src + r * srs);
    T copies[wide / sizeof(T)];
    for (T& c : copies) c = x;
    std::memcpy(dst + r * row, copies, wide);
  }
  for (; r < rows; ++r) fill(dst + r * row, src + r * srs, sizeof(T), cols);
}

template <class T, class Row>
inline void each_row(char* dst, std::int64_t drs, const char* src, std::int64_t srs,
                     std::int64_t rows, Row row) {
  for (std::int64_t r = 0; r < rows; ++r) row(dst + r * drs, src + r * srs);
}

template <class T>
void copy_plane(char* dst, std::int64_t drs, std::int64_t dcs, const char* src, std::int64_t srs,
                std::int64_t scs, std::int64_t rows, std::int64_t cols, bool stream) {
  constexpr std::int64_t size = sizeof(T);
  const auto rows_with = [&](auto row) { each_row<T>(dst, drs, src, srs, rows, row); };
  if (dcs == size && scs == size) {
    if (stream && cols * size >= 2 * kLine)
      return rows_with([&](char* d, const char* s) { stream_copy(d, s, cols * size); });
    if (cols * size >= 128)
      return rows_with([&](char* d, const char* s) {
        std::memcpy(d, s, static_cast<std::size_t>(cols * size));
      });
    const std::int64_t bytes = cols * size;
    if (srs == 0 && drs == bytes && rows > 1) return repeat(dst, src, bytes, rows);
    if (bytes >= 64)
      return rows_with([&](char* d, const char* s) { copy_halves<64>(d, s, bytes); });
    if (bytes >= 32)
      return rows_with([&](char* d, const char* s) { copy_halves<32>(d, s, bytes); });
    if (bytes >= 16)
      return rows_with([&](char* d, const char* s) { copy_halves<16>(d, s, bytes); });
    if (bytes >= 8) return rows_with([&](char* d, const char* s) { copy_halves<8>(d, s, bytes); });
    return rows_with([&](char* d, const char* s) {
      for (std::int64_t i = 0; i < cols; ++i) put(d + i * size, get<T>(s + i * size));
    });
  }
  if (dcs == size && scs == 0 && drs == cols * size && rows > 4) {
    if (drs <= 16) return fill_rows<T, 16>(dst, src, srs, rows, cols);
    if (drs <= 64) return fill_rows<T, 64>(dst, src, srs, rows, cols);
  }
  if (dcs == size && scs == 0)
    return rows_with([&](char* d, const char* s) { fill(d, s, size, cols); });
  if (rows > 1 && cols > 1) {
    if (dcs == size && srs == size) return transpose<T>(dst, drs, src, scs, rows, cols, stream);
    if (scs == size && drs == size) return transpose<T>(dst, dcs, src, srs, cols, rows, stream);
    // The short loop outside.
    if (rows > 2 * cols) return copy_plane<T>(dst, dcs, drs, src, scs, srs, cols, rows, stream);
  }
  if (dcs == size && scs == 2 * size)
    return rows_with([&](char* d, const char* s) { strided_row<T, 1, 2>(d, 0, s, 0, cols); });
  if (dcs == size && scs == -size)
    return rows_with([&](char* d, const char* s) { strided_row<T, 1, -1>(d, 0, s, 0, cols); });
  if (dcs == size)
    return rows_with([&](char* d, const char* s) { strided_row<T, 1, 0>(d, 0, s, scs, cols); });
  if (scs == size)
    return rows_with([&](char* d, const char* s) { strided_row<T, 0, 1>(d, dcs, s, 0, cols); });
  rows_with([&](char* d, const char* s) { strided_row<T, 0, 0>(d, dcs, s, scs, cols); });
}

template <class T>
void copy_axes(char* dst, const char* src, const CopyAxis* axes, int rank, bool stream) {
  if (rank > 2) {
    for (std::int64_t i = 0; i < axes[0].extent; ++i)
      copy_axes<T>(dst + i * axes[0].dst, src + i * axes[0].src, axes + 1, rank - 1, stream);
    return;
  }
  const CopyAxis& r = axes[0];
  const CopyAxis& c = axes[1];
  copy_plane<T>(dst, r.dst, c.dst, src, r.src, c.src, r.extent, c.extent, stream);
}

}  // namespace

void copy_box(std::int64_t size, void* target, const void* source, const CopyAxis* given, int rank,
              bool stream) noexcept {
  char* dst = static_cast<char*>(target);
  const char* src = static_cast<const char*>(source);
  CopyAxis axes[core::kMaxRank + 2];
  int m = 0;
  for (int a = 0; a < rank; ++a) {
    const CopyAxis& x = given[a];
    if (x.extent == 1) continue;
    if (x.extent == 0) return;
    if (m && axes[m - 1].dst == x.extent * x.dst && axes[m - 1].src == x.extent * x.src)
      axes[m - 1] = {axes[m - 1].extent * x.extent, x.dst, x.src};
    else axes[m++] = x;
  }
  if (size == 16) {  // two halves, side by side
    size = 8;
    if (m && axes[m - 1].dst == 16 && axes[m - 1].src == 16)
      axes[m - 1] = {2 * axes[m - 1].extent, 8, 8};
    else axes[m++] = {2, 8, 8};
  }
  // Two axes at least; the second-last is the one the source is adjacent along, if there is one,
  // so that it meets the target's in a transpose.
  if (m > 2 && axes[m - 1].src != size)
    for (int a = 0; a < m - 2; ++a)
      if (axes[a].src == size) {
        std::swap(axes[a], axes[m - 2]);
        break;
      }
  if (m < 2) {
    if (m == 0) axes[m++] = {1, size, size};
    axes[1] = axes[0];
    axes[0] = {1, 0, 0};
    m = 2;
  }
  switch (size) {
    case 1: return copy_axes<std::uint8_t>(dst, src, axes, m, stream);
    case 2: return copy_axes<std::uint16_t>(dst, src, axes, m, stream);
    case 4: return copy_axes<std::uint32_t>(dst, src, axes, m, stream);
    default: return copy_axes<std::uint64_t>(dst, src, axes, m, stream);
  }
}

void stream_copy(void* target, const void* source, std::int64_t bytes) noexcept {
  char* d = static_cast<char*>(target);
  const char* s = static_cast<const char*>(source);
  using V = Vector<long long, kVectorBytes>;
  const std::int64_t head =
      std::int64_t(-reinterpret_cast<std::uintptr_t>(d) & std::uintptr_t(kLine - 1));
  if (head < bytes) {
    std::memcpy(d, s, static_cast<std::size_t>(head));
    std::int64_t i = head;
    for (; i + kLine <= bytes; i += kLine)
      for (int k = 0; k < kLine; k += kVectorBytes) put_vector<true>(d + i + k, get<V>(s + i + k));
    std::memcpy(d + i, s + i, static_cast<std::size_t>(bytes - i));
  } else {
    std::memcpy(d, s, static_cast<std::size_t>(bytes));
  }
}

void stream_end() noexcept {
#if defined(__SSE2__)
  _mm_sfence();
#endif
}

}  // namespace nnx::cpu
