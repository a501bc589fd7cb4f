// installed by amcaffe
#include "caffe/common.hpp"
#include "caffe/layers/scale_bounds.hpp"

namespace caffe {

template <typename Dtype>
__global__ void BoundScale(const int count, const Dtype lower,
    const Dtype upper, Dtype* scale) {
  CUDA_KERNEL_LOOP(i, count) {
    // In this order a value that is not a number stays, as on the host.
    const Dtype value = scale[i] < lower ? lower : scale[i];
    scale[i] = upper < value ? upper : value;
  }
}

template <typename Dtype>
void caffe_gpu_bound_scale(const ScaleParameter& param, Blob<Dtype>* scale) {
  const ScaleBounds bounds(param);
  if (!bounds.any()) { return; }
  // NOLINT_NEXT_LINE(whitespace/operators)
  BoundScale<Dtype>
      <<<CAFFE_GET_BLOCKS(scale->count()), CAFFE_CUDA_NUM_THREADS>>>(
          scale->count(), bounds.lower, bounds.upper,
          scale->mutable_gpu_data());
  CUDA_POST_KERNEL_CHECK;
}

template void caffe_gpu_bound_scale<float>(const ScaleParameter&, Blob<float>*);
template void caffe_gpu_bound_scale<double>(const ScaleParameter&,
    Blob<double>*);

}  // namespace caffe
