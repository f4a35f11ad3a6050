// The event-driven inner kernel: a 3x3, stride-1 convolution that spends time only on values that are
// not zero. Each one adds its 3x3 of weights to the sums around it (the transpose's direction; the
// forward pass uses flipped weights).
//
// The source is walked in quads of 2x2 pixels: all that a quad can reach is a patch of 4x4 sums, which
// stays in 16 registers meanwhile. The patch slides along a row of quads; the 2x2 sums that it leaves for
// good go to the output, those below wait in the canvas for the next row of quads. Quads may start one
// row or column before the source, so that the finished 2x2 are the windows of a pooling.
//
// Events are bits, one a channel: no list of them is written, and their order is the channels'. Channels
// are taken in chunks of as many as a word has bits; a chunk's weights stay in the first-level cache over
// an image, or over several where images are small:
//
//   weights   [output block][source channel][3][3][16]
//   masks     [chunk][quad][pixel of the quad] of uint64
//   canvas    one chunk: [2][columns][16], the sums that wait for the next row of quads
//             several:   [2 * quadRows + 2][columns][16], the sums of the chunks so far
#pragma once
#include "conv_pack.h"
#include "conv_source.h"

namespace soma::SOMA_ISA {

constexpr int PATCH_FLOATS = 9 * LANES;  // weights of one source channel
constexpr int CHUNK_BLOCKS = 4;          // channel blocks in a chunk: 64 bits, 36 KiB of weights

// A source pixel in row y reaches the three rows of sums from y + top on; columns alike.
struct ScatterShape {
  int height, width, channels;  // of the source
  int top, left;
  int shiftY, shiftX;  // the first quad lies at (-shiftY, -shiftX)
  int quadRows, quadColumns, chunks;

  // The convolution itself. Its finished 2x2 start at even places.
  static ScatterShape forward(const ConvShape& s) {
    return {s.H, s.W, s.C, s.padTop - 2, s.padLeft - 2, s.padTop % 2, s.padLeft % 2, s.OH, s.OW};
  }
  // Its transpose. Quads are the windows of a pooling before the gradient.
  static ScatterShape gradInput(const ConvShape& s) {
    return {s.OH, s.OW, s.O, -s.padTop, -s.padLeft, 0, 0, s.H, s.W};
  }

  size_t canvasRow() const { return size_t(2 * quadColumns + 2) * LANES; }
  size_t canvasSize() const { return (chunks > 1 ? 2 * quadRows + 2 : 2) * canvasRow(); }
  size_t quads() const { return size_t(quadRows) * quadColumns; }
  size_t masks() const { return chunks * quads() * 4; }
  int chunkBlocks(int chunk) const { return smaller(CHUNK_BLOCKS, blocks(channels) - chunk * CHUNK_BLOCKS); }

 private:
  ScatterShape(int height, int width, int channels, int top, int left, int shiftY, int shiftX, int sumRows,
               int sumColumns)
      : height(height), width(width), channels(channels), top(top), left(left), shiftY(shiftY), shiftX(shiftX),
        quadRows(divideUp(larger(height, sumRows - top) + shiftY, 2)),
        quadColumns(divideUp(larger(width, sumColumns - left) + shiftX, 2)),
        chunks(divideUp(blocks(channels), CHUNK_BLOCKS)) {}
};

// Images that one task takes through a chunk's weights before the next chunk: about 256 pixels, but so few
// that there are tasks enough.
static inline int imagesTogether(const ScatterShape& s, int images) {
  constexpr int PIXELS = 256, MIN_TASKS = 16;
  return larger(1, smaller(images / MIN_TASKS, PIXELS / (s.height * s.width)));
}

// Fills the masks of one image. bits(chunk, y, x) gives those of a pixel of the source.
template <class Bits>
static inline void maskPixels(const ScatterShape& s, uint64_t* masks, const Bits& bits) {
  for (int chunk = 0; chunk < s.chunks; chunk++)
    for (int qy = 0; qy < s.quadRows; qy++)
      for (int qx = 0; qx < s.quadColumns; qx++)
        for (int k = 0; k < 4; k++) {
          const int y = 2 * qy - s.shiftY + k / 2, x = 2 * qx - s.shiftX + k % 2;
          *masks++ = y >= 0 && y < s.height && x >= 0 && x < s.width ? bits(chunk, y, x) : 0;
        }
}

// What events weigh: one each.
struct UnitValues {
  static constexpr bool WEIGHTED = false;
  const float* quadRow(int, int) const { return nullptr; }
  static constexpr size_t blockJump = 0, nextRow = 0, nextColumn = 0, nextQuad = 0;
};

// What events weigh: the values of one image of a blocked map. Behind a pooling a quad has one pixel.
struct MapValues {
  static constexpr bool WEIGHTED = true;
  const float* image;
  size_t plane, blockJump;                 // from a block to the next, and what then is too far
  size_t nextRow, nextColumn, nextQuad, nextQuadRow;  // of pixels within a quad, of quads

