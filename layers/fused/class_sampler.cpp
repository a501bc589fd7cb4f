// installed by amcaffe
#include <algorithm>
#include <vector>

#include "boost/random/mersenne_twister.hpp"
#include "boost/random/uniform_int.hpp"
#include "caffe/common.hpp"
#include "caffe/layers/class_sampler.hpp"
#include "caffe/util/rng.hpp"

namespace caffe {

ClassSampler::ClassSampler(const int classes, const double rate)
    : classes_(classes),
      size_(std::max(1, static_cast<int>(rate * classes + 0.5))),
      marked_(classes, false) {}

void ClassSampler::Sample(const std::vector<int>& target,
    std::vector<int>* chosen) {
  chosen->clear();
  for (size_t i = 0; i < target.size(); ++i) {
    if (target[i] >= 0 && !marked_[target[i]]) {
      marked_[target[i]] = true;
      chosen->push_back(target[i]);
    }
  }
  const int others = classes_ - static_cast<int>(chosen->size());
  const int wanted =
      std::min(others, std::max(0, size_ - static_cast<int>(chosen->size())));
  // Marks are drawn until there are enough; beyond half of the others it is
  // the ones to leave out that are drawn, so that few draws hit a mark.
  const bool leave_out = wanted > others - wanted;
  std::vector<int> drawn(leave_out ? others - wanted : wanted);
  boost::uniform_int<int> any(0, classes_ - 1);
  for (size_t k = 0; k < drawn.size();) {
    const int candidate = any(*caffe_rng());
    if (!marked_[candidate]) {
      marked_[candidate] = true;
      drawn[k++] = candidate;
    }
  }
  if (leave_out) {
    // What is unmarked is wanted: swap the marks of the others.
    for (size_t k = 0; k < chosen->size(); ++k) {
      marked_[(*chosen)[k]] = false;
    }
    marked_.flip();
  }
  chosen->clear();
  for (int c = 0; c < classes_; ++c) {
    if (marked_[c]) { chosen->push_back(c); }
  }
  std::fill(marked_.begin(), marked_.end(), false);
}

int ClassSampler::PositionOf(const int class_index,
    const std::vector<int>& chosen) {
  return std::lower_bound(chosen.begin(), chosen.end(), class_index) -
      chosen.begin();
}

}  // namespace caffe
