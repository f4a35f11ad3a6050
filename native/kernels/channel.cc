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

// One map of 16 channels, pixel by pixel: floats as they lie, or spikes, a word a pixel.
struct FloatMaps {
  const float* at;

  FloatMaps(const Call& call, size_t offset) : at(call.f32(0) + offset) {}
  Vec operator()(size_t pixel, int part) const { return load(at + pixel * LANES + part * VL); }
};
struct SpikeMaps {
  const uint16_t* at;

  SpikeMaps(const Call& call, size_t offset) : at(call.spikes(0) + offset / LANES) {}
  Vec operator()(size_t pixel, int part) const { return spikesAsFloats(at[pixel], part); }
};

// y = x·scale. [x, scale, y]; the scale's stride
template <class Maps>
void channelScale(const Call& call) {
  const ChannelShape s(call.ints);
  const PerMap scale{call.f32(1), call.ints[ChannelShape::INTS]};
  forMaps(call, s, [&](int image, int group) {
    const size_t at = s.offset(image, group);
    const Maps x(call, at);
    float* y = call.f32(2) + at;
    const Block factor = scale.read(image, group);
    for (int pixel = 0; pixel < s.pixels(); pixel++)
      for (int part = 0; part < PARTS; part++)
        store(y + size_t(pixel) * LANES + part * VL, x(pixel, part) * factor.part[part]);
  });
}

// The gradient of the scale: Σ x·g over each map. [x, g, sums]; the sums' stride
template <class Maps>
void channelDot(const Call& call) {
  const ChannelShape s(call.ints);
  const MapSummary sums{{call.f32(2), call.ints[ChannelShape::INTS]}, {}};
  forMaps(call, s, [&](int image, int group) {
    const size_t at = s.offset(image, group);
    const Maps x(call, at);
    const float* g = call.f32(1) + at;
    size_t pixel = 0;
    double total[LANES] = {};
    for (int i = 0; i < s.H; i++) {
      Block products{};
      for (int j = 0; j < s.W; j++, pixel++)
        for (int part = 0; part < PARTS; part++)
          products.part[part] = fma(x(pixel, part), load(g + pixel * LANES + part * VL), products.part[part]);
      float row[LANES];
      storeBlock(row, products);
      for (int l = 0; l < LANES; l++) total[l] += row[l];
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
    {"channel_scale", 3, ChannelShape::INTS + 1, 0, channelScale<FloatMaps>, nullptr},
    {"channel_scale_spike", 3, ChannelShape::INTS + 1, 0, channelScale<SpikeMaps>, nullptr},
    {"channel_dot", 3, ChannelShape::INTS + 1, 0, channelDot<FloatMaps>, nullptr},
    {"channel_dot_spike", 3, ChannelShape::INTS + 1, 0, channelDot<SpikeMaps>, nullptr},
    {"channel_grad", 7, ChannelShape::INTS + ChannelGradient::INTS + 1, 1, channelGrad, nullptr},
};

}  // namespace

KernelTable channelKernels() { return {KERNELS, sizeof KERNELS / sizeof *KERNELS}; }

}  // namespace soma::SOMA_ISA