  MapValues(const GradientMap& g, int n)
      : image(g.data + g.blockIndex(n, 0, 0)), plane(size_t(g.storedPixels()) * LANES), blockJump(plane - LANES),
        nextRow(g.pooled ? 0 : size_t(g.width) * LANES), nextColumn(g.pooled ? 0 : LANES),
        nextQuad(g.pooled ? LANES : 2 * LANES),
        nextQuadRow((g.pooled ? 1 : 2) * size_t(g.storedWidth()) * LANES) {}

  const float* quadRow(int chunk, int qy) const { return image + chunk * CHUNK_BLOCKS * plane + qy * nextQuadRow; }
};

// Adds the events of pixel (DY, DX) of a quad to the quad's patch.
template <class Values, int DY, int DX>
static inline void scatterPixel(Vec (&patch)[4][4], uint64_t mask, const float* values, size_t blockJump,
                                const float* weights) {
  for (; mask; mask &= mask - 1) {
    const size_t channel = size_t(__builtin_ctzll(mask));
    const float* w = weights + channel * PATCH_FLOATS;
    Vec value{};
    if (Values::WEIGHTED) value = broadcast(values[channel + channel / LANES * blockJump]);
#pragma GCC unroll 3
    for (int ty = 0; ty < 3; ty++)
#pragma GCC unroll 3
      for (int tx = 0; tx < 3; tx++) {
        Vec& sum = patch[DY + ty][DX + tx];
        const Vec weight = load(w + (ty * 3 + tx) * LANES);
        sum = Values::WEIGHTED ? fma(value, weight, sum) : sum + weight;
      }
  }
}

// Sums the events of one chunk of an image for one block of outputs. `weights` are that block's and chunk's. Those
// of the last chunk go to output.finish(row, column, lane, the four registers of a finished 2x2).
template <class Values, class Output>
static inline void scatterChunk(const ScatterShape& s, int chunk, const uint64_t* masks, const Values& values,
                                const float* weights, float* canvas, const Output& output) {
  const bool last = chunk == s.chunks - 1;
  const size_t rowSize = s.canvasRow();
  masks += chunk * s.quads() * 4;
  for (int qy = 0; qy < s.quadRows; qy++, masks += s.quadColumns * 4)
    for (int lane = 0; lane < LANES; lane += VL) {
      float* above = canvas + lane + (s.chunks > 1 ? 2 * qy * rowSize : 0);
      float* below = s.chunks > 1 ? above + 2 * rowSize : above;
      // What no patch has touched yet is zero.
      const int touched = chunk > 0 ? 4 : qy > 0 ? 2 : 0;
      const uint64_t* mask = masks;
      const float* value = values.quadRow(chunk, qy);
      const int row = 2 * qy - s.shiftY;
      Vec patch[4][4];
      const auto at = [&](int y, int column) { return (y < 2 ? above : below) + (y % 2) * rowSize + column * LANES; };
      const auto enter = [&](int x, int column) {
#pragma GCC unroll 4
        for (int y = 0; y < 4; y++) patch[y][x] = y < touched ? load(at(y, column)) : Vec{};
      };
      enter(0, 0);
      enter(1, 1);
      for (int qx = 0; qx < s.quadColumns; qx++, mask += 4, value += values.nextQuad) {
        const int column = 2 * qx - s.shiftX;
        enter(2, 2 * qx + 2);
        enter(3, 2 * qx + 3);
        scatterPixel<Values, 0, 0>(patch, mask[0], value, values.blockJump,
                                   weights + lane);
        scatterPixel<Values, 0, 1>(patch, mask[1], value + values.nextColumn, values.blockJump,
                                   weights + lane);
        scatterPixel<Values, 1, 0>(patch, mask[2], value + values.nextRow, values.blockJump,
                                   weights + lane);
        scatterPixel<Values, 1, 1>(patch, mask[3], value + values.nextRow + values.nextColumn, values.blockJump,
                                   weights + lane);
        if (last) {
          output.finish(row + s.top, column + s.left, lane, patch[0][0], patch[0][1], patch[1][0], patch[1][1]);
        } else {
#pragma GCC unroll 2
          for (int y = 0; y < 2; y++)
#pragma GCC unroll 2
            for (int x = 0; x < 2; x++) store(at(y, 2 * qx + x), patch[y][x]);
        }
#pragma GCC unroll 2
        for (int x = 0; x < 2; x++) {
#pragma GCC unroll 2
          for (int y = 2; y < 4; y++) store(at(y, 2 * qx + x), patch[y][x]);
#pragma GCC unroll 4
          for (int y = 0; y < 4; y++) patch[y][x] = patch[y][x + 2];
        }
      }
      // The two columns beyond belong to no sum that is wanted; they are stored so that all that is read was written.
#pragma GCC unroll 2
      for (int x = 0; x < 2; x++) {
        if (!last) {
          store(at(0, 2 * s.quadColumns + x), patch[0][x]);
          store(at(1, 2 * s.quadColumns + x), patch[1][x]);
        }
        store(at(2, 2 * s.quadColumns + x), patch[2][x]);
        store(at(3, 2 * s.quadColumns + x), patch[3][x]);
      }
    }
}

// One block of one image of a blocked map, written in finished 2x2.
struct PlainOutput {
  float* y;
  int height, width;
  bool relu;
  Block bias;

