// Piecewise polynomials for float32 where registers serve as tables: of 32 entries (AVX-512, a pair
// of registers) or 8 (AVX2). An argument selects its piece and the coefficients in one instruction
// each. Every piece is a minimax fit with its coefficients rounded one by one; the centers are
// chosen so that the function there is almost a float, which keeps the rounding of c[0] out of the
// result.
#pragma once

#include "cpu/math_base.hpp"

namespace nnx::cpu::inline NNX_LEVEL {
namespace math {

// f(a) = c[0] + d (c[1] + d ...) with d = a - center. The piece is round(a key) <= 31 of 32 even
// pieces, or the exponent and first bit of a + key of 8 growing ones (in the order of those bits).
template <int n, int size>
struct Pieces {
  float key;
  alignas(64) float center[size];
  alignas(64) float c[n][size];
};
struct Piece {
  Vec<float> first, d, rest;  // f(a) = first + d rest
};
// a_key is a, limited to where the pieces end.
template <int n, int size>
inline Piece piece_of(const Pieces<n, size>& table, Vec<float> a, Vec<float> a_key) {
  Vec<std::int32_t> index;
  if constexpr (size == 32)
    index = fma(a_key, Vec<float>(table.key), Format<float>::shifter).as_int();
  else index = (a_key + table.key).as_int() >> 22;
  const Vec<float> d = a - native::lookup(table.center, index.v);
  Vec<float> rest = native::lookup(table.c[n - 1], index.v);
#pragma GCC unroll 16
  for (int i = n - 2; i > 0; --i) rest = fma(rest, d, native::lookup(table.c[i], index.v));
  return {native::lookup(table.c[0], index.v), d, rest};
}
template <class Wide, class Narrow>
constexpr const auto& table_of_level(const Wide& wide, const Narrow& narrow) {
  if constexpr (kLookupSize == 32) return wide;
  else return narrow;
}

// tanh(a) / a, for a to 9.1
inline constexpr Pieces<6, 32> kTanh32 = {
    0x1.bacf92p+1f,
    {0,
     0x1.2c0cp-2f,
     0x1.26d8p-1f,
     0x1.b39ep-1f,
     0x1.2316p+0f,
     0x1.734dp+0f,
     0x1.bafdp+0f,
     0x1.03f08p+1f,
     0x1.2928p+1f,
     0x1.4d128p+1f,
     0x1.72cb8p+1f,
     0x1.95c58p+1f,
     0x1.bbb6p+1f,
     0x1.e2ce8p+1f,
     0x1.036fp+2f,
     0x1.161d4p+2f,
     0x1.27c88p+2f,
     0x1.3aae4p+2f,
     0x1.4d534p+2f,
     0x1.5fc0cp+2f,
     0x1.70bc4p+2f,
     0x1.8476cp+2f,
     0x1.97p+2f,
     0x1.aa958p+2f,
     0x1.bb2b4p+2f,
     0x1.ce9bcp+2f,
     0x1.e0c88p+2f,
     0x1.f3a5p+2f,
     0x1.02f6cp+3f,
     0x1.0ceb2p+3f,
     0x1.14d04p+3f,
     0x1.1f17ep+3f},
    {{0x1p+0f,        0x1.f1d554p-1f, 0x1.ce05b4p-1f, 0x1.a02006p-1f, 0x1.6e4594p-1f,
      0x1.3c36cp-1f,  0x1.15dd2ep-1f, 0x1.e72a9p-2f,  0x1.b0acd4p-2f, 0x1.853976p-2f,
      0x1.5f577cp-2f, 0x1.41e1b4p-2f, 0x1.26d2f2p-2f, 0x1.0f3128p-2f, 0x1.f8eb58p-3f,
      0x1.d72142p-3f, 0x1.bb0cb4p-3f, 0x1.a07aacp-3f, 0x1.8933bap-3f, 0x1.749cd6p-3f,
      0x1.6374e2p-3f, 0x1.51684ep-3f, 0x1.420ad4p-3f, 0x1.33423p-3f,  0x1.27c29ep-3f,
      0x1.1b550cp-3f, 0x1.109f26p-3f, 0x1.065496p-3f, 0x1.fa23d8p-4f, 0x1.e7677ap-4f,
      0x1.d980cp-4f,  0x1.c88c6ap-4f},
     {-0x1.5552a6p-24f, -0x1.75f3d2p-3f, -0x1.329c36p-2f, -0x1.5e1feap-2f, -0x1.538a26p-2f,
      -0x1.2888ap-2f,   -0x1.f68d5ep-3f, -0x1.9ca478p-3f, -0x1.536b66p-3f, -0x1.1a0dbap-3f,
      -0x1.d402dcp-4f,  -0x1.8d1046p-4f, -0x1.4f995ap-4f, -0x1.1d4b02p-4f, -0x1.efcd68p-5f,
      -0x1.b066a8p-5f,  -0x1.7ec5ep-5f,  -0x1.52754ep-5f, -0x1.2dcc58p-5f, -0x1.0f14bep-5f,
      -0x1.ed730cp-6f,  -0x1.bca63ap-6f, -0x1.9517f6p-6f, -0x1.70c408p-6f, -0x1.55affp-6f,
      -0x1.399402p-6f,  -0x1.2251f4p-6f, -0x1.0cd0eap-6f, -0x1.f4587ep-7f, -0x1.cffd3ep-7f,
      -0x1.b5e666p-7f,  -0x1.971a34p-7f},
     {-0x1.555348p-2f, -0x1.14bb32p-2f, -0x1.1c2c8ap-3f, -0x1.6c88ep-6f,  0x1.9610ap-5f,
      0x1.3df22p-4f,   0x1.3e5d0cp-4f,  0x1.14a7d8p-4f,  0x1.c60b18p-5f,  0x1.6de6bcp-5f,
      0x1.21127p-5f,   0x1.d0ccf2p-6f,  0x1.70e2c2p-6f,  0x1.255dbp-6f,   0x1.df826ep-7f,
      0x1.88f42p-7f,   0x1.488b2cp-7f,  0x1.11ea46p-7f,  0x1.ce110ep-8f,  0x1.89c61p-8f,
      0x1.562466p-8f,  0x1.24cbdep-8f,  0x1.fd5ad2p-9f,  0x1.ba7a38p-9f,  0x1.8ab236p-9f,
      0x1.5b0528p-9f,  0x1.3529c2p-9f,  0x1.13733cp-9f,  0x1.ee9a64p-10f, 0x1.b9b17ap-10f,
      0x1.94f48ap-10f, 0x1.6b015ap-10f},
     {-0x1.06e28p-12f,  0x1.0d6ff4p-3f,   0x1.491f7p-3f,    0x1.d6cdd4p-4f,   0x1.bb27bp-5f,
      0x1.544e96p-7f,   -0x1.ea3aaep-8f,  -0x1.bd42fap-7f,  -0x1.bf0082p-7f,  -0x1.81fdcap-7f,
      -0x1.357cbep-7f,  -0x1.ea9dd6p-8f,  -0x1.78eabap-8f,  -0x1.1eaa3cp-8f,  -0x1.bf355p-9f,
      -0x1.5c3a9ap-9f,  -0x1.150ed2p-9f,  -0x1.b602d2p-10f, -0x1.5ed1b4p-10f, -0x1.1c5cf6p-10f,
      -0x1.d8d518p-11f, -0x1.80aab2p-11f, -0x1.3fc26cp-11f, -0x1.0938aap-11f, -0x1.c7acf8p-12f,
      -0x1.7fc4cap-12f, -0x1.49389ap-12f, -0x1.1a2ac4p-12f, -0x1.e8eb2p-13f,  -0x1.a4692p-13f,
      -0x1.76561cp-13f, -0x1.43d234p-13f},
     {0x1.18426cp-3f,  0x1.2da4bep-4f,  -0x1.1767ap-6f,   -0x1.bfc7a2p-5f, -0x1.7b13f4p-5f,
      -0x1.860b58p-6f, -0x1.39072cp-7f, -0x1.d9be08p-10f, 0x1.2a7cccp-10f, 0x1.fe3b2ep-10f,
      0x1.f8316ep-10f, 0x1.ae9448p-10f, 0x1.52ad68p-10f,  0x1.fe5d84p-11f, 0x1.8546f6p-11f,
      0x1.24c5a8p-11f, 0x1.c6873cp-12f, 0x1.54c73cp-12f,  0x1.05a3ap-12f,  0x1.96017cp-13f,
      0x1.356cfep-13f, 0x1.f47fb8p-14f, 0x1.8ffb02p-14f,  0x1.3c50ep-14f,  0x1.e4a1dep-15f,
      0x1.a77c88p-15f, 0x1.35cdbep-15f, 0x1.27a41cp-15f,  0x1.eee26ap-16f, 0x1.914446p-16f,
      0x1.917deep-16f, 0x1.2efdfcp-16f},
     {-0x1.6fa6c8p-6f,  -0x1.122acap-4f,  -0x1.93080cp-5f,  -0x1.344c16p-8f,  0x1.ccdc4p-7f,
      0x1.a80eb4p-7f,   0x1.e390a8p-8f,   0x1.b10af2p-9f,   0x1.304788p-10f,  0x1.cc5e46p-13f,
      -0x1.1a99fap-13f, -0x1.e92068p-13f, -0x1.b7fac8p-13f, -0x1.9ab884p-13f, -0x1.42d724p-13f,
      -0x1.ba9bbp-14f,  -0x1.4fa544p-14f, -0x1.149ab6p-14f, -0x1.a839bep-15f, -0x1.74399ap-15f,
      -0x1.d506ep-21f,  -0x1.4cde9ap-16f, -0x1.94403p-17f,  -0x1.58e268p-17f, 0x1.7d8a18p-20f,
      -0x1.5d951cp-17f, -0x1.33e73cp-26f, -0x1.6910ccp-18f, -0x1.a06e4p-19f,  -0x1.a534dp-19f,
      -0x1.aebfd6p-17f, 0x1.458b8p-20f}}};
inline constexpr Pieces<10, 8> kTanh8 = {
    0x1p-1f,
    {0x1.01ap+1f, 0x1.82dp+1f, 0x1.1d2p+2f, 0x1.d51cccp+2f, 0x1.07p-3f, 0x1.7cep-2f, 0x1.79ep-1f,
     0x1.3d5p+0f},
    {{0x1.eaeb6ap-2f, 0x1.513f68p-2f, 0x1.cb9376p-3f, 0x1.17676ap-3f, 0x1.fd3436p-1f,
      0x1.e9a058p-1f, 0x1.b3a26ap-1f, 0x1.5d2c44p-1f},
     {-0x1.a1ac0cp-3f, -0x1.b19804p-4f, -0x1.9ba36ep-5f, -0x1.30f1a8p-6f, -0x1.5a1614p-4f,
      -0x1.c804fap-3f, -0x1.542d7cp-2f, -0x1.47975ep-2f},
     {0x1.17a87ep-4f, 0x1.057b46p-5f, 0x1.6d9edp-7f, 0x1.4ccab2p-9f, -0x1.480c0ep-2f,
      -0x1.e4b058p-3f, -0x1.0b1d16p-4f, 0x1.03d028p-4f},
     {-0x1.b8abc6p-7f, -0x1.16ce58p-7f, -0x1.3db148p-9f, -0x1.6b0d7p-12f, 0x1.0f558cp-4f,
      0x1.346f5ep-3f, 0x1.1b79ap-3f, 0x1.2bf408p-5f},
     {-0x1.0d8bf6p-9f, 0x1.d9e7ccp-10f, 0x1.0817d4p-11f, 0x1.8ba226p-15f, 0x1.edf264p-4f,
      0x1.7b95a4p-5f, -0x1.82b05p-5f, -0x1.3e5efp-5f},
     {0x1.bbd298p-9f, -0x1.ba3246p-13f, -0x1.96b64ep-14f, -0x1.adb81p-18f, -0x1.3b7bf6p-5f,
      -0x1.247f12p-4f, -0x1.709364p-6f, 0x1.f134cap-7f},
     {-0x1.d67af6p-10f, -0x1.88af6cp-15f, 0x1.14767cp-16f, 0x1.cca00ep-21f, -0x1.08786p-4f,
      -0x1.c709ecp-10f, 0x1.b5bb3cp-6f, 0x1.690b06p-12f},
     {0x1.3f62a8p-11f, 0x1.76c644p-15f, -0x1.25686p-19f, -0x1.e97d44p-24f, -0x1.1a25cap-5f,
      0x1.241be4p-4f, -0x1.0231ccp-7f, -0x1.7043d2p-8f},
     {-0x1.1c91b6p-14f, -0x1.97424cp-16f, 0x1.b0ba4p-25f, 0x1.1fc3e4p-26f, 0x1.50b94cp-1f,
      0x1.0cfc1p-3f, -0x1.6cb864p-8f, 0x1.48e7acp-9f},
     {-0x1.5a8924p-14f, 0x1.4fc712p-18f, 0x1.24144p-24f, -0x1.22692cp-29f, 0x1.d27e2p+0f,
      -0x1.4a423ap+0f, 0x1.2fa414p-6f, 0x1.42c8a4p-7f}}};
inline constexpr auto& kTanhPieces = table_of_level(kTanh32, kTanh8);

// erf(a) / a, for a to 3.93
inline constexpr Pieces<5, 32> kErf32 = {
    0x1p+3f,
    {0x1.ap-7f,    0x1.dcp-4f,  0x1.06p-2f,   0x1.858p-2f, 0x1.01p-1f,   0x1.3fap-1f,  0x1.7e6p-1f,
     0x1.c04p-1f,  0x1.021p+0f, 0x1.21ap+0f,  0x1.3d8p+0f, 0x1.602p+0f,  0x1.816p+0f,  0x1.9ep+0f,
     0x1.bebp+0f,  0x1.de8p+0f, 0x1.fe3p+0f,  0x1.0f3p+1f, 0x1.1f58p+1f, 0x1.2fb8p+1f, 0x1.3f6p+1f,
     0x1.4f38p+1f, 0x1.603p+1f, 0x1.70e8p+1f, 0x1.80dp+1f, 0x1.8f38p+1f, 0x1.a108p+1f, 0x1.b0e8p+1f,
     0x1.c028p+1f, 0x1.d12p+1f, 0x1.dee8p+1f, 0x1.f0ep+1f},
    {{0x1.20d97cp+0f, 0x1.1f91e8p+0f, 0x1.1aaefcp+0f, 0x1.1384aep+0f, 0x1.0a556p+0f,
      0x1.feb2f8p-1f, 0x1.e624a6p-1f, 0x1.cab098p-1f, 0x1.adb30ep-1f, 0x1.92f464p-1f,
      0x1.7c07fcp-1f, 0x1.60f83cp-1f, 0x1.48cd86p-1f, 0x1.3592ap-1f,  0x1.2170a6p-1f,
      0x1.0fac94p-1f, 0x1.ff56d4p-2f, 0x1.e20146p-2f, 0x1.c77766p-2f, 0x1.af3728p-2f,
      0x1.9a3aeap-2f, 0x1.86ebdap-2f, 0x1.7420d6p-2f, 0x1.63485cp-2f, 0x1.549afcp-2f,
      0x1.48516p-2f,  0x1.3a4be8p-2f, 0x1.2ec59p-2f,  0x1.24781ep-2f, 0x1.19cca8p-2f,
      0x1.11b0b6p-2f, 0x1.07caeep-2f},
     {-0x1.38e82ap-7f, -0x1.632f48p-4f, -0x1.7b0da8p-3f, -0x1.0cd558p-2f, -0x1.4d2364p-2f,
      -0x1.7e9f5ep-2f, -0x1.a025b4p-2f, -0x1.b29d4p-2f,  -0x1.b59fdep-2f, -0x1.ac5ddp-2f,
      -0x1.9cbf28p-2f, -0x1.82926ap-2f, -0x1.653c28p-2f, -0x1.4a975ep-2f, -0x1.2c3aa2p-2f,
      -0x1.0fe89cp-2f, -0x1.eb4f04p-3f, -0x1.bac186p-3f, -0x1.8f1da8p-3f, -0x1.67f884p-3f,
      -0x1.46fe88p-3f, -0x1.299cb2p-3f, -0x1.0e0fdp-3f,  -0x1.ecb22cp-4f, -0x1.c4ffcp-4f,
      -0x1.a4fb1ep-4f, -0x1.81d5c8p-4f, -0x1.66131cp-4f, -0x1.4e20b2p-4f, -0x1.363258p-4f,
      -0x1.249a1cp-4f, -0x1.0fd28p-4f},
     {-0x1.810822p-2f, -0x1.77dd76p-2f, -0x1.557f5cp-2f, -0x1.250d66p-2f, -0x1.d4dc92p-3f,
      -0x1.533f7cp-3f, -0x1.a11756p-4f, -0x1.43a40cp-5f, 0x1.fc11dep-7f,  0x1.cad718p-5f,
      0x1.528bc8p-4f,  0x1.ab514p-4f,   0x1.d5e412p-4f,  0x1.df9e1ep-4f,  0x1.d42d38p-4f,
      0x1.b96f98p-4f,  0x1.95f936p-4f,  0x1.6e078p-4f,   0x1.45a47ap-4f,  0x1.1ed554p-4f,
      0x1.f9eddep-5f,  0x1.bcd93ap-5f,  0x1.83d752p-5f,  0x1.539e94p-5f,  0x1.2c415cp-5f,
      0x1.0d66fep-5f,  0x1.d94068p-6f,  0x1.a74c16p-6f,  0x1.7da4bap-6f,  0x1.556beap-6f,
      0x1.38cbf2p-6f,  0x1.18154p-6f},
     {0x1.633e26p-8f,  0x1.a65184p-5f,  0x1.b4cc52p-4f,  0x1.2729fcp-3f,   0x1.55d5aep-3f,
      0x1.66a23cp-3f,  0x1.5b161ap-3f,  0x1.360c8ep-3f,  0x1.fbe1cp-4f,    0x1.83d7c8p-4f,
      0x1.191ad2p-4f,  0x1.3f8d6p-5f,   0x1.f8b876p-7f,  -0x1.826fecp-12f, -0x1.b082f2p-7f,
      -0x1.5805bcp-6f, -0x1.99c0bcp-6f, -0x1.adfea6p-6f, -0x1.a289e4p-6f,  -0x1.83ce7ap-6f,
      -0x1.5d8e18p-6f, -0x1.34579ep-6f, -0x1.09a49ep-6f, -0x1.c6fd6cp-7f,  -0x1.874a0cp-7f,
      -0x1.553e62p-7f, -0x1.20ba1ep-7f, -0x1.f308c2p-8f, -0x1.b360d6p-8f,  -0x1.779ff8p-8f,
      -0x1.4e76e6p-8f, -0x1.20a234p-8f},
     {0x1.d70734p-4f,  0x1.b52edep-4f,  0x1.6b7098p-4f,   0x1.00b932p-4f,  0x1.089d8cp-5f,
      0x1.d875b6p-10f, -0x1.98e02ap-6f, -0x1.6e2dc2p-5f,  -0x1.d06658p-5f, -0x1.ef27b4p-5f,
      -0x1.dac272p-5f, -0x1.9e95e6p-5f, -0x1.4a73e4p-5f,  -0x1.e7aaeep-6f, -0x1.442932p-6f,
      -0x1.6fbb98p-7f, -0x1.354e52p-8f, -0x1.0b3a84p-15f, 0x1.703d8ap-9f,  0x1.199bc8p-8f,
      0x1.4abc94p-8f,  0x1.522bdap-8f,  0x1.3a232ap-8f,   0x1.14e528p-8f,  0x1.fb5b62p-9f,
      0x1.a02d98p-9f,  0x1.50407cp-9f,  0x1.23b6cap-9f,   0x1.dd0954p-10f, 0x1.a5e4a4p-10f,
      0x1.83a3dep-10f, 0x1.4682bp-10f}}};
inline constexpr Pieces<9, 8> kErf8 = {
    0x1p-1f,
    {0x1.03bp+1f, 0x1.833p+1f, 0x1.dddp+1f, 0, 0x1.014p-3f, 0x1.858p-2f, 0x1.866p-1f, 0x1.3d8p+0f},
    {{0x1.f6a70ap-2f, 0x1.528456p-2f, 0x1.125118p-2f, 0, 0x1.1f5a5ep+0f, 0x1.1384aep+0f,
      0x1.e2e12ep-1f, 0x1.7c07fcp-1f},
     {-0x1.dcf046p-3f, -0x1.bf7a56p-4f, -0x1.25f16cp-4f, 0, -0x1.7f6402p-4f, -0x1.0cd564p-2f,
      -0x1.a3477ap-2f, -0x1.9cbf26p-2f},
     {0x1.8aca4ap-4f, 0x1.26e186p-5f, 0x1.3af6p-6f, 0, -0x1.7650ap-2f, -0x1.250c88p-2f,
      -0x1.80adaap-4f, 0x1.528cccp-4f},
     {-0x1.a42404p-6f, -0x1.7e71cap-7f, -0x1.5151a8p-8f, 0, 0x1.c7cb12p-5f, 0x1.279862p-3f,
      0x1.58285ap-3f, 0x1.18f972p-4f},
     {-0x1.be5a2p-9f, 0x1.d1a21ep-9f, 0x1.64a2d8p-10f, 0, 0x1.b1db84p-4f, 0x1.f6ab2p-5f,
      -0x1.bdacdap-6f, -0x1.de54aep-5f},
     {0x1.0bb98ap-7f, -0x1.cb5ee2p-11f, -0x1.86bb18p-12f, 0, -0x1.421dfcp-6f, -0x1.8796acp-5f,
      -0x1.2d0e9ep-5f, 0x1.07d32p-7f},
     {-0x1.0eca62p-8f, 0x1.23213p-14f, 0x1.07cceep-11f, 0, 0x1.4b5e42p-5f, 0x1.20aacep-6f,
      0x1.f21972p-7f, 0x1.539ad4p-7f},
     {0x1.8d7ce4p-12f, 0x1.e1160ap-14f, 0x1.6900c2p-14f, 0, 0x1.938d9p-9f, 0x1.806c3cp-5f,
      0x1.47b1bp-8f, -0x1.53e54ep-8f},
     {0x1.3357b8p-11f, -0x1.639adap-14f, -0x1.e987dcp-9f, 0, -0x1.06832ep+1f, -0x1.74dcccp-1f,
      -0x1.34bfd4p-8f, 0x1.d190f2p-12f}}};
inline constexpr auto& kErfPieces = table_of_level(kErf32, kErf8);

// exp(a^2 / 2) ndtr(-a), for a to 14.4
inline constexpr Pieces<7, 32> kMills32 = {
    0x1.15b1e6p+1f,
    {0,
     0x1.ba8p-2f,
     0x1.e6cp-1f,
     0x1.59efp+0f,
     0x1.d151p+0f,
     0x1.27938p+1f,
     0x1.62ce8p+1f,
     0x1.98f78p+1f,
     0x1.db578p+1f,
     0x1.075e4p+2f,
     0x1.2622cp+2f,
     0x1.44c9cp+2f,
     0x1.61e28p+2f,
     0x1.8158p+2f,
     0x1.9c404p+2f,
     0x1.bc58p+2f,
     0x1.d8bfcp+2f,
     0x1.f58ecp+2f,
     0x1.0a6cp+3f,
     0x1.178fp+3f,
     0x1.266c8p+3f,
     0x1.361fep+3f,
     0x1.44628p+3f,
     0x1.53e9ap+3f,
     0x1.63022p+3f,
     0x1.7042ap+3f,
     0x1.7e67cp+3f,
     0x1.8dac8p+3f,
     0x1.9d24ep+3f,
     0x1.aabdep+3f,
     0x1.b9854p+3f,
     0x1.c819p+3f},
    {{0x1p-1f,        0x1.762a5p-2f,  0x1.12f36cp-2f, 0x1.c29c6ep-3f, 0x1.713e4p-3f,
      0x1.3458c4p-3f, 0x1.09f6bp-3f,  0x1.d798dep-4f, 0x1.9d564ep-4f, 0x1.78e7f2p-4f,
      0x1.54ad48p-4f, 0x1.36b96p-4f,  0x1.1ead26p-4f, 0x1.0874bep-4f, 0x1.efed48p-5f,
      0x1.cd815ep-5f, 0x1.b2bc58p-5f, 0x1.9a8a18p-5f, 0x1.831a46p-5f, 0x1.715ed6p-5f,
      0x1.5f25ep-5f,  0x1.4dbd32p-5f, 0x1.3f589p-5f,  0x1.3102dp-5f,  0x1.243f88p-5f,
      0x1.19e32ap-5f, 0x1.0f9aacp-5f, 0x1.054f34p-5f, 0x1.f74814p-6f, 0x1.e76c5cp-6f,
      0x1.d7472p-6f,  0x1.c85cd2p-6f},
     {-0x1.988452p-2f, -0x1.eda896p-3f, -0x1.264052p-3f, -0x1.a03e4cp-4f, -0x1.23c38p-4f,
      -0x1.a40302p-5f, -0x1.3f3554p-5f, -0x1.fd28a2p-6f, -0x1.8c61e6p-6f, -0x1.4c3464p-6f,
      -0x1.11714p-6f,  -0x1.c99aa4p-7f, -0x1.873db4p-7f, -0x1.4e3b2cp-7f, -0x1.26a4f4p-7f,
      -0x1.ffb46p-8f,  -0x1.c6f876p-8f, -0x1.966f22p-8f, -0x1.69eddap-8f, -0x1.49e902p-8f,
      -0x1.2a801cp-8f, -0x1.0deab2p-8f, -0x1.eeaeb6p-9f, -0x1.c39fcep-9f, -0x1.9ee65p-9f,
      -0x1.82350ep-9f, -0x1.66b9d4p-9f, -0x1.4c35d8p-9f, -0x1.3437ecp-9f, -0x1.2133f6p-9f,
      -0x1.0e74a2p-9f, -0x1.fb5fa8p-10f},
     {0x1.ffff5cp-3f,  0x1.0b80bcp-3f,  0x1.0e2986p-4f,  0x1.52c04cp-5f,  0x1.a0542cp-6f,
      0x1.07804ap-6f,  0x1.660feep-7f,  0x1.03997ap-7f,  0x1.6aae4ep-8f,  0x1.191e78p-8f,
      0x1.a801acp-9f,  0x1.471334p-9f,  0x1.042068p-9f,  0x1.9cfa38p-10f, 0x1.571decp-10f,
      0x1.16b022p-10f, 0x1.d49ca2p-11f, 0x1.8c9e72p-11f, 0x1.4e0f42p-11f, 0x1.233376p-11f,
      0x1.f60f8ep-12f, 0x1.b0581cp-12f, 0x1.7bb4cap-12f, 0x1.4b9b82p-12f, 0x1.244726p-12f,
      0x1.06b2d6p-12f, 0x1.d6ab34p-13f, 0x1.a3c95ep-13f, 0x1.775fccp-13f, 0x1.555c4ap-13f,
      0x1.34dff4p-13f, 0x1.18b944p-13f},
     {-0x1.104a14p-3f,  -0x1.f811b6p-5f,  -0x1.ba3366p-6f,  -0x1.f3a4p-7f,    -0x1.118884p-7f,
      -0x1.34bb3p-8f,   -0x1.7b0e3ap-9f,  -0x1.f7b50cp-10f, -0x1.3e3bf6p-10f, -0x1.ca97dap-11f,
      -0x1.3e7f44p-11f, -0x1.c6e23cp-12f, -0x1.51a492p-12f, -0x1.f37ba6p-13f, -0x1.880c2cp-13f,
      -0x1.2a6f0cp-13f, -0x1.db49e2p-14f, -0x1.7dc3b8p-14f, -0x1.307fa2p-14f, -0x1.fc464ep-15f,
      -0x1.a1caap-15f,  -0x1.56d58ep-15f, -0x1.20e20ap-15f, -0x1.e30f66p-16f, -0x1.98b97ap-16f,
      -0x1.62d184p-16f, -0x1.32a006p-16f, -0x1.07b8eep-16f, -0x1.c6809ep-17f, -0x1.90d5acp-17f,
      -0x1.5ee088p-17f, -0x1.35300cp-17f},
     {0x1.fdc37ap-5f,  0x1.aa4f0ep-6f,  0x1.49fddap-7f,  0x1.53fe4cp-8f,  0x1.4f6a5p-9f,
      0x1.549b04p-10f, 0x1.7f832ap-11f, 0x1.d366e8p-12f, 0x1.0bfb14p-12f, 0x1.6a02eap-13f,
      0x1.d07db8p-14f, 0x1.342d1p-14f,  0x1.ac9c7cp-15f, 0x1.25f01ap-15f, 0x1.b5eb08p-16f,
      0x1.39e2dap-16f, 0x1.def23cp-17f, 0x1.88ffaep-17f, 0x1.07f11ep-17f, 0x1.b611d2p-18f,
      0x1.53b04ep-18f, 0x1.17d652p-18f, 0x1.c3441ap-19f, 0x1.5b8d96p-19f, 0x1.263a7ep-19f,
      0x1.a6eefep-20f, 0x1.8c08fcp-20f, 0x1.97e78cp-21f, 0x1.c5c5eap-21f, 0x1.5a10b8p-21f,
      0x1.d922c4p-22f, 0x1.e03bep-22f},
     {-0x1.9cf4b2p-6f,  -0x1.4c6dbp-7f,   -0x1.cd2cdp-9f,   -0x1.b1c32cp-10f, -0x1.885318p-11f,
      -0x1.67c9bcp-12f, -0x1.74a8cp-13f,  -0x1.9cdfecp-14f, -0x1.baffeep-15f, -0x1.1896ccp-15f,
      -0x1.427448p-16f, -0x1.8c4b7ap-17f, -0x1.fcdf3ep-18f, -0x1.75434ap-18f, -0x1.b5af62p-19f,
      -0x1.6d7016p-19f, -0x1.0e0562p-19f, -0x1.4c779ap-20f, -0x1.074eacp-20f, -0x1.3d87ap-21f,
      -0x1.49b49p-21f,  -0x1.715d1p-21f,  -0x1.7cadbap-22f, -0x1.f04774p-23f, -0x1.b00ap-23f,
      -0x1.f29846p-23f, -0x1.2ef196p-22f, 0x1.39dec6p-31f,  -0x1.d04722p-24f, -0x1.1a7688p-26f,
      -0x1.3e1a2p-24f,  -0x1.a8a48cp-31f},
     {0x1.c4d1dcp-8f,  0x1.bdbc8cp-9f,   0x1.364af6p-10f,  0x1.e9cfcap-12f, 0x1.b894ap-13f,
      0x1.c4904cp-14f, -0x1.c4f4b4p-18f, 0x1.4b6ae2p-16f,  0x1.3d6842p-16f, 0x1.70033cp-18f,
      0x1.c8bbcp-19f,  0x1.3594c2p-19f,  0x1.b1555cp-21f,  0x1.6497p-19f,   0x1.80f4c8p-20f,
      0x1.3f98fcp-22f, -0x1.40c5fap-20f, -0x1.6f56b2p-17f, 0x1.952332p-19f, 0x1.d77324p-26f,
      0x1.f6fefp-21f,  -0x1.fc49f2p-20f, -0x1.5c5aacp-20f, 0x1.35258ap-23f, -0x1.941016p-21f,
      0x1.38ff62p-19f, 0x1.4f90b2p-22f,  0x1.46a708p-18f,  0x1.17a718p-19f, 0x1.1703f4p-19f,
      0x1.80479ep-19f, 0x1.a51ca8p-20f}}};
inline constexpr Pieces<9, 8> kMills8 = {
    0x1p+0f,
    {0x1.81ep+0f, 0x1.3e7p+1f, 0x1.023p+2f, 0x1.821p+2f, 0x1.23bp+3f, 0x1.97f466p+3f, 0x1.008p-2f,
     0x1.78ep-1f},
    {{0x1.a416aep-3f, 0x1.229752p-3f, 0x1.7fbef4p-4f, 0x1.07fcd6p-4f, 0x1.625e14p-5f,
      0x1.fd9b86p-6f, 0x1.a7d23ap-2f, 0x1.35ee62p-2f},
     {-0x1.6fa5eep-4f, -0x1.7869cap-5f, -0x1.57ded8p-6f, -0x1.4d1318p-7f, -0x1.2ff072p-8f,
      -0x1.3bf84ap-9f, -0x1.2e5acap-2f, -0x1.68c356p-3f},
     {0x1.1e032p-5f, 0x1.c3da3p-7f, 0x1.277f2p-8f, 0x1.9ae0dep-10f, 0x1.01d934p-11f,
      0x1.85886ep-13f, 0x1.5c15ccp-3f, 0x1.624f74p-4f},
     {-0x1.959402p-7f, -0x1.fcb692p-9f, -0x1.e90f9ep-11f, -0x1.f03b2ap-13f, -0x1.b0e44p-15f,
      -0x1.dd780ap-17f, -0x1.590418p-4f, -0x1.33261cp-5f},
     {0x1.0a5b3ap-8f, 0x1.0eebeep-10f, 0x1.870e64p-13f, 0x1.25bf7cp-15f, 0x1.67acf6p-18f,
      0x1.22f8e8p-20f, 0x1.30cf44p-5f, 0x1.e29694p-7f},
     {-0x1.479becp-10f, -0x1.12f912p-12f, -0x1.2e7d3p-15f, -0x1.5479ap-18f, -0x1.26ed1ep-21f,
      -0x1.608484p-24f, -0x1.e9d9f8p-7f, -0x1.5d70d6p-8f},
     {0x1.7cc538p-12f, 0x1.0a542ap-14f, 0x1.c638a8p-18f, 0x1.80dfb8p-21f, 0x1.de1494p-25f,
      0x1.a95f32p-28f, 0x1.78cc9ep-8f, 0x1.cf000cp-10f},
     {-0x1.b2ffc2p-14f, -0x1.ea6c72p-17f, -0x1.646a76p-20f, -0x1.d72582p-24f, -0x1.a93636p-28f,
      -0x1.085048p-31f, -0x1.29193cp-9f, -0x1.2896ecp-11f},
     {0x1.cd6146p-16f, 0x1.c7b92ep-19f, 0x1.09314ap-22f, 0x1.330e86p-26f, 0x1.6d3b6ap-31f,
      0x1.3467c6p-35f, -0x1.28957p-11f, 0x1.9d9734p-12f}}};
inline constexpr auto& kMillsPieces = table_of_level(kMills32, kMills8);

}  // namespace math
}  // namespace nnx::cpu::inline NNX_LEVEL
