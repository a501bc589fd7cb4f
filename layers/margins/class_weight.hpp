// installed by amcaffe
#ifndef CAFFE_CLASS_WEIGHT_HPP_
#define CAFFE_CLASS_WEIGHT_HPP_

#include <limits>
#include <vector>

#include "caffe/blob.hpp"
#include "caffe/filler.hpp"
#include "caffe/layers/kernel_limit.hpp"
#include "caffe/layers/layer_prefix.hpp"
#include "caffe/proto/caffe.pb.h"

namespace caffe {

/// Makes a layer's first blob the weights of its classes, (classes x length),
/// for LayerSetUp: shaped as InnerProduct's, so that weights move between the
/// two. They are filled, unless the layer was given blobs.
///
/// @param own the layer's own parameter, with num_output and weight_filler
/// @param length of a vector
/// @return the number of classes
template <typename Dtype, typename Param>
int SetUpClassWeight(const LayerParameter& param, const Param& own,
    const int length, vector<shared_ptr<Blob<Dtype> > >* blobs) {
  const int64_t classes = own.num_output();
  CHECK(0 < classes && classes <= std::numeric_limits<int>::max())
      << LayerPrefix(param) << "num_output is the number of classes and must "
      << "be above 0 and an int, but is " << classes << ".";
  CheckKernelLimit(param, "the weight (num_output x the length of a vector)",
      classes, length, "Take fewer classes or shorter vectors.");
  vector<int> shape(2);
  shape[0] = classes;
  shape[1] = length;
  if (blobs->size() > 0) {
    LOG(INFO) << "Skipping parameter initialization";
    CHECK((*blobs)[0]->shape() == shape) << LayerPrefix(param) << "the weight "
        << "must be (num_output x the length of a vector) = (" << classes
        << " x " << length << "), but the one given has shape "
        << (*blobs)[0]->shape_string() << ".";
  } else {
    shared_ptr<Blob<Dtype> > weight(new Blob<Dtype>(shape));
    shared_ptr<Filler<Dtype> > filler(GetFiller<Dtype>(own.weight_filler()));
    filler->Fill(weight.get());
    blobs->push_back(weight);
  }
  return classes;
}

/// For Reshape: stops unless the axes of `bottom` from `axis` on are vectors of
/// the length that the weight is for.
template <typename Dtype>
void CheckVectors(const LayerParameter& param, const Blob<Dtype>& bottom,
    const int axis, const int length) {
  CHECK_EQ(bottom.count(axis), length) << LayerPrefix(param) << "the weight is "
      << "for vectors of length " << length << ", but the bottom's shape is "
      << bottom.shape_string() << " from axis " << axis << " on.";
}

/// The shape of a top with a number for each vector and class.
template <typename Dtype>
vector<int> ScoresShape(const LayerParameter& param, const Blob<Dtype>& bottom,
    const int axis, const int classes) {
  CheckKernelLimit(param, "top[0] (vectors x classes)", bottom.count(0, axis),
      classes, "Take a smaller batch, or MarginSoftmaxLoss, which stores no "
      "such matrix.");
  vector<int> shape = bottom.shape();
  shape.resize(axis + 1);
  shape[axis] = classes;
  return shape;
}

}  // namespace caffe

#endif  // CAFFE_CLASS_WEIGHT_HPP_
