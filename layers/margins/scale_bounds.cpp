// installed by amcaffe
#include <algorithm>
#include <limits>

#include "caffe/common.hpp"
#include "caffe/layers/scale_bounds.hpp"

namespace caffe {

ScaleBounds::ScaleBounds(const ScaleParameter& param)
    : lower(-std::numeric_limits<float>::infinity()),
      upper(std::numeric_limits<float>::infinity()) {
  if (param.has_min_value()) { lower = param.min_value(); }
  if (param.has_max_value()) { upper = param.max_value(); }
  CHECK_LE(lower, upper) << "scale_param: min_value must not be above "
                         << "max_value; the scale is limited to that range.";
}

bool ScaleBounds::any() const {
  return lower > -std::numeric_limits<float>::infinity() ||
      upper < std::numeric_limits<float>::infinity();
}

template <typename Dtype>
void caffe_cpu_bound_scale(const ScaleParameter& param, Blob<Dtype>* scale) {
  const ScaleBounds bounds(param);
  if (!bounds.any()) { return; }
  Dtype* data = scale->mutable_cpu_data();
  for (int i = 0; i < scale->count(); ++i) {
    data[i] =
        std::min<Dtype>(std::max<Dtype>(data[i], bounds.lower), bounds.upper);
  }
}

template void caffe_cpu_bound_scale<float>(const ScaleParameter&, Blob<float>*);
template void caffe_cpu_bound_scale<double>(const ScaleParameter&,
    Blob<double>*);

}  // namespace caffe
