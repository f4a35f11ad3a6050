// What a convolution reads: a map of floats, a map of spikes, or a gradient that may still lie behind
// a 2x2 maximum. All three look the same from here: `at` gives any one value, `block` gives the 16
// channels of a pixel of a blocked map. `stage` copies a channel block into a zero-padded frame, in
// which the inner loops need neither borders nor strides:
//
//   frame   [row][phase][column][lanes]     phase * column: padded column X lies at [X % sw][X / sw]
//
// With the columns split by phase, neighbouring outputs read neighbouring columns whatever the stride.
#pragma once
#include "../simd.h"
#include "conv_shape.h"
#include "scratch.h"

namespace soma::SOMA_ISA {

// Index of channel c, pixel p in one image of a map, in elements.
static inline size_t mapIndex(int channels, int pixels, int c, int p) {
  if (!isBlocked(channels)) return size_t(c) * pixels + p;
  return (size_t(c / LANES) * pixels + p) * LANES + c % LANES;
}
// Elements of one image of a map.
static inline size_t mapSize(int channels, int pixels) {
  return size_t(isBlocked(channels) ? blocks(channels) * LANES : channels) * pixels;
}

// Whether channels [c0, c0 + count) are blocks of a blocked map: all 16 of each, or the last ones, behind which it has
// zeros.
static inline bool isWholeBlocks(int channels, int c0, int count) {
  return isBlocked(channels) && c0 % LANES == 0 && (count % LANES == 0 || c0 + count == channels);
}

struct FloatMap {
  const float* data;
  int channels, height, width;

  const float* image(int n) const { return data + n * mapSize(channels, height * width); }
  float at(int n, int c, int y, int x) const {
    return image(n)[mapIndex(channels, height * width, c, y * width + x)];
  }
  const float* row(int n, int cb, int y) const { return image(n) + (size_t(cb) * height + y) * width * LANES; }
  Block block(int n, int cb, int y, int x) const { return loadBlock(row(n, cb, y) + size_t(x) * LANES); }
  // A row of one channel of a plain map, null in a blocked one.
  const float* plainRow(int n, int c, int y) const {
    return isBlocked(channels) ? nullptr : image(n) + (size_t(c) * height + y) * width;
  }
};

struct SpikeMap {
  const uint16_t* data;
  int channels, height, width;

  const uint16_t* words(int n, int cb) const {
    return data + (size_t(n) * blocks(channels) + cb) * height * width;
  }
  size_t size(int images) const { return size_t(images) * blocks(channels) * height * width; }
  float at(int n, int c, int y, int x) const {
    return float(words(n, c / LANES)[y * width + x] >> (c % LANES) & 1);
  }
  const float* row(int, int, int) const { return nullptr; }
  const float* plainRow(int, int, int) const { return nullptr; }
  Block block(int n, int cb, int y, int x) const {
    unsigned bits = words(n, cb)[y * width + x];
    Block b;
    for (int i = 0; i < PARTS; i++) b.part[i] = spikesAsFloats(bits, i);
    return b;
  }
};

// Gradient with respect to a convolution's output, `height` x `width` as before the pooling. Behind a
// pooling, `data` and `argmax` hold height/2 x width/2 pixels, and a value belongs to one of its four.
struct GradientMap {
  const float* data;
  const uint8_t* argmax;
  int channels, height, width;
  bool pooled;

  GradientMap(const ConvShape& s, const float* g, const uint8_t* argmax)
      : data(g), argmax(argmax), channels(s.O), height(s.OH), width(s.OW), pooled(s.pool2) {}

  int storedWidth() const { return pooled ? width / 2 : width; }
  int storedPixels() const { return pooled ? (height / 2) * (width / 2) : height * width; }
  // Where a pixel's value is stored, or -1 for the odd last row or column that a pooling drops.
  int storedPixel(int y, int x) const {
    if (!pooled) return y * width + x;
    return y / 2 < height / 2 && x / 2 < width / 2 ? (y / 2) * (width / 2) + x / 2 : -1;
  }
  static int window(int y, int x) { return 2 * (y & 1) + (x & 1); }

