// installed by amcaffe
#ifndef CAFFE_KEPT_NUMBER_HPP_
#define CAFFE_KEPT_NUMBER_HPP_

#include <vector>

#include "caffe/blob.hpp"
#include "caffe/layers/layer_prefix.hpp"
#include "caffe/proto/caffe.pb.h"

namespace caffe {

/**
 * Makes a layer's blob `index` a number of its own, for LayerSetUp: a blob, so
 * that a snapshot holds it, with a learning rate of zero, so that a solver
 * leaves it alone. It starts at `initial`, unless the layer was given blobs.
 *
 * @param what the number is, for the error where param asks to learn it
 */
template <typename Dtype>
void KeepNumber(const int index, const Dtype initial, const char* what,
    LayerParameter* param, vector<shared_ptr<Blob<Dtype> > >* blobs) {
  const int given = blobs->size();
  if (index < given) {
    CHECK_EQ((*blobs)[index]->count(), 1) << LayerPrefix(*param) << "blob "
        << index << " is " << what << ", one number, but the one given has "
        << "shape " << (*blobs)[index]->shape_string() << ". Was it trained "
        << "elsewhere?";
  }
  CHECK_LE(index, given) << LayerPrefix(*param) << "blob " << index << " is "
      << what << ", but there are only " << given << " blobs before it. Was it "
      << "trained elsewhere?";
  while (param->param_size() <= index) {
    param->add_param();
  }
  ParamSpec* spec = param->mutable_param(index);
  CHECK(!spec->has_lr_mult() || spec->lr_mult() == 0) << LayerPrefix(*param)
      << "lr_mult is " << spec->lr_mult() << ", but blob " << index << " is "
      << what << " and is not learned. Set it to 0, or remove that param.";
  spec->set_lr_mult(0);
  spec->set_decay_mult(0);
  if (index == given) {
    blobs->push_back(shared_ptr<Blob<Dtype> >(
        new Blob<Dtype>(vector<int>(1, 1))));
    (*blobs)[index]->mutable_cpu_data()[0] = initial;
  }
}

}  // namespace caffe

#endif  // CAFFE_KEPT_NUMBER_HPP_
