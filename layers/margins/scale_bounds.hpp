// installed by amcaffe
#ifndef CAFFE_SCALE_BOUNDS_HPP_
#define CAFFE_SCALE_BOUNDS_HPP_

#include "caffe/blob.hpp"
#include "caffe/proto/caffe.pb.h"

namespace caffe {

/**
 * Limits a ScaleLayer's scale to [min_value, max_value], in place; a bound
 * that is not set does not limit. Stops if min_value is above max_value.
 */
template <typename Dtype>
void caffe_cpu_bound_scale(const ScaleParameter& param, Blob<Dtype>* scale);

#ifndef CPU_ONLY

/// As caffe_cpu_bound_scale, on device memory.
template <typename Dtype>
void caffe_gpu_bound_scale(const ScaleParameter& param, Blob<Dtype>* scale);

#endif  // !CPU_ONLY

/// [lower, upper] of a ScaleParameter, infinite where a bound is not set.
struct ScaleBounds {
  explicit ScaleBounds(const ScaleParameter& param);
  bool any() const;
  float lower, upper;
};

}  // namespace caffe

#endif  // CAFFE_SCALE_BOUNDS_HPP_
