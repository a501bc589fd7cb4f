// installed by amcaffe
#ifndef CAFFE_UTIL_LABEL_CHECK_HPP_
#define CAFFE_UTIL_LABEL_CHECK_HPP_

#include "caffe/blob.hpp"
#include "caffe/proto/caffe.pb.h"
#include "caffe/util/margin_math.hpp"

namespace caffe {

/// Stops unless logits is (N x C) and label holds N numbers.
template <typename Dtype>
void CheckLabelShape(const LayerParameter& param, const Blob<Dtype>& logits,
    const Blob<Dtype>& label) {
  CHECK_GE(logits.num_axes(), 2) << "Layer " << param.name() << " ("
      << param.type() << "): bottom[0] must be (N x C), one row of C logits "
      << "per label, but its shape is " << logits.shape_string()
      << ". Give it the output of an inner product.";
  CHECK_EQ(label.count(), logits.shape(0)) << "Layer " << param.name() << " ("
      << param.type() << "): bottom[1] must hold one label for each row of "
      << "bottom[0], but the shapes are " << label.shape_string() << " and "
      << logits.shape_string() << ". Were the two bottoms swapped?";
}

/// Stops at the first label that is not an integer below C; a negative one is
/// an ignored row. Reads the labels on the host, before anything is written.
template <typename Dtype>
void CheckLabels(const LayerParameter& param, const Blob<Dtype>& logits,
    const Blob<Dtype>& label) {
  const int rows = logits.shape(0);
  const int classes = logits.count(1);
  const Dtype* label_data = label.cpu_data();
  const int bad = margin::FirstBadLabel(rows, classes, label_data);
  CHECK_EQ(bad, rows) << "Layer " << param.name() << " (" << param.type()
      << "): row " << bad << " of the batch has label " << label_data[bad]
      << ", but with C = " << classes << " classes a label is an integer from "
      << "0 to " << classes - 1 << ", or negative for a row to ignore. Correct "
      << "the list, or num_output of the layer before.";
}

}  // namespace caffe

#endif  // CAFFE_UTIL_LABEL_CHECK_HPP_
