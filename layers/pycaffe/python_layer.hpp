// installed by amcaffe
#ifndef PYCAFFE_PYTHON_LAYER_HPP_
#define PYCAFFE_PYTHON_LAYER_HPP_

#include "pycaffe.hpp"

namespace pycaffe {

/// A layer whose setup, reshape, forward and backward are methods of the Python
/// object that it is part of, a subclass of `caffe.Layer`.
class PythonLayer : public Layer {
 public:
  explicit PythonLayer(const caffe::LayerParameter& param) : Layer(param) {}

  void LayerSetUp(const RawBlobVec& bottom, const RawBlobVec& top) override;
  void Reshape(const RawBlobVec& bottom, const RawBlobVec& top) override;
  const char* type() const override { return "Python"; }

 protected:
  void Forward_cpu(const RawBlobVec& bottom, const RawBlobVec& top) override;
  void Backward_cpu(const RawBlobVec& top, const vector<bool>& propagate_down,
      const RawBlobVec& bottom) override;

 private:
  py::object self();
};

/// Makes pycaffe the place where this process creates its Python layers, where
/// Caffe was built with them.
void RegisterPythonLayers();

}  // namespace pycaffe

#endif  // PYCAFFE_PYTHON_LAYER_HPP_
