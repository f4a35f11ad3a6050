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

struct Tile {
  const float* data;  // [row][column][16]
  size_t rowStride;
};

// Copies a SIDE x SIDE tile of a channel block into `to`, with zeros outside of the map.
template <int SIDE, class Source>
static inline Tile copyTile(const Source& source, int n, int cb, int top, int left, float* to) {
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
  return {to, SIDE * LANES};
}

// A tile to read from, in place where that is possible, else copied to `room`.
template <int SIDE, class Source>
static inline Tile tileAt(const Source& source, int n, int cb, int top, int left, float* room) {
  if constexpr (std::is_same_v<Source, FloatMap>)
    if (top >= 0 && left >= 0 && top + SIDE <= source.height && left + SIDE <= source.width)
      return {source.image(n) + ((size_t(cb) * source.height + top) * source.width + left) * LANES,
              size_t(source.width) * LANES};
  return copyTile<SIDE>(source, n, cb, top, left, room);
}

}  // namespace soma::SOMA_ISA
