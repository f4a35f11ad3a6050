// The gradient of maps that a channel attention has scaled, and whose means and maxima it has read:
//
//   g·scale + factor·offset, and at the first place that has the map's maximum its gradient besides
//
// Four buffers of a call ([scale | null, offset | null, maximum | null, its gradient | null]) with four strides
// (per_map.h) and the factor of the offset.
#pragma once
#include "per_map.h"

namespace soma::SOMA_ISA {

enum Attention { NO_ATTENTION, SCALED, SCALED_AND_LARGEST };

struct ChannelGradient {
  static constexpr int BUFFERS = 4, INTS = 4;
  PerMap scale, offset, largest, ofLargest;
  float factor;

  ChannelGradient(const Call& call, int buffer, const int32_t* strides, float factor)
      : scale{call.f32(buffer), strides[0]}, offset{call.f32(buffer + 1), strides[1]},
        largest{call.f32(buffer + 2), strides[2]}, ofLargest{call.f32(buffer + 3), strides[3]}, factor(factor) {}

  Attention kind() const { return largest.data ? SCALED_AND_LARGEST : scale.data || offset.data ? SCALED : NO_ATTENTION; }
};

// For one map of 16 channels, whose pixels must come in their order.
template <int ATTENTION>
class UndoAttention {
 public:
  UndoAttention(const ChannelGradient& in, int image, int group) {
    if (ATTENTION == NO_ATTENTION) return;
    for (Vec& v : scale_.part) v = broadcast(1);
    if (in.scale.data) scale_ = in.scale.read(image, group);
    if (in.offset.data) offset_ = in.offset.read(image, group);
    for (Vec& v : offset_.part) v *= in.factor;
    if (ATTENTION != SCALED_AND_LARGEST) return;
    largest_ = in.largest.read(image, group);
    ofLargest_ = in.ofLargest.read(image, group);
  }

  const Block& scale() const { return scale_; }
  const Block& offset() const { return offset_; }

  // `x` is the value that was scaled.
  Vec operator()(Vec g, Vec x, int part) {
    if (ATTENTION == NO_ATTENTION) return g;
    g = fma(g, scale_.part[part], offset_.part[part]);
    if (ATTENTION != SCALED_AND_LARGEST) return g;
    const VecI equal = x == largest_.part[part];
    g = g + select(equal & ~found_[part], ofLargest_.part[part], Vec{});
    found_[part] |= equal;
    return g;
  }

 private:
  Block scale_{}, offset_{}, largest_{}, ofLargest_{};
  VecI found_[PARTS] = {};
};

// Calls fn.operator()<ATTENTION>().
template <class Fn>
static inline void withAttention(const ChannelGradient& in, const Fn& fn) {
  switch (in.kind()) {
    case NO_ATTENTION: return fn.template operator()<NO_ATTENTION>();
    case SCALED: return fn.template operator()<SCALED>();
    case SCALED_AND_LARGEST: return fn.template operator()<SCALED_AND_LARGEST>();
  }
}

}  // namespace soma::SOMA_ISA