  float at(int n, int c, int y, int x) const {
    int p = storedPixel(y, x);
    if (p < 0) return 0;
    size_t i = n * mapSize(channels, storedPixels()) + mapIndex(channels, storedPixels(), c, p);
    return !pooled || argmax[i] == window(y, x) ? data[i] : 0;
  }
  size_t blockIndex(int n, int cb, int p) const {
    return ((size_t(n) * blocks(channels) + cb) * storedPixels() + p) * LANES;
  }
  // A row of a blocked map, null behind a pooling.
  const float* row(int n, int cb, int y) const { return pooled ? nullptr : data + blockIndex(n, cb, y * width); }
  const float* plainRow(int n, int c, int y) const {
    return pooled ? nullptr : FloatMap{data, channels, height, width}.plainRow(n, c, y);
  }
  Block block(int n, int cb, int y, int x) const {
    int p = storedPixel(y, x);
    if (p < 0) return Block{};
    size_t i = blockIndex(n, cb, p);
    if (!pooled) return loadBlock(data + i);
    return keepWindow(loadBlock(data + i), argmax + i, window(y, x));
  }
  // The lanes whose maximum lay at position `window` of the 2x2.
  static Block keepWindow(Block value, const uint8_t* argmax, int window) {
    for (int i = 0; i < PARTS; i++) value.part[i] = keepBits(equalBits(argmax + i * VL, window), value.part[i]);
    return value;
  }
};

struct Frame {
  int rows, columns, phases, lanes;  // columns: of one phase; lanes: 16, or 4 where channels are few

