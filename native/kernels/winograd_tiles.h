// The tiles of a Winograd convolution: where they lie in a batch of maps, and how one is read.
//
// Tiles are numbered through all images, row by row. What a tile reads outside of the map is zero, and what it
// computes there is dropped, so any size and padding will do.
#pragma once
#include <type_traits>
#include "conv_source.h"
#include "winograd_transform.h"

namespace soma::SOMA_ISA {

struct TileGrid {
  int images, rows, columns;  // of tiles, in an image

  int perImage() const { return rows * columns; }
  int count() const { return images * perImage(); }
};

// Calls body(i, image, row, column) for tiles [first, first + count): i counts from 0.
template <class Body>
static inline void forTiles(const TileGrid& grid, int first, int count, const Body& body) {
  int image = first / grid.perImage(), row = first % grid.perImage() / grid.columns, column = first % grid.columns;
  for (int i = 0; i < count; i++) {
    body(i, image, row, column);
    if (++column < grid.columns) continue;
    column = 0;
    if (++row < grid.rows) continue;
    row = 0, image++;
  }
}

// Copies a SIDE x SIDE tile of a channel block into `to`, [row][column][16], with zeros outside of the map.
template <int SIDE, class Source>
static inline void copyTile(const Source& source, int n, int cb, int top, int left, float* to) {
  const int firstX = larger(0, -left), endX = smaller(SIDE, source.width - left);
  for (int y = 0; y < SIDE; y++) {
    float* row = to + y * SIDE * LANES;
    if (top + y < 0 || top + y >= source.height) {
      std::memset(row, 0, SIDE * LANES * sizeof(float));
      continue;
    }
    for (int x = 0; x < firstX; x++) storeBlock(row + x * LANES, Block{});
    for (int x = firstX; x < endX; x++) storeBlock(row + x * LANES, source.block(n, cb, top + y, left + x));
    for (int x = larger(0, endX); x < SIDE; x++) storeBlock(row + x * LANES, Block{});
  }
}

// A row of pixels outside of every map.
template <int SIDE>
inline constexpr float OUTSIDE[SIDE * LANES] = {};

// Asks for what the tile below this one reads and this one does not, or for what follows the map. Tiles begin 4 pixels
// after each other, or 8 with a stride.
template <int SIDE>
static inline void prefetchBelow(const float* map, size_t rowStride, int top, int left) {
  constexpr int STEP = SIDE / 4 * 4;
  for (int row = top + SIDE; row < top + SIDE + STEP; row++)
    for (int column = left; column < left + STEP; column++)
      __builtin_prefetch(map + ptrdiff_t(row * rowStride) + ptrdiff_t(column) * LANES);
}

// Calls body(read), where read(row, column, lane) gives VL channels of a pixel of a SIDE x SIDE tile. Floats are
// read where they lie.
template <int SIDE, class Source, class Body>
static inline void withTile(const Source& source, int n, int cb, int top, int left, const Body& body) {
  if constexpr (!std::is_same_v<Source, FloatMap>) {
    float tile[SIDE * SIDE * LANES];
    copyTile<SIDE>(source, n, cb, top, left, tile);
    body([&](int row, int column, int lane) { return load(tile + (row * SIDE + column) * LANES + lane); });
  } else {
    const size_t rowStride = size_t(source.width) * LANES;
    const float* map = source.image(n) + cb * source.height * rowStride;
    prefetchBelow<SIDE>(map, rowStride, top, left);
    const int first = larger(0, -left), end = smaller(SIDE, source.width - left);
    if (top >= 0 && first == 0 && top + SIDE <= source.height && end == SIDE) {
      const float* tile = map + top * rowStride + size_t(left) * LANES;
      body([=](int row, int column, int lane) { return load(tile + row * rowStride + column * LANES + lane); });
      return;
    }
    const float* rows[SIDE];  // from the first column in the map on
    for (int y = 0; y < SIDE; y++)
      rows[y] = top + y < 0 || top + y >= source.height || first >= end
                    ? OUTSIDE<SIDE>
                    : map + (top + y) * rowStride + size_t(left + first) * LANES;
    body([&](int row, int column, int lane) {
      const bool inside = column >= first && column < end;
      return load((inside ? rows[row] + (column - first) * LANES : OUTSIDE<SIDE>) + lane);
    });
  }
}

}  // namespace soma::SOMA_ISA
