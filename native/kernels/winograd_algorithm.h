// The convolutions that Winograd's algorithm computes, each as the one-dimensional transforms that it is made of.
//
// An algorithm has tiles of OUTPUT outputs, which read INPUT inputs, and SLOTS values of a tile at the 6 points of
// the weights. At the first five points there is one; the last may hold PLAIN values that its weight multiplies
// each by itself. In two dimensions there are 36 points, and a tile has 1, PLAIN or PLAIN x PLAIN slots at each.
//
// Stride 1: F(4, 3), six points for four outputs (winograd_transform.h).
//
// Stride 2: of three taps the outer two meet every second input only, a convolution with two taps and stride 1.
// F(4, 2) takes five products for its four outputs, instead of eight; the tap in the middle meets the inputs
// between, and takes four. In two dimensions 81 products instead of 144:
//
//   forward       y[j] = (w0 x[2j] + w2 x[2j + 2]) + w1 x[2j + 1]
//   transposed    dx[2j] = w1 g[j],  dx[2j + 1] = w2 g[j] + w0 g[j + 1]
//
// The points are ±1/2, ±5/4 and infinity; the largest error is 9e-7 of the largest output over 512 channels.
#pragma once
#include "winograd_transform.h"

namespace soma::SOMA_ISA {

namespace winograd {

constexpr float c = 0.5f, c2 = c * c, c3 = c2 * c;
constexpr float d = 1.25f, d2 = d * d, d3 = d2 * d;
constexpr float atC = float(1.0 / (2.0 * c * (double(c2) - d2)));
constexpr float atD = float(1.0 / (2.0 * d * (double(d2) - c2)));

// F(4, 2): y[j] = w[0] x[j] + w[1] x[j + 1], from x[stride * i].
template <int STRIDE, size_t N, size_t M>
static inline void inputOfTwo(const Vec (&x)[N], Vec (&to)[M]) {
  const Vec &x0 = x[0], &x1 = x[STRIDE], &x2 = x[2 * STRIDE], &x3 = x[3 * STRIDE], &x4 = x[4 * STRIDE];
  pairOfPoints(fma(broadcast(-d2), x1, x3), fma(broadcast(-d2), x0, x2), c, to, 0);
  pairOfPoints(fma(broadcast(-c2), x1, x3), fma(broadcast(-c2), x0, x2), d, to, 2);
  to[4] = fma(broadcast(c2 * d2), x0, fma(broadcast(-(c2 + d2)), x2, x4));
}
static inline void outputOfTwo(const Vec (&m)[9], Vec (&to)[4]) {
  const Vec evenC = m[0] + m[1], oddC = m[0] - m[1], evenD = m[2] + m[3], oddD = m[2] - m[3];
  to[0] = evenC + evenD;
  to[1] = fma(broadcast(c), oddC, broadcast(d) * oddD);
  to[2] = fma(broadcast(c2), evenC, broadcast(d2) * evenD);
  to[3] = fma(broadcast(c3), oddC, fma(broadcast(d3), oddD, m[4]));
}

}  // namespace winograd

struct UnitStride {
  static constexpr int INPUT = 6, OUTPUT = 4, SLOTS = 6, PLAIN = 1;
  static constexpr auto& input = winograd::input;
  static constexpr auto& output = winograd::output;
  static constexpr auto& weight = winograd::weight;

  // Where a tile begins, in its output and in its input.
  static int outputOrigin(int tile, int) { return tile * OUTPUT; }
  static int inputOrigin(int tile, int pad) { return tile * OUTPUT - pad; }
  static int tiles(int outputs, int) { return divideUp(outputs, OUTPUT); }
};

// Both convolutions with stride 2 share their weights.
struct StrideTwo {
  static constexpr int INPUT = 9, OUTPUT = 4, SLOTS = 9, PLAIN = 4;

  static void input(const Vec (&x)[9], Vec (&to)[9]) {
    winograd::inputOfTwo<2>(x, to);
#pragma GCC unroll 4
    for (int i = 0; i < PLAIN; i++) to[5 + i] = x[2 * i + 1];
  }
  static void output(const Vec (&m)[9], Vec (&to)[4]) {
    winograd::outputOfTwo(m, to);
#pragma GCC unroll 4
    for (int i = 0; i < PLAIN; i++) to[i] = to[i] + m[5 + i];
  }
  static void weight(const Vec (&w)[3], Vec (&to)[6]) {
    using namespace winograd;
    const Vec highC = broadcast(c) * w[2], highD = broadcast(d) * w[2];
    to[0] = (highC + w[0]) * broadcast(atC), to[1] = (highC - w[0]) * broadcast(atC);
    to[2] = (highD + w[0]) * broadcast(atD), to[3] = (highD - w[0]) * broadcast(atD);
    to[4] = w[2];
    to[5] = w[1];
  }

