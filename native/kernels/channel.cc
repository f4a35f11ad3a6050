// Channel attention on blocked maps: mean and maximum of each map in one pass, scaling by a number a channel and
// image, and the gradients of both. What an attention computes between them is small and has kernels of its own.
//   ints: [TN, C, H, W, strides …] (per_map.h)
#include "channel_gradient.h"
#include "per_map.h"
#include "tables.h"

namespace soma::SOMA_ISA {
namespace {

struct ChannelShape {
  static constexpr int INTS = 4;
  int images, C, H, W, groups;

  explicit ChannelShape(const int32_t* i) : images(i[0]), C(i[1]), H(i[2]), W(i[3]), groups(blocks(C)) {}

  int pixels() const { return H * W; }
  size_t offset(int image, int group) const { return (size_t(image) * groups + group) * LANES * pixels(); }
};

template <class Body>
void forMaps(const Call& call, const ChannelShape& s, const Body& body) {
  const int perTask = larger(1, (1 << 13) / larger(1, s.pixels() * LANES)), maps = s.images * s.groups;
  call.pool->run(divideUp(maps, perTask), [&](int task, int) {
    for (int map = task * perTask; map < smaller(maps, (task + 1) * perTask); map++) body(map / s.groups, map % s.groups);
  });
}

// [x, mean | null, maximum | null]; strides of the two
void mapSummary(const Call& call) {
  const ChannelShape s(call.ints);
  const int32_t* strides = call.ints + ChannelShape::INTS;
  const MapSummary summary{{call.f32(1), strides[0]}, {call.f32(2), strides[1]}};
  forMaps(call, s, [&](int image, int group) {
    const float* x = call.f32(0) + s.offset(image, group);
    MapSums sums;
    for (int i = 0; i < s.H; i++) {
      for (int j = 0; j < s.W; j++, x += LANES)
        for (int part = 0; part < PARTS; part++) sums.add(part, load(x + part * VL));
      sums.endRow();
    }
    sums.write(summary, image, group, s.pixels());
  });
}

// y = x·scale. [x, scale, y]; the scale's stride
void channelScale(const Call& call) {
  const ChannelShape s(call.ints);
  const PerMap scale{call.f32(1), call.ints[ChannelShape::INTS]};
  forMaps(call, s, [&](int image, int group) {
    const float* x = call.f32(0) + s.offset(image, group);
    float* y = call.f32(2) + s.offset(image, group);
    const Block factor = scale.read(image, group);
    for (int i = 0; i < s.pixels() * LANES; i += LANES)
      for (int part = 0; part < PARTS; part++)
        store(y + i + part * VL, load(x + i + part * VL) * factor.part[part]);
  });
}

// The gradient of the scale: Σ a·b over each map. [a, b, sums]; the sums' stride
void channelDot(const Call& call) {
  const ChannelShape s(call.ints);
  const MapSummary sums{{call.f32(2), call.ints[ChannelShape::INTS]}, {}};
  forMaps(call, s, [&](int image, int group) {
    const float* a = call.f32(0) + s.offset(image, group);
    const float* b = call.f32(1) + s.offset(image, group);
    Block products{};
    double total[LANES] = {};
    for (int i = 0; i < s.H; i++) {
      for (int j = 0; j < s.W; j++, a += LANES, b += LANES)
        for (int part = 0; part < PARTS; part++)
          products.part[part] = fma(load(a + part * VL), load(b + part * VL), products.part[part]);
      float row[LANES];
      storeBlock(row, products);
      for (int l = 0; l < LANES; l++) total[l] += row[l];
      products = Block{};
    }
    float sum[LANES];
    for (int l = 0; l < LANES; l++) sum[l] = float(total[l]);
    sums.mean.write(image, group, sum);
  });
}

template <int ATTENTION, bool RELU>
void undoMap(const ChannelShape& s, const ChannelGradient& in, int image, int group, const float* x, const float* g,
             float* dx) {
  UndoAttention<ATTENTION> undo(in, image, group);
  for (int i = 0; i < s.pixels() * LANES; i += LANES)
    for (int part = 0; part < PARTS; part++) {
      const int at = i + part * VL;
      const Vec value = RELU || ATTENTION == SCALED_AND_LARGEST ? load(x + at) : Vec{};
      const Vec undone = undo(load(g + at), value, part);
      store(dx + at, RELU ? select(value > Vec{}, undone, Vec{}) : undone);
    }
}

// [g, x | null, four of the attention, dx]; ints: the attention's strides, relu; floats: [the attention's factor].
// x is what was scaled, the result of a ReLU where relu is set. dx may lie where g does.
void channelGrad(const Call& call) {
  const ChannelShape s(call.ints);
  const int32_t* strides = call.ints + ChannelShape::INTS;
  const ChannelGradient in(call, 2, strides, call.floats[0]);
  const bool relu = strides[ChannelGradient::INTS];
  const float* x = call.f32(1);
  withAttention(in, [&]<int ATTENTION>() {
    forMaps(call, s, [&](int image, int group) {
      const size_t at = s.offset(image, group);
      (relu ? undoMap<ATTENTION, true> : undoMap<ATTENTION, false>)(s, in, image, group, x ? x + at : nullptr,
                                                                    call.f32(0) + at, call.f32(6) + at);
    });
  });
}

const Kernel KERNELS[] = {
    {"map_summary", 3, ChannelShape::INTS + 2, 0, mapSummary, nullptr},
    {"channel_scale", 3, ChannelShape::INTS + 1, 0, channelScale, nullptr},
    {"channel_dot", 3, ChannelShape::INTS + 1, 0, channelDot, nullptr},
    {"channel_grad", 7, ChannelShape::INTS + ChannelGradient::INTS + 1, 1, channelGrad, nullptr},
};

}  // namespace

KernelTable channelKernels() { return {KERNELS, sizeof KERNELS / sizeof *KERNELS}; }

}  // namespace soma::SOMA_ISA
