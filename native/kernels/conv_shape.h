// The shape of a convolution, as it stands in a call:
//   [TN, C, H, W, O, OH, OW, kh, kw, sh, sw, padTop, padLeft, dilH, dilW, groups, relu, pool2]
// OH x OW is the size before the fused pooling. Weights are O x (C / groups) x kh x kw, contiguous.
#pragma once
#include "../kernel.h"

namespace soma::SOMA_ISA {

struct ConvShape {
  static constexpr int INTS = 18;

  int images, C, H, W, O, OH, OW, kh, kw, sh, sw, padTop, padLeft, dilH, dilW, groups;
  bool relu, pool2;

  explicit ConvShape(const int32_t* i)
      : images(i[0]), C(i[1]), H(i[2]), W(i[3]), O(i[4]), OH(i[5]), OW(i[6]), kh(i[7]), kw(i[8]),
        sh(i[9]), sw(i[10]), padTop(i[11]), padLeft(i[12]), dilH(i[13]), dilW(i[14]), groups(i[15]),
        relu(i[16] != 0), pool2(i[17] != 0) {}

  int taps() const { return kh * kw; }
  bool strided() const { return sh > 1 || sw > 1; }
  int groupC() const { return C / groups; }
  int groupO() const { return O / groups; }
  // Size of what the forward call writes, and of the gradient that the backward calls receive.
  int yH() const { return pool2 ? OH / 2 : OH; }
  int yW() const { return pool2 ? OW / 2 : OW; }

  // The input as if it were an output: how the gradient of the input is written.
  ConvShape transposed() const {
    ConvShape t = *this;
    t.C = O, t.H = OH, t.W = OW, t.O = C, t.OH = H, t.OW = W;
    t.relu = t.pool2 = false;
    return t;
  }

  // One filter a channel: no sum over channels, so channels stay in their lanes.
  bool depthwise() const { return groups > 1 && groups == C && O == C && isBlocked(C); }

  // 3x3, stride 1, and padding small enough that all outputs lie in the map that is one pixel larger on
  // each side, where the event-driven kernels work (conv_scatter.h).
  bool eventDriven() const {
    return kh == 3 && kw == 3 && sh == 1 && sw == 1 && dilH == 1 && dilW == 1 && groups == 1 &&
           isBlocked(C) && isBlocked(O) && padTop <= 2 && padLeft <= 2 && OH <= H + padTop && OW <= W + padLeft &&
           H + padTop <= OH + 2 && W + padLeft <= OW + 2;
  }
};

}  // namespace soma::SOMA_ISA
