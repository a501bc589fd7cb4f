// installed by amcaffe
#ifndef CAFFE_LAYER_PREFIX_HPP_
#define CAFFE_LAYER_PREFIX_HPP_

#include <string>

#include "caffe/proto/caffe.pb.h"

namespace caffe {

/// What each message of a layer of ours begins with: whose it is.
inline std::string LayerPrefix(const LayerParameter& param) {
  return "Layer " + param.name() + " (" + param.type() + "): ";
}

}  // namespace caffe

#endif  // CAFFE_LAYER_PREFIX_HPP_
