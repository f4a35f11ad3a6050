// Vectors with the compiler's own vector extensions: one source for AVX-512, AVX2, baseline x86-64 and
// NEON. `Vec` is one machine register of floats; `Block` is the 16 channels of a block, held in as many
// registers as the instruction set needs.
//
// Everything is compiled with -ffp-contract=off, so that a*b+c rounds twice wherever it is written so:
// the neuron equations must give the reference's bits. Where one rounding is wanted, say fma().
#pragma once
#include <cmath>
#include <cstdint>
#include <cstring>
#include <utility>
#if defined(__AVX2__) || defined(__AVX512F__)
#include <immintrin.h>
#elif defined(__SSE2__)
#include <emmintrin.h>
#elif defined(__ARM_NEON)
#include <arm_neon.h>
#endif

#if defined(__AVX512F__)
#define SOMA_VEC_BYTES 64
#elif defined(__AVX2__)
#define SOMA_VEC_BYTES 32
#else
#define SOMA_VEC_BYTES 16
#endif

namespace soma::SOMA_ISA {

typedef float Vec __attribute__((vector_size(SOMA_VEC_BYTES), may_alias));
typedef int32_t VecI __attribute__((vector_size(SOMA_VEC_BYTES), may_alias));
typedef float VecU __attribute__((vector_size(SOMA_VEC_BYTES), may_alias, aligned(4)));
typedef int32_t VecIU __attribute__((vector_size(SOMA_VEC_BYTES), may_alias, aligned(4)));

constexpr int VL = SOMA_VEC_BYTES / 4;   // floats in a register
constexpr int PARTS = 16 / VL;           // registers in a block of 16 channels

static inline Vec load(const float* p) { return *reinterpret_cast<const VecU*>(p); }
static inline void store(float* p, Vec v) { *reinterpret_cast<VecU*>(p) = v; }

// Whether stream() goes around the caches, as it pays where a register is a whole line.
#if defined(__AVX512F__)
constexpr bool STREAMS = true;
#else
constexpr bool STREAMS = false;
#endif
// Stores to a multiple of 64 bytes what is not read again soon: the line is not fetched first. Pool orders such stores.
static inline void stream(float* p, Vec v) {
#if defined(__AVX512F__)
  _mm512_stream_ps(p, (__m512)v);
#else
  store(p, v);
#endif
}

static inline Vec broadcast(float x) { return x - Vec{}; }

static inline Vec fma(Vec a, Vec b, Vec c) {
#if defined(__AVX512F__)
  return (Vec)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#elif defined(__FMA__)
  return (Vec)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#elif defined(__ARM_NEON)
  return (Vec)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
#else
  return a * b + c;
#endif
}

static inline Vec select(VecI mask, Vec yes, Vec no) { return mask ? yes : no; }
// a > b ? a : b, so b where one of them is a NaN.
static inline Vec max(Vec a, Vec b) {
#if defined(__AVX512F__)
  return (Vec)_mm512_maskz_max_ps(__mmask16(-1), (__m512)a, (__m512)b);  // the plain form warns with GCC 12
#elif defined(__AVX2__)
  return (Vec)_mm256_max_ps((__m256)a, (__m256)b);
#elif defined(__SSE2__)
  return (Vec)_mm_max_ps((__m128)a, (__m128)b);
#else
  return select(a > b, a, b);
#endif
}

// ---- Blocks: the 16 channels of a pixel

struct Block {
  Vec part[PARTS];
};

static inline Block loadBlock(const float* p) {
  Block b;
  for (int i = 0; i < PARTS; i++) b.part[i] = load(p + i * VL);
  return b;
}
static inline void storeBlock(float* p, const Block& b) {
  for (int i = 0; i < PARTS; i++) store(p + i * VL, b.part[i]);
}

// ---- Bits: lane l of a register is bit l of an integer

// Lanes with a > b (false where either is NaN), as bits.
static inline unsigned greaterBits(Vec a, Vec b) {
#if defined(__AVX512F__)
  return _mm512_cmp_ps_mask((__m512)a, (__m512)b, _CMP_GT_OQ);
#elif defined(__AVX2__)
  return unsigned(_mm256_movemask_ps(_mm256_cmp_ps((__m256)a, (__m256)b, _CMP_GT_OQ)));
#elif defined(__SSE2__)
  return unsigned(_mm_movemask_ps((__m128)(VecI)(a > b)));
#else
  VecI greater = a > b;
  unsigned bits = 0;
  for (int l = 0; l < VL; l++) bits |= unsigned(greater[l] & 1) << l;
  return bits;
#endif
}

// Lanes that are not zero (a NaN is not), as bits.
static inline unsigned nonzeroBits(Vec v) {
#if defined(__AVX512F__)
  return _mm512_cmp_ps_mask((__m512)v, _mm512_setzero_ps(), _CMP_NEQ_UQ);
#elif defined(__AVX2__)
  return unsigned(_mm256_movemask_ps(_mm256_cmp_ps((__m256)v, _mm256_setzero_ps(), _CMP_NEQ_UQ)));
#elif defined(__SSE2__)
  return unsigned(_mm_movemask_ps(_mm_cmpneq_ps((__m128)v, _mm_setzero_ps())));
#else
  VecI other = v != Vec{};
  unsigned bits = 0;
  for (int l = 0; l < VL; l++) bits |= unsigned(other[l] & 1) << l;
  return bits;
#endif
}

// The low VL bits as a lane mask (all ones where the bit is set).
static inline VecI maskOfBits(unsigned bits) {
#if defined(__AVX512F__)
  return (VecI)_mm512_movm_epi32(__mmask16(bits));
#else
  VecI lane;
  for (int l = 0; l < VL; l++) lane[l] = 1 << l;
  return ((int32_t(bits) - VecI{}) & lane) != 0;
#endif
}

// v where the bit is set, zero elsewhere.
static inline Vec keepBits(unsigned bits, Vec v) {
#if defined(__AVX512F__)
  return (Vec)_mm512_maskz_mov_ps(__mmask16(bits), (__m512)v);
#else
  return (Vec)((VecI)v & maskOfBits(bits));
#endif
}

// sum, and v where the bit is set.
static inline Vec addBits(unsigned bits, Vec sum, Vec v) {
#if defined(__AVX512F__)
  return (Vec)_mm512_mask_add_ps((__m512)sum, __mmask16(bits), (__m512)sum, (__m512)v);
#else
  return sum + keepBits(bits, v);
#endif
}

// Bit i of masks[l] is bit l of words[i], for 64 words.
static inline void transposeBits(const uint16_t* words, uint64_t masks[16]) {
#if defined(__AVX512BW__)
  const __m512i low = _mm512_loadu_si512(words), high = _mm512_loadu_si512(words + 32);
  for (int l = 0; l < 16; l++) {
    const __m512i bit = _mm512_set1_epi16(short(1 << l));
    masks[l] = _mm512_test_epi16_mask(low, bit) | uint64_t(_mm512_test_epi16_mask(high, bit)) << 32;
  }
#elif defined(__SSE2__)
  for (int l = 0; l < 16; l++) masks[l] = 0;
  for (int i = 0; i < 64; i += 16) {
    const __m128i a = _mm_loadu_si128(reinterpret_cast<const __m128i*>(words + i));
    const __m128i b = _mm_loadu_si128(reinterpret_cast<const __m128i*>(words + i + 8));
    const __m128i byte = _mm_set1_epi16(255);
    __m128i low = _mm_packus_epi16(_mm_and_si128(a, byte), _mm_and_si128(b, byte));
    __m128i high = _mm_packus_epi16(_mm_srli_epi16(a, 8), _mm_srli_epi16(b, 8));
    for (int l = 7; l >= 0; l--) {
      masks[l] |= uint64_t(unsigned(_mm_movemask_epi8(low))) << i;
      masks[l + 8] |= uint64_t(unsigned(_mm_movemask_epi8(high))) << i;
      low = _mm_add_epi8(low, low), high = _mm_add_epi8(high, high);
    }
  }
#else
  for (int l = 0; l < 16; l++) masks[l] = 0;
  for (int i = 0; i < 64; i++)
    for (unsigned bits = words[i]; bits; bits &= bits - 1) masks[__builtin_ctz(bits)] |= uint64_t(1) << i;
#endif
}

// Writes start + l * step for each set bit l of 16, in rising order, and returns the end of what was
// written. May write up to 16 entries beyond it.
static inline uint32_t* compressBits(unsigned bits, uint32_t start, uint32_t step, uint32_t* out) {
#if defined(__AVX512F__)
  const __m512i lane = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  const __m512i entry = _mm512_add_epi32(_mm512_set1_epi32(int(start)),
                                         _mm512_mullo_epi32(lane, _mm512_set1_epi32(int(step))));
  _mm512_storeu_si512(out, _mm512_maskz_compress_epi32(__mmask16(bits), entry));
  return out + __builtin_popcount(bits);
#else
  for (; bits; bits &= bits - 1) *out++ = start + uint32_t(__builtin_ctz(bits)) * step;
  return out;
#endif
}

// Writes start + l for each set bit l of 16 as 16-bit numbers, in rising order, and returns the end of what
// was written. May write up to 16 entries beyond it.
static inline uint16_t* compressBits16(unsigned bits, unsigned start, uint16_t* out) {
#if defined(__AVX512F__)
  const __m512i lane = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  const __m512i entry = _mm512_add_epi32(_mm512_set1_epi32(int(start)), lane);
  const __m512i chosen = _mm512_maskz_compress_epi32(__mmask16(bits), entry);
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(out), _mm512_maskz_cvtepi32_epi16(__mmask16(-1), chosen));
  return out + __builtin_popcount(bits);
#else
  for (; bits; bits &= bits - 1) *out++ = uint16_t(start + unsigned(__builtin_ctz(bits)));
  return out;
#endif
}

