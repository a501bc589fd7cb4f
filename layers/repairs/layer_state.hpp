// installed by amcaffe
#ifndef CAFFE_UTIL_LAYER_STATE_HPP_
#define CAFFE_UTIL_LAYER_STATE_HPP_

#include <algorithm>
#include <limits>
#include <map>
#include <sstream>
#include <string>

#include "caffe/layer.hpp"
#include "caffe/proto/caffe.pb.h"

namespace caffe {

/**
 * Some blobs of a layer are no weights but the state of a training: how far an
 * annealed margin's schedule has come. A snapshot has both. Copied into another
 * training, weights begin it where its own prototxt says; only the restoring of
 * a solver goes on with the state as well.
 */
inline std::map<string, int>& FirstStateBlobs() {
  static std::map<string, int> first;  // by layer type
  return first;
}

struct LayerStateRegisterer {
  LayerStateRegisterer(const char* type, const int first) {
    FirstStateBlobs()[type] = first;
  }
};

/// The blobs of a layer's type from number `first` on are state. Beside
/// REGISTER_LAYER_CLASS.
#define REGISTER_LAYER_STATE(type, first) \
  static LayerStateRegisterer g_state_of_##type(#type, first)

/// The number of a type's first blob that is state; larger than any without.
inline int FirstStateBlob(const string& type) {
  const std::map<string, int>::const_iterator found =
      FirstStateBlobs().find(type);
  return found == FirstStateBlobs().end() ? std::numeric_limits<int>::max()
                                          : found->second;
}

/// While one lives, this thread copies state, too: a solver is being restored.
class RestoringState {
 public:
  RestoringState() { ++Depth(); }
  ~RestoringState() { --Depth(); }
  static bool Active() { return Depth() > 0; }

 private:
  static int& Depth() {
    static thread_local int depth = 0;
    return depth;
  }
  RestoringState(const RestoringState&);
  RestoringState& operator=(const RestoringState&);
};

/// Which blobs a net's layer takes from a source's layer of its name.
class BlobsToCopy {
 public:
  /// @param target the net's layer, set up
  /// @param source_type of the source's layer
  /// @param source_state how many blobs of the source are state
  template <typename Dtype>
  BlobsToCopy(Layer<Dtype>* target, const string& source_type,
      const int source_state) {
    const int blobs = target->blobs().size();
    const bool restoring = RestoringState::Active();
    weights_ =
        restoring ? blobs : std::min(blobs, FirstStateBlob(target->type()));
    source_state_ = restoring ? 0 : source_state;
    // What only tests trains no schedule of its own: with transform_test, it is
    // evaluated where the training has come.
    const bool evaluates =
        target->layer_param().phase() == TEST && source_type == target->type();
    state_ = evaluates ? std::min(blobs - weights_, source_state_) : 0;
  }

  /// How many blobs the source must have besides its state.
  int weights() const { return weights_; }
  /// How many it has, of so many in all.
  int WeightsAmong(const int source_blobs) const {
    return source_blobs - source_state_;
  }
  /// How many are copied: the first ones of both.
  int count() const { return weights_ + state_; }

 private:
  int weights_, source_state_, state_;
};

/// What a layer takes from one in a caffemodel.
template <typename Dtype>
BlobsToCopy BlobsFrom(const LayerParameter& source, Layer<Dtype>* target) {
  const int blobs = source.blobs_size();
  const int state = blobs - std::min(blobs, FirstStateBlob(source.type()));
  return BlobsToCopy(target, source.type(), state);
}

#ifdef H5_VERS_MAJOR  // hdf5.h has been included above

/// What a layer takes from an HDF5 file, which does not tell the source's type:
/// it is taken for the target's, if what is state there is one number each.
template <typename Dtype>
BlobsToCopy BlobsFrom(const hid_t source, Layer<Dtype>* target) {
  const int first = FirstStateBlob(target->type());
  int state = 0;
  while (first != std::numeric_limits<int>::max()) {
    std::ostringstream name;
    name << first + state;
    if (H5Lexists(source, name.str().c_str(), H5P_DEFAULT) <= 0) { break; }
    const hid_t dataset = H5Dopen2(source, name.str().c_str(), H5P_DEFAULT);
    const hid_t space = H5Dget_space(dataset);
    const bool number = H5Sget_simple_extent_npoints(space) == 1;
    H5Sclose(space);
    H5Dclose(dataset);
    if (!number) { break; }
    ++state;
  }
  return BlobsToCopy(target, target->type(), state);
}

#endif  // H5_VERS_MAJOR

}  // namespace caffe

#endif  // CAFFE_UTIL_LAYER_STATE_HPP_
