// The register tiles behind convolvePanel: one instance for each number of rows, columns and registers.
#include "conv_tile.h"

#include <utility>

namespace soma::SOMA_ISA {
namespace {

using TileFn = void (*)(const TileGeometry&, const Taps&, const float*, const float*, const float*,
                        float* const*);

template <int LANES_IN, int R, int P, int VO>
void tile(const TileGeometry& geometry, const Taps& taps, const float* input, const float* weights,
          const float* bias, float* const* output) {
  Vec sum[R][P][VO];
#pragma GCC unroll 32
  for (int r = 0; r < R; r++)
#pragma GCC unroll 32
    for (int p = 0; p < P; p++)
#pragma GCC unroll 32
      for (int v = 0; v < VO; v++) sum[r][p][v] = load(bias + v * VL);

  for (int c0 = 0; c0 < geometry.channels; c0 += LANES, input += geometry.inputBlock) {
    const int channels = smaller(LANES, geometry.channels - c0);
    for (int t = 0; t < taps.count; t++) {
      const float* x = input + taps.offsets[t];
      const float* end = x + channels;
      for (; x < end; x++, weights += VO * VL) {
        Vec w[VO];
#pragma GCC unroll 32
        for (int v = 0; v < VO; v++) w[v] = load(weights + v * VL);
#pragma GCC unroll 32
        for (int r = 0; r < R; r++)
#pragma GCC unroll 32
          for (int p = 0; p < P; p++) {
            const Vec value = broadcast(x[r * geometry.inputRow + p * LANES_IN]);
#pragma GCC unroll 32
            for (int v = 0; v < VO; v++) sum[r][p][v] = fma(value, w[v], sum[r][p][v]);
          }
      }
    }
  }

  const auto finish = [&](const auto& total) {
#pragma GCC unroll 32
    for (int r = 0; r < R; r++)
#pragma GCC unroll 32
      for (int p = 0; p < P; p++)
#pragma GCC unroll 32
        for (int v = 0; v < VO; v++) {
          float* to = output[v] + r * geometry.outputRow + p * geometry.outputPixel;
          store(to, total(to, sum[r][p][v]));
        }
  };
  if (!geometry.add && !geometry.relu) return finish([](const float*, Vec v) { return v; });
  const Vec zero{};
  finish([&](const float* to, Vec v) {
    const Vec total = geometry.add ? load(to) + v : v;
    return geometry.relu ? max(zero, total) : total;  // keeps a NaN
  });
}

// Tables over the number of columns, 1 … TILE_PIXELS; two rows only where both fit.
template <int LANES_IN, int R, int VO, int P>
constexpr TileFn entry() {
  if constexpr (R * P <= TILE_PIXELS) return &tile<LANES_IN, R, P, VO>;
  return nullptr;
}

struct TileTable {
  TileFn columns[TILE_PIXELS];
};

template <int LANES_IN, int R, int VO, size_t... P>
constexpr TileTable tableOf(std::index_sequence<P...>) {
  return {{entry<LANES_IN, R, VO, int(P) + 1>()...}};
}

template <int LANES_IN, int R, int VO>
constexpr TileTable TABLE = tableOf<LANES_IN, R, VO>(std::make_index_sequence<TILE_PIXELS>());

const TileTable& tiles(int lanes, int rows, int registers) {
  if (lanes == 4) {
    if (registers == 1) return rows == 1 ? TABLE<4, 1, 1> : TABLE<4, 2, 1>;
    return rows == 1 ? TABLE<4, 1, 2> : TABLE<4, 2, 2>;
  }
  if (registers == 1) return rows == 1 ? TABLE<16, 1, 1> : TABLE<16, 2, 1>;
  return rows == 1 ? TABLE<16, 1, 2> : TABLE<16, 2, 2>;
}

}  // namespace

void convolvePanel(const TileGeometry& geometry, const Taps& taps, const float* input, const float* weights,
                   const float* bias, int panel, int outputChannels, int rows, int columns, float* output) {
  if (rows <= 0 || columns <= 0) return;
  const int registers = panelRegisters(outputChannels, panel);
  size_t registerOffset[TILE_REGISTERS];
  for (int v = 0; v < registers; v++) {
    const int channel = panel * PANEL + v * VL;
    registerOffset[v] = channel / LANES * geometry.outputBlock + channel % LANES;
  }
  // Columns are split evenly: 16 are 8 + 8, not 14 + 2.
  const int columnTiles = divideUp(columns, TILE_PIXELS);
  const int narrow = columns / columnTiles, wide = columns % columnTiles;
  const int tallest = 2 * divideUp(columns, columnTiles) <= TILE_PIXELS ? 2 : 1;
  for (int row = 0; row < rows;) {
    const int tall = smaller(tallest, rows - row);
    const TileTable& table = tiles(geometry.lanes, tall, registers);
    for (int i = 0, column = 0; i < columnTiles; i++) {
      const int width = narrow + (i < wide);
      float* outputs[TILE_REGISTERS];
      for (int v = 0; v < registers; v++)
        outputs[v] = output + registerOffset[v] + row * geometry.outputRow + column * geometry.outputPixel;
      table.columns[width - 1](geometry, taps, input + row * geometry.inputRow + size_t(column) * geometry.lanes,
                               weights, bias, outputs);
      column += width;
    }
    row += tall;
  }
}

}  // namespace soma::SOMA_ISA