// Copies the floats p[l] of the set bits l of 16, in rising order. May write up to 16 entries beyond.
static inline float* compressFloats(unsigned bits, const float* p, float* out) {
#if defined(__AVX512F__)
  _mm512_storeu_ps(out, _mm512_maskz_compress_ps(__mmask16(bits), _mm512_loadu_ps(p)));
  return out + __builtin_popcount(bits);
#else
  for (; bits; bits &= bits - 1) *out++ = p[__builtin_ctz(bits)];
  return out;
#endif
}

// Lanes l with bytes[l] == value, as bits; reads VL bytes.
static inline unsigned equalBits(const uint8_t* bytes, int value) {
#if defined(__AVX512BW__) && defined(__AVX512VL__)
  __m128i sixteen = _mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes));
  return _mm_cmpeq_epi8_mask(sixteen, _mm_set1_epi8(char(value)));
#elif defined(__SSE2__)
  int64_t few = 0;
  std::memcpy(&few, bytes, VL);
  const __m128i equal = _mm_cmpeq_epi8(_mm_cvtsi64_si128(few), _mm_set1_epi8(char(value)));
  return unsigned(_mm_movemask_epi8(equal)) & ((1u << VL) - 1);
#else
  unsigned bits = 0;
  for (int l = 0; l < VL; l++) bits |= unsigned(bytes[l] == value) << l;
  return bits;
