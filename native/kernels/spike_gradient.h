// The gradient that reaches the spikes of neurons over blocked maps, undone while it is read: a 2×2 maximum of the spikes,
// and a channel attention that read their means and scaled what came behind.
//
//   g·scale + factor·offset, g nonzero only where the window had its maximum
//
// g lies as the spikes do, or as their pooled maps.
#pragma once
#include "channel_gradient.h"
#include "lif_neuron.h"

namespace soma::SOMA_ISA {

struct SpikeGradient {
  static constexpr int INTS = 1 + ChannelGradient::INTS;
  const float* g;         // null: no gradient
  const uint8_t* argmax;  // null: not pooled
  ChannelGradient attention;
  int W, OH, OW;          // width of the maps, and the size of the pooled ones, where they were pooled
  size_t row;             // floats of one image at one time in g, and bytes in argmax

  SpikeGradient(const LifShape& s, const float* g, const uint8_t* argmax, const ChannelGradient& attention, int width)
      : g(g), argmax(argmax), attention(attention), W(width), OH(argmax ? s.HW / width / 2 : 0), OW(width / 2),
        row(argmax ? mapSize(s.C, OH * OW) : s.row) {}

  bool isUndone() const { return argmax || attention.kind() != NO_ATTENTION; }
};

// For the strands of one task, image by image.
class UndoSpikes {
 public:
  // Floats of a thread's own memory.
  static size_t room(const LifShape& s) { return size_t(2) * s.T * LANES; }

  UndoSpikes(const LifShape& s, const SpikeGradient& in, int block, float* room)
      : s_(s), in_(in), block_(block), scale_(room), offset_(room + size_t(s.T) * LANES), stride_(s.N * in.row) {}

  // Goes to the strands that begin at a pixel of image n.
  void seek(int n, int pixel) {
    if (n != image_) readAttention(n);
    if (!in_.argmax) {
      start_ = n * in_.row + (size_t(block_) * s_.HW + pixel) * LANES;
      return;
    }
    start_ = n * in_.row + size_t(block_) * in_.OH * in_.OW * LANES;
    int i = pixel / in_.W, j = pixel % in_.W;
    for (int k = 0; k < TOGETHER; k++) {
      const bool covered = i / 2 < in_.OH && j / 2 < in_.OW;
      window_[k] = covered ? (size_t(i / 2) * in_.OW + j / 2) * LANES : 0;
      element_[k] = covered ? i % 2 * 2 + j % 2 : -1;
      if (++j == in_.W) j = 0, i++;
    }
  }

  Vec operator()(int t, int k, int lane) const {
    const size_t first = start_ + t * stride_ + lane;
    Vec g;
    if (in_.argmax) {
      const size_t at = first + window_[k];
      g = keepBits(equalBits(in_.argmax + at, element_[k]), load(in_.g + at));
    } else {
      g = load(in_.g + first + k * LANES);
    }
    return fma(g, load(scale_ + t * LANES + lane), load(offset_ + t * LANES + lane));
  }

  // Of the strands that come next.
  void askAhead() const {
    size_t at = start_ + (in_.argmax ? window_[TOGETHER - 1] : size_t(TOGETHER - 1) * LANES) + LANES;
    for (int t = 0; t < s_.T; t++, at += stride_) {
      __builtin_prefetch(in_.g + at);
      if (in_.argmax) __builtin_prefetch(in_.argmax + at);
    }
  }

 private:
  void readAttention(int n) {
    image_ = n;
    for (int t = 0; t < s_.T; t++) {
      const UndoAttention<SCALED> undo(in_.attention, t * s_.N + n, block_);
      storeBlock(scale_ + t * LANES, undo.scale());
      storeBlock(offset_ + t * LANES, undo.offset());
    }
  }

  const LifShape& s_;
  const SpikeGradient& in_;
  const int block_;
  float *scale_, *offset_;
  const size_t stride_;
  size_t start_ = 0, window_[TOGETHER] = {};
  int element_[TOGETHER] = {}, image_ = -1;
};

}  // namespace soma::SOMA_ISA