  size_t rowSize() const { return size_t(phases) * columns * lanes; }
  size_t size() const { return rows * rowSize(); }
  // Offset of padded row Y, padded column X.
  size_t offset(int Y, int X) const { return Y * rowSize() + (size_t(X % phases) * columns + X / phases) * lanes; }
};

// Offsets of a filter's taps in a frame that begins at `start`.
static inline void listTaps(const ConvShape& s, const Frame& of, int32_t* taps, size_t start = 0) {
  for (int ky = 0; ky < s.kh; ky++)
    for (int kx = 0; kx < s.kw; kx++) *taps++ = int32_t(start + of.offset(ky * s.dilH, kx * s.dilW));
}

// Channels in the lanes of a frame: few channels need not fill 16 lanes.
static inline int frameLanes(int channels) { return channels <= 4 ? 4 : LANES; }
static inline int frameBlocks(int channels) { return channels <= 4 ? 1 : blocks(channels); }

// A row of a frame from a row of `width` pixels side by side, of which the first wanted is `left`.
static inline void stageRow(const float* row, int width, int left, int columns, float* to) {
  int column = 0;
  for (; column < smaller(columns, -left); column++) storeBlock(to + column * LANES, Block{});
  for (; column < smaller(columns, width - left); column++)
    storeBlock(to + column * LANES, loadBlock(row + (left + column) * LANES));
  for (; column < columns; column++) storeBlock(to + column * LANES, Block{});
}

// A row of a frame from rows of `width` pixels of the channels of a plain map, each `plane` behind the last.
static inline void stagePlainRow(const float* row, size_t plane, int count, int width, int left, const Frame& f,
                                 float* to) {
  std::memset(to, 0, f.rowSize() * sizeof(float));
  for (int phase = 0; phase < f.phases; phase++, to += f.columns * f.lanes) {
    const int first = left + phase;  // pixel of column 0
    const int from = first < 0 ? divideUp(-first, f.phases) : 0;
    const int end = smaller(f.columns, divideUp(larger(0, width - first), f.phases));
    if (f.lanes == 1 && f.phases == 1) {
      if (from < end) std::memcpy(to + from, row + first + from, size_t(end - from) * sizeof(float));
      continue;
    }
    for (int l = 0; l < count; l++) {
      const float* channel = row + l * plane;
      for (int column = from; column < end; column++) to[column * f.lanes + l] = channel[first + column * f.phases];
    }
  }
}

// Copies channels [c0, c0 + count) of image n, count <= frame.lanes, into a frame whose padded pixel
// (0, 0) is the source's pixel (top, left); pixels outside of the source and unused lanes become zero.
template <class Source>
static inline void stage(const Source& source, int n, int c0, int count, int top, int left, const Frame& f,
                         float* out) {
  const bool aligned = f.lanes == LANES && isWholeBlocks(source.channels, c0, count);
  for (int Y = 0; Y < f.rows; Y++) {
    const int y = top + Y;
    float* pixel = out + Y * f.rowSize();
    if (y < 0 || y >= source.height) {
      std::memset(pixel, 0, f.rowSize() * sizeof(float));
      continue;
    }
    const float* row = aligned && f.phases == 1 ? source.row(n, c0 / LANES, y) : nullptr;
    if (row) {
      stageRow(row, source.width, left, f.columns, pixel);
      continue;
    }
    if (const float* plain = source.plainRow(n, c0, y)) {
      stagePlainRow(plain, size_t(source.height) * source.width, count, source.width, left, f, pixel);
      continue;
    }
    for (int phase = 0; phase < f.phases; phase++) {
      for (int column = 0; column < f.columns; column++, pixel += f.lanes) {
        const int x = left + column * f.phases + phase;
        if (x < 0 || x >= source.width) {
          std::memset(pixel, 0, f.lanes * sizeof(float));
        } else if (aligned) {
          storeBlock(pixel, source.block(n, c0 / LANES, y, x));
        } else {
          for (int l = 0; l < f.lanes; l++) pixel[l] = l < count ? source.at(n, c0 + l, y, x) : 0;
        }
      }
    }
  }
}

// The same for a gradient; behind a pooling each stored value fills its two columns at once.
static inline void stageGradient(const GradientMap& g, int n, int c0, int count, int top, int left, const Frame& f,
                                 float* out) {
  const bool aligned = f.lanes == LANES && isWholeBlocks(g.channels, c0, count);
  if (!g.pooled || !aligned || f.phases != 1 || left > 0 || f.columns < -left) {
    stage(g, n, c0, count, top, left, f, out);
    return;
  }
  const int pairs = smaller(g.storedWidth(), (f.columns + left) / 2);
  for (int Y = 0; Y < f.rows; Y++) {
    const int y = top + Y;
    float* pixel = out + Y * f.rowSize();
    if (y < 0 || y >= g.height / 2 * 2) {
      std::memset(pixel, 0, f.rowSize() * sizeof(float));
      continue;
    }
    for (int X = 0; X < -left; X++, pixel += LANES) storeBlock(pixel, Block{});
    const size_t first = g.blockIndex(n, c0 / LANES, y / 2 * g.storedWidth()), end = first + size_t(pairs) * LANES;
    const int window = GradientMap::window(y, 0);
    for (size_t i = first; i < end; i += LANES, pixel += 2 * LANES) {
      const Block value = loadBlock(g.data + i);
      storeBlock(pixel, GradientMap::keepWindow(value, g.argmax + i, window));
      storeBlock(pixel + LANES, GradientMap::keepWindow(value, g.argmax + i, window + 1));
    }
    for (int x = 2 * pairs; x < f.columns + left; x++, pixel += LANES)
      storeBlock(pixel, x < g.width ? g.block(n, c0 / LANES, y, x) : Block{});
  }
}

// Bias padded with zeros to whole blocks.
static inline void packBias(const float* bias, int channels, float* out) {
  for (int o = 0; o < blocks(channels) * LANES; o++) out[o] = bias && o < channels ? bias[o] : 0.0f;
}

}  // namespace soma::SOMA_ISA