#endif
}

// Stores the lanes, each in 0 … 255, as bytes.
static inline void storeBytes(uint8_t* bytes, VecI v) {
  typedef uint8_t Bytes __attribute__((vector_size(VL)));
  const Bytes narrow = __builtin_convertvector(v, Bytes);
  std::memcpy(bytes, &narrow, VL);
}

// VL bytes as integers. Written out where GCC would move them one by one.
static inline VecI loadBytes(const uint8_t* bytes) {
#if defined(__AVX512F__)
  return (VecI)_mm512_maskz_cvtepu8_epi32(__mmask16(-1), _mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes)));
#elif defined(__AVX2__)
  return (VecI)_mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(bytes)));
#else
  typedef uint8_t Bytes __attribute__((vector_size(VL)));
  Bytes narrow;
  std::memcpy(&narrow, bytes, VL);
  return __builtin_convertvector(narrow, VecI);
#endif
}

// The first `count` floats, zeros in the other lanes; count may be beyond [0, VL].
static inline Vec loadFirst(const float* p, int count) {
  if (count >= VL) return load(p);
  float lane[VL] = {};
  for (int l = 0; l < count; l++) lane[l] = p[l];
  return load(lane);
}
static inline void storeFirst(float* p, Vec v, int count) {
  if (count >= VL) return store(p, v);
  for (int l = 0; l < count; l++) p[l] = v[l];
}

// One for each bit of a word of spikes that is set, of its register `part`.
static inline Vec spikesAsFloats(unsigned word, int part) {
  return keepBits(word >> (part * VL) & ((1u << VL) - 1), broadcast(1.0f));
}

// ---- Doubles, for sums over many elements: 16 of them beside a Block

typedef double DVec __attribute__((vector_size(SOMA_VEC_BYTES), may_alias));
typedef float HalfVec __attribute__((vector_size(SOMA_VEC_BYTES / 2), may_alias, aligned(4)));

struct DBlock {
  DVec part[2 * PARTS];
  double& lane(int l) { return reinterpret_cast<double*>(part)[l]; }
};

