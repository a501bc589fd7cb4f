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

/// A margin of these numbers. Stops where they are none.
/// @param names of the three fields, for the error
template <typename Dtype>
margin::CombinedMargin<Dtype> CheckedMargin(const LayerParameter& param,
    const char* const (&names)[3], const float m1, const float m2,
    const float m3, const margin::Bound bound) {
  CHECK(m1 > 0 && std::isfinite(m1) && std::isfinite(m2) && std::isfinite(m3))
      << LayerPrefix(param) << names[0] << " must be above 0 "
      << "and all three finite, but (" << names[0] << ", " << names[1] << ", "
      << names[2] << ") is (" << m1 << ", " << m2 << ", " << m3
      << "). AM-Softmax is (1, 0, m), and (1, 0, 0) is no margin.";
  const margin::CombinedMargin<Dtype> margin = {m1, m2, m3, bound};
  return margin;
}

/// The margin that a layer's own parameter asks for by m1, m2, m3 and bound.
/// Stops where these are none.
template <typename Dtype, typename Param>
margin::CombinedMargin<Dtype> MarginOf(const LayerParameter& param,
    const Param& own) {
  static const char* const kNames[] = {"m1", "m2", "m3"};
  return CheckedMargin<Dtype>(param, kNames, own.m1(), own.m2(), own.m3(),
      BoundOf(own));
}

/// A-Softmax's lambda as a layer's own parameter sets it; here its fields are
/// checked, and those of its count.
template <typename Param>
void CheckLambda(const LayerParameter& param, const Param& own) {
  CHECK(own.base() >= 0 && std::isfinite(own.base()) && own.gamma() >= 0 &&
      std::isfinite(own.gamma()) && own.lambda_min() >= 0 &&
      std::isfinite(own.lambda_min()) && std::isfinite(own.power()) &&
      static_cast<int>(own.iteration()) >= 0)
      << LayerPrefix(param) << "base, gamma, power, lambda_min "
      << "and iteration must be finite, and none but power negative, but they "
      << "are " << own.base() << ", " << own.gamma() << ", " << own.power()
      << ", " << own.lambda_min() << " and "
      << static_cast<int>(own.iteration()) << ". SphereFace has base: 1000 "
      << "gamma: 0.12 lambda_min: 5.";
}

}  // namespace caffe

#endif  // CAFFE_MARGIN_PARAM_HPP_
