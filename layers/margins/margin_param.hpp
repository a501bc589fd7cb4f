// installed by amcaffe
#ifndef CAFFE_MARGIN_PARAM_HPP_
#define CAFFE_MARGIN_PARAM_HPP_

#include <cmath>

#include "caffe/common.hpp"
#include "caffe/layers/layer_prefix.hpp"
#include "caffe/layers/margin_math.hpp"
#include "caffe/proto/caffe.pb.h"

namespace caffe {

/// The bound that a layer's own parameter asks for; each such message has an
/// enum of its own, with the same names.
template <typename Param>
margin::Bound BoundOf(const Param& own) {
  return own.bound() == Param::CLAMP ? margin::CLAMP : margin::MONOTONE;
}

/// The margin that a layer's own parameter asks for by m1, m2, m3 and bound.
/// Stops where these are none.
template <typename Dtype, typename Param>
margin::CombinedMargin<Dtype> MarginOf(const LayerParameter& param,
    const Param& own) {
  CHECK(own.m1() > 0 && std::isfinite(own.m1()) && std::isfinite(own.m2()) &&
        std::isfinite(own.m3())) << LayerPrefix(param) << "m1 must be above 0 "
      << "and all three finite, but (m1, m2, m3) is (" << own.m1() << ", "
      << own.m2() << ", " << own.m3() << "). AM-Softmax is (1, 0, m), and "
      << "(1, 0, 0) is no margin.";
  const margin::CombinedMargin<Dtype> margin = {
    own.m1(), own.m2(), own.m3(), BoundOf(own) };
  return margin;
}

}  // namespace caffe

#endif  // CAFFE_MARGIN_PARAM_HPP_