  static int outputOrigin(int tile, int) { return tile * OUTPUT; }
  static int inputOrigin(int tile, int pad) { return tile * 2 * OUTPUT - pad; }
  static int tiles(int outputs, int) { return divideUp(outputs, OUTPUT); }
};

// Its gradient of the input; `pad` is that of the convolution. Tiles begin where the tap in the middle lands: one
// pixel ahead of the map where the padding is even.
struct StrideTwoTransposed {
  static constexpr int INPUT = 5, OUTPUT = 8, SLOTS = 9, PLAIN = 4;

  static void input(const Vec (&x)[5], Vec (&to)[9]) {
    winograd::inputOfTwo<1>(x, to);
#pragma GCC unroll 4
    for (int i = 0; i < PLAIN; i++) to[5 + i] = x[i];
  }
  static void output(const Vec (&m)[9], Vec (&to)[8]) {
    Vec ofTwo[4];
    winograd::outputOfTwo(m, ofTwo);
#pragma GCC unroll 4
    for (int i = 0; i < PLAIN; i++) to[2 * i] = m[5 + i], to[2 * i + 1] = ofTwo[i];
  }
  static constexpr auto& weight = StrideTwo::weight;  // of weights that are turned round

  static int ahead(int pad) { return pad % 2 == 0 ? 1 : 0; }
  static int outputOrigin(int tile, int pad) { return tile * OUTPUT - ahead(pad); }
  static int inputOrigin(int tile, int pad) { return tile * OUTPUT / 2 + (pad + 1) / 2 - 1; }
  static int tiles(int outputs, int pad) { return divideUp(outputs + ahead(pad), OUTPUT); }
};

// Slots of a tile at a point.
template <class Algorithm>
constexpr int slotsAt(int row, int column) {
  constexpr int last = 5;
  return (row >= last ? Algorithm::PLAIN : 1) * (column >= last ? Algorithm::PLAIN : 1);
}

// Where the slots of a block of tiles lie: [point][channel block][tile][its slots][16]. The row of a point is one
// cache line longer than it needs to be, because 36 rows a power of two apart would fall into the same few sets of a
// cache.
template <class Algorithm>
struct SlotLayout {
  int tiles;                       // of the block
  size_t start[WINOGRAD_POINTS];   // of each point
  size_t size = 0;

  SlotLayout(int channelBlocks, int tiles) : tiles(tiles) {
    for (int p = 0; p < WINOGRAD_POINTS; p++) {
      start[p] = size;
      size += channelBlocks * blockSize(p) + LANES;
    }
  }
  static int slotsOf(int point) { return slotsAt<Algorithm>(point / 6, point % 6); }
  size_t blockSize(int point) const { return size_t(tiles) * slotsOf(point) * LANES; }

  // Where the slots of one tile of a channel block lie. A value, not a look into the layout: a store of floats
  // might change that for all that the compiler knows.
  class TileSlots {
   public:
    TileSlots(const SlotLayout& layout, int block, int tile)
        : start_(layout.start), pointSize_(layout.start[1]), tile_((size_t(block) * layout.tiles + tile) * LANES) {}

    size_t operator()(int row, int column) const {
      constexpr int last = 5;
      const int point = smaller(row, last) * 6 + smaller(column, last);
      if constexpr (Algorithm::PLAIN == 1) return point * pointSize_ + tile_;
      const int perRow = column >= last ? Algorithm::PLAIN : 1;
      const int index = larger(row - last, 0) * perRow + larger(column - last, 0);
      return start_[point] + tile_ * slotsAt<Algorithm>(row, column) + size_t(index) * LANES;
    }

   private:
    const size_t* start_;
    size_t pointSize_, tile_;
  };
  TileSlots slots(int block, int tile) const { return TileSlots(*this, block, tile); }
};

}  // namespace soma::SOMA_ISA