  void finish(int row, int column, int lane, Vec a, Vec b, Vec c, Vec d) const {
    const bool top = row >= 0 && row < height, left = column >= 0 && column < width;
    const bool bottom = row + 1 >= 0 && row + 1 < height, right = column + 1 >= 0 && column + 1 < width;
    if (top && left) put(row, column, lane, a);
    if (top && right) put(row, column + 1, lane, b);
    if (bottom && left) put(row + 1, column, lane, c);
    if (bottom && right) put(row + 1, column + 1, lane, d);
  }

 private:
  void put(int row, int column, int lane, Vec sum) const {
    sum = sum + bias.part[lane / VL];
    store(y + (size_t(row) * width + column) * LANES + lane, relu ? max(Vec{}, sum) : sum);  // keeps a NaN
  }
};

// The same behind a 2x2 maximum; height and width are those of the maxima.
struct PooledOutput {
  float* y;
  uint8_t* argmax;  // null where nobody asks
  int height, width;
  bool relu;
  Block bias;

  void finish(int row, int column, int lane, Vec a, Vec b, Vec c, Vec d) const {
    if (unsigned(row / 2) >= unsigned(height) || unsigned(column / 2) >= unsigned(width) || row < 0 || column < 0)
      return;
    Vec best = a;
    VecI window{};
    const auto consider = [&](Vec candidate, int k) {
      const VecI greater = candidate > best;
      best = greater ? candidate : best;
      window = greater ? k - VecI{} : window;
    };
    consider(b, 1);
    consider(c, 2);
    consider(d, 3);
    best = best + bias.part[lane / VL];
    const size_t i = (size_t(row / 2) * width + column / 2) * LANES + lane;
    store(y + i, relu ? max(Vec{}, best) : best);
    if (argmax) storeBytes(argmax + i, window);
  }
};

// ---- Packed weights

// Of one block of outputs.
static inline size_t scatterWeightsSize(int sourceChannels) { return size_t(sourceChannels) * PATCH_FLOATS; }
// Where those of a chunk begin.
static inline size_t scatterWeightsChunk(int chunk) { return size_t(chunk) * CHUNK_BLOCKS * LANES * PATCH_FLOATS; }

// Packs those from `sources` channels to one block of outputs, of w, [outputs][allSources][3][3], turned round.
static inline void packScatterForward(const float* w, int outputs, int allSources, int block, int firstSource,
                                      int sources, float* out) {
  for (int lane = 0; lane < LANES; lane += VL) {
    const int first = block * LANES + lane;
    float* to = out + lane;
    int t = 8;
    scatterColumns(w + (size_t(first) * allSources + firstSource) * 9, size_t(allSources) * 9,
                   larger(0, outputs - first), sources * 9, [&](int) {
                     float* at = to + t * LANES;
                     __builtin_prefetch(at + PACK_AHEAD_CHANNELS * PATCH_FLOATS, 1);
                     if (--t < 0) t = 8, to += PATCH_FLOATS;
                     return at;
                   });
  }
}

// Packs those from all sources to one block of outputs for the transpose, of w, [sources][outputs][3][3].
static inline void packScatterTransposed(const float* w, int outputs, int sources, int block, float* out) {
  for (int lane = 0; lane < LANES; lane += VL) {
    const int first = block * LANES + lane;
    for (int source = 0; source < sources; source++)
      scatterColumns(w + (size_t(source) * outputs + first) * 9, 9, larger(0, outputs - first), 9,
                     [&](int t) { return out + source * PATCH_FLOATS + t * LANES + lane; });
  }
}

// Packs w, [O][C][3][3], for the forward pass (from C to O) or for its transpose (from O to C).
static inline void packScatterWeights(const Call& call, const float* w, int O, int C, bool transposed, float* out) {
  const int sources = transposed ? O : C, outputs = transposed ? C : O;
  call.pool->run(blocks(outputs), [&](int block, int) {
    float* const to = out + block * scatterWeightsSize(sources);
    if (transposed)
      packScatterTransposed(w, outputs, sources, block, to);
    else
      packScatterForward(w, outputs, sources, block, 0, sources, to);
  });
}

}  // namespace soma::SOMA_ISA
