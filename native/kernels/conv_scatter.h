// The event-driven inner kernel: a 3x3, stride-1 convolution that spends time only on values that are
// not zero. Each one adds its 3x3 of weights to the sums around it (the transpose's direction; the
// forward pass uses flipped weights).
//
// Sums of one block of 16 output channels lie in a canvas that is one pixel larger than the source on
// each side. The source is walked in quads of 2x2 pixels: all that a quad can reach is a 4x4 patch of the
// canvas, which stays in 16 registers meanwhile. Channels are taken in chunks, so that a chunk's weights
// stay in the first-level cache over a whole image:
//
//   weights   [output block][source channel][3][3][16]
//   canvas    [2 * quadRows + 2][2 * quadColumns + 2][16]
//   events    for each chunk, quad and pixel of the quad: offsets of the channels' weights in the chunk
#pragma once
#include "conv_source.h"

namespace soma::SOMA_ISA {

constexpr int PATCH_FLOATS = 9 * LANES;  // weights of one source channel
constexpr int CHUNK_BLOCKS = 4;          // channel blocks in a chunk: 36 KiB of weights

struct ScatterShape {
  int height, width, channels;  // of the source
  int quadRows, quadColumns, chunks;

  ScatterShape(int height, int width, int channels)
      : height(height), width(width), channels(channels), quadRows(divideUp(height, 2)),
        quadColumns(divideUp(width, 2)), chunks(divideUp(blocks(channels), CHUNK_BLOCKS)) {}

  size_t canvasRow() const { return size_t(2 * quadColumns + 2) * LANES; }
  size_t canvasSize() const { return (2 * quadRows + 2) * canvasRow(); }
  size_t groups() const { return size_t(chunks) * quadRows * quadColumns * 4; }
  // Room for all channels of all pixels, and for what compressBits may write beyond.
  size_t maxEvents() const { return size_t(blocks(channels)) * LANES * height * width + LANES; }
};

// Events of one image. `values` is null where every event counts one (spikes).
struct Events {
  uint32_t* starts;   // [groups + 1]
  uint32_t* offsets;  // [maxEvents]
  float* values;
};

// Lists an image's events. list.append(block, y, x, offset) appends those of 16 channels of a pixel, the
// first of which has its weights at `offset`; list.count() is how many there are so far.
template <class List>
static inline void listEvents(const ScatterShape& s, uint32_t* starts, List list) {
  for (int chunk = 0; chunk < s.chunks; chunk++)
    for (int qy = 0; qy < s.quadRows; qy++)
      for (int qx = 0; qx < s.quadColumns; qx++)
        for (int k = 0; k < 4; k++) {
          const int y = 2 * qy + k / 2, x = 2 * qx + k % 2;
          const int first = chunk * CHUNK_BLOCKS;
          *starts++ = list.count();
          if (y >= s.height || x >= s.width) continue;
          for (int b = first; b < smaller(first + CHUNK_BLOCKS, blocks(s.channels)); b++)
            list.append(b, y, x, uint32_t(b - first) * LANES * PATCH_FLOATS);
        }
  *starts = list.count();
}

// Adds the events of pixel (DY, DX) of a quad to the quad's patch.
template <bool WEIGHTED, int DY, int DX>
static inline void scatterPixel(Vec (&patch)[4][4], const Events& events, uint32_t from, uint32_t to,
                                const float* weights) {
  for (uint32_t i = from; i < to; i++) {
    const float* w = weights + events.offsets[i];
    Vec value{};
    if (WEIGHTED) value = broadcast(events.values[i]);
#pragma GCC unroll 3
    for (int ty = 0; ty < 3; ty++)
#pragma GCC unroll 3
      for (int tx = 0; tx < 3; tx++) {
        Vec& sum = patch[DY + ty][DX + tx];
        const Vec weight = load(w + (ty * 3 + tx) * LANES);
        sum = WEIGHTED ? fma(value, weight, sum) : sum + weight;
      }
  }
}

// Sums all events of an image for one block of outputs. `weights` is that block's. The patch slides along a row of
// quads: its right half becomes the left half of the next, so that only what it leaves is stored.
template <bool WEIGHTED>
static inline void scatterImage(const ScatterShape& s, const Events& events, const float* weights, float* canvas) {
  const size_t rowSize = s.canvasRow();
  for (int chunk = 0; chunk < s.chunks; chunk++, weights += CHUNK_BLOCKS * LANES * PATCH_FLOATS)
    for (int qy = 0; qy < s.quadRows; qy++)
      for (int lane = 0; lane < LANES; lane += VL) {
        const uint32_t* starts = events.starts + (size_t(chunk) * s.quadRows + qy) * s.quadColumns * 4;
        float* corner = canvas + 2 * qy * rowSize + lane;
        // What no patch has touched yet is zero.
        const int touched = chunk > 0 ? 4 : qy > 0 ? 2 : 0;
        Vec patch[4][4];
        const auto enter = [&](int x) {
#pragma GCC unroll 4
          for (int y = 0; y < 4; y++) patch[y][x] = y < touched ? load(corner + y * rowSize + x * LANES) : Vec{};
        };
        enter(0);
        enter(1);
        for (int qx = 0; qx < s.quadColumns; qx++, starts += 4, corner += 2 * LANES) {
          enter(2);
          enter(3);
          scatterPixel<WEIGHTED, 0, 0>(patch, events, starts[0], starts[1], weights + lane);
          scatterPixel<WEIGHTED, 0, 1>(patch, events, starts[1], starts[2], weights + lane);
          scatterPixel<WEIGHTED, 1, 0>(patch, events, starts[2], starts[3], weights + lane);
          scatterPixel<WEIGHTED, 1, 1>(patch, events, starts[3], starts[4], weights + lane);
#pragma GCC unroll 4
          for (int y = 0; y < 4; y++)
#pragma GCC unroll 2
            for (int x = 0; x < 2; x++) {
              store(corner + y * rowSize + x * LANES, patch[y][x]);
              patch[y][x] = patch[y][x + 2];
            }
        }
#pragma GCC unroll 4
        for (int y = 0; y < 4; y++)
#pragma GCC unroll 2
          for (int x = 0; x < 2; x++) store(corner + y * rowSize + x * LANES, patch[y][x]);
      }
}

// Packed weights of one block of outputs.
static inline size_t scatterWeightsSize(int sourceChannels) { return size_t(sourceChannels) * PATCH_FLOATS; }

// Packs w, [O][C][3][3], for the forward pass (from C to O, flipped) or for its transpose (from O to C).
static inline void packScatterWeights(const Call& call, const float* w, int O, int C, bool transposed, float* out) {
  const int sources = transposed ? O : C, outputs = transposed ? C : O;
  call.pool->run(blocks(outputs), [&](int block, int) {
    float* to = out + block * scatterWeightsSize(sources);
    for (int source = 0; source < sources; source++)
      for (int t = 0; t < 9; t++)
        for (int l = 0; l < LANES; l++) {
          const int output = block * LANES + l;
          const size_t at = transposed ? size_t(source) * C + output : size_t(output) * C + source;
          *to++ = output < outputs ? w[at * 9 + (transposed ? t : 8 - t)] : 0.0f;
        }
  });
}

}  // namespace soma::SOMA_ISA
