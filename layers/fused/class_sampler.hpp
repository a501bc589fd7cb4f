// installed by amcaffe
#ifndef CAFFE_CLASS_SAMPLER_HPP_
#define CAFFE_CLASS_SAMPLER_HPP_

#include <vector>

namespace caffe {

/// Draws the classes that a batch's softmax runs over: those of its labels, and
/// others at random with Caffe's generator of this thread, so that a run with
/// the same random_seed draws the same. Every set of others is as likely.
class ClassSampler {
 public:
  /// @param rate share of the classes to draw, above 0 and below 1
  ClassSampler(int classes, double rate);

  /// Puts the drawn classes, ascending, into *chosen: `rate` of all of them, or
  /// the targets alone where these are more. A negative target is none.
  void Sample(const std::vector<int>& target, std::vector<int>* chosen);

  /// The position of a class in `chosen`; it must be there.
  static int PositionOf(int class_index, const std::vector<int>& chosen);

 private:
  int classes_, size_;
  std::vector<bool> marked_;  ///< by class; all false between two calls
};

}  // namespace caffe

#endif  // CAFFE_CLASS_SAMPLER_HPP_