static inline DVec loadAsDoubles(const float* p) {
  return __builtin_convertvector(*reinterpret_cast<const HalfVec*>(p), DVec);
}
static inline void addTo(DBlock& sums, const float* p) {
  for (int i = 0; i < 2 * PARTS; i++) sums.part[i] += loadAsDoubles(p + i * (VL / 2));
}
static inline void addProductTo(DBlock& sums, const float* p, const float* q) {
  for (int i = 0; i < 2 * PARTS; i++)
    sums.part[i] += loadAsDoubles(p + i * (VL / 2)) * loadAsDoubles(q + i * (VL / 2));
}
static inline void storeProduct(float* to, const DBlock& sums, double factor) {
  for (int i = 0; i < 2 * PARTS; i++)
    *reinterpret_cast<HalfVec*>(to + i * (VL / 2)) = __builtin_convertvector(sums.part[i] * factor, HalfVec);
}
static inline void storeQuotient(float* to, const DBlock& sums, double count) {
  for (int i = 0; i < 2 * PARTS; i++)
    *reinterpret_cast<HalfVec*>(to + i * (VL / 2)) = __builtin_convertvector(sums.part[i] / count, HalfVec);
}

// ---- Up to VL floats, n in [0, VL]; lanes beyond n are zero, and no memory beyond them is touched

// Whole registers take plain instructions, which are faster, where the compiler knows that they are whole.
static inline Vec loadPart(const float* p, int n) {
  if (__builtin_constant_p(n) && n == VL) return load(p);
#if defined(__AVX512F__)
  return (Vec)_mm512_maskz_loadu_ps(__mmask16((1u << n) - 1), p);
#elif defined(__AVX2__)
  return (Vec)_mm256_maskload_ps(p, (__m256i)maskOfBits((1u << n) - 1));
#else
  if (n == VL) return load(p);
  Vec v{};
  for (int l = 0; l < n; l++) v[l] = p[l];
  return v;
#endif
}
static inline void storePart(float* p, Vec v, int n) {
  if (__builtin_constant_p(n) && n == VL) return store(p, v);
#if defined(__AVX512F__)
  _mm512_mask_storeu_ps(p, __mmask16((1u << n) - 1), (__m512)v);
#elif defined(__AVX2__)
  _mm256_maskstore_ps(p, (__m256i)maskOfBits((1u << n) - 1), (__m256)v);
#else
  if (n == VL) return store(p, v);
  for (int l = 0; l < n; l++) p[l] = v[l];
#endif
}

// Turns a square of VL rows round: lane l of row r becomes lane r of row l. Rows and lanes that are 1, 2, 4, …
// apart are exchanged in turn.
template <int APART, int... LANE>
static inline void exchangeLanes(Vec& low, Vec& high, std::integer_sequence<int, LANE...>) {
  const Vec a = low, b = high;
  low = __builtin_shufflevector(a, b, ((LANE & APART) ? VL + (LANE ^ APART) : LANE)...);
  high = __builtin_shufflevector(a, b, ((LANE & APART) ? VL + LANE : (LANE ^ APART))...);
}
template <int APART = 1>
static inline void transpose(Vec (&rows)[VL]) {
#pragma GCC unroll 16
  for (int r = 0; r < VL; r++)
    if (!(r & APART)) exchangeLanes<APART>(rows[r], rows[r | APART], std::make_integer_sequence<int, VL>());
  if constexpr (2 * APART < VL) transpose<2 * APART>(rows);
}

// Sum of the lanes, pairwise.
static inline float sumLanes(Vec v) {
  float lane[VL];
  store(lane, v);
  for (int width = VL / 2; width > 0; width /= 2)
    for (int l = 0; l < width; l++) lane[l] += lane[l + width];
  return lane[0];
}

// Lane r of the result is the sum of the lanes of row r, pairwise. Overwrites the rows.
template <int APART = 1>
static inline Vec sumLanesOfRows(Vec (&rows)[VL]) {
#pragma GCC unroll 8
  for (int i = 0; i < VL / (2 * APART); i++) {
    exchangeLanes<APART>(rows[2 * i], rows[2 * i + 1], std::make_integer_sequence<int, VL>());
    rows[i] = rows[2 * i] + rows[2 * i + 1];
  }
  if constexpr (2 * APART < VL) return sumLanesOfRows<2 * APART>(rows);
  return rows[0];
}

}  // namespace soma::SOMA_ISA
