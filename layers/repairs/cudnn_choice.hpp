// installed by amcaffe
#ifndef CAFFE_UTIL_CUDNN_CHOICE_HPP_
#define CAFFE_UTIL_CUDNN_CHOICE_HPP_

#include <cstddef>

namespace caffe {
namespace cudnn {

/// The algorithm to take of those that a finder of cuDNN 7 or later returned.
///
/// @param results  as cuDNN returns them: the fastest first, each with the bytes
///                 of workspace it needs in `memory`
/// @param usable   whether a result can be taken at all: it ran, and it computes
///                 at the precision asked for
/// @return index of the first usable result whose workspace is within limit
///         (bytes); where none is, of the one with the least workspace, since a
///         net that needs a little more memory is better than one that stops;
///         -1 where none is usable.
template <typename Result, typename Usable>
int ChooseAlgorithm(const Result* results, const int count, const size_t limit,
    const Usable& usable) {
  int leanest = -1;
  for (int i = 0; i < count; ++i) {
    if (!usable(results[i])) { continue; }
    if (results[i].memory <= limit) { return i; }
    if (leanest < 0 || results[i].memory < results[leanest].memory) {
      leanest = i;
    }
  }
  return leanest;
}

}  // namespace cudnn
}  // namespace caffe

#endif  // CAFFE_UTIL_CUDNN_CHOICE_HPP_
