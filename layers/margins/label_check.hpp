// installed by amcaffe
#ifndef CAFFE_LABEL_CHECK_HPP_
#define CAFFE_LABEL_CHECK_HPP_

#include <sstream>
#include <string>

#include "caffe/blob.hpp"
#include "caffe/common.hpp"
#include "caffe/layers/margin_math.hpp"
#include "caffe/layers/layer_prefix.hpp"
#include "caffe/proto/caffe.pb.h"

namespace caffe {

/// Stops unless input has rows, N of them, and label holds N numbers.
/// @param shape what the input must be, for the error
template <typename Dtype>
void CheckLabelShape(const LayerParameter& param, const Blob<Dtype>& input,
    const Blob<Dtype>& label,
    const char* shape = "(N x C), one row of C logits per label") {
  CHECK(input.num_axes() >= 2 && input.count() > 0) << LayerPrefix(param)
      << "bottom[0] must be " << shape << ", and not empty, but its shape is "
      << input.shape_string() << ". Give it the output of an inner product.";
  CHECK_EQ(label.count(), input.shape(0)) << LayerPrefix(param)
      << "bottom[1] must hold one label for each row of bottom[0], but the "
      << "shapes are " << label.shape_string() << " and "
      << input.shape_string() << ". Were the two bottoms swapped?";
}

/// Stops a layer that is asked for a gradient by its labels, bottom[1].
inline void CheckNoLabelGradient(const LayerParameter& param,
    const bool propagate_down) {
  CHECK(!propagate_down) << LayerPrefix(param) << "bottom[1] holds labels, "
      << "which have no gradient, but propagate_down asks for one. Set "
      << "propagate_down: true propagate_down: false, or leave it out.";
}

/// What a layer with this prefix says of a label that is no class.
inline std::string BadLabelMessage(const std::string& prefix, const int row,
    const double label, const int classes) {
  std::ostringstream message;
  message << prefix << "row " << row << " of the batch has label " << label
      << ", but with C = " << classes << " classes a label is an integer from "
      << "0 to " << classes - 1 << ", or negative for a row to ignore. Correct "
      << "the list, or num_output of the layer with the classes' weights.";
  return message.str();
}

/// Stops at the first label that is not an integer below `classes`; a negative
/// one and `ignored` are those of rows to ignore. Reads the labels on the host,
/// before anything is written.
template <typename Dtype>
void CheckLabels(const LayerParameter& param, const int classes,
    const Blob<Dtype>& label, const Dtype ignored = -1) {
  const Dtype* label_data = label.cpu_data();
  const int rows = label.count();
  const int bad = margin::FirstBadLabel(rows, classes, label_data, ignored);
  CHECK_EQ(bad, rows) << BadLabelMessage(LayerPrefix(param), bad,
      label_data[bad], classes);
}

/// The same for logits, (N x C).
template <typename Dtype>
void CheckLabels(const LayerParameter& param, const Blob<Dtype>& logits,
    const Blob<Dtype>& label) {
  CheckLabels(param, logits.count(1), label);
}

/**
 * @brief CheckLabels for the GPU passes of one layer, without waiting for the
 *        GPU.
 *
 * Labels whose copy on the host is current are checked there, at once. Others
 * are checked on the device, which leaves the first bad one where the host can
 * see it, and the run stops at the layer's next Report after the device got so
 * far; until then a bad row is one to ignore (margin::TargetClass). In training
 * that is at the latest the Backward of the same pass, as Caffe waits for the
 * loss before it, and no weight has moved. Where nothing waits, as in a forward
 * pass without a loss, it is one or more passes later.
 */
class LabelCheck {
 public:
  LabelCheck() {}

#ifdef CPU_ONLY
  void Report() {}
#else
  /// Waits for the device, and logs a bad label that was not reported yet.
  ~LabelCheck();

  /// Stops if the device has found a bad label by now. For Reshape, which
  /// begins each Forward, and for Backward_gpu.
  void Report();

  /// For Forward_gpu, before the kernels that read the labels. The arguments
  /// are CheckLabels'.
  template <typename Dtype>
  void Check(const LayerParameter& param, int classes,
      const Blob<Dtype>& label, Dtype ignored = -1);

  /// The first bad label, in host memory that the device writes to.
  struct Found {
    double label;
    int classes;
    int rows;  ///< up to it, and 0 while there is none
  };

 private:
  std::string prefix_;  ///< of the layer's messages
  Found* found_ = NULL;
#endif

  DISABLE_COPY_AND_ASSIGN(LabelCheck);
};

}  // namespace caffe

#endif  // CAFFE_LABEL_CHECK_HPP_
