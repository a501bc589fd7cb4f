// installed by amcaffe
#ifdef PYTHON_LAYER_IN_PYCAFFE
#include "caffe/layer.hpp"
#include "caffe/layer_factory.hpp"

namespace caffe {

/**
 * @brief What libcaffe knows of layers written in Python: that pycaffe has them.
 *
 * libcaffe is not linked to any Python, so that one build serves every one of
 * them. Importing pycaffe puts its own creator in the place of this one.
 */
template <typename Dtype>
shared_ptr<Layer<Dtype> > GetNoPythonLayer(const LayerParameter& param) {
  LOG(FATAL)
      << "Layer " << param.name() << " is written in Python ("
      << param.python_param().module() << "." << param.python_param().layer()
      << "), which only runs inside Python, in float. Train it with: "
      << "python -c \"import caffe; caffe.get_solver('SOLVER').solve()\"";
  return shared_ptr<Layer<Dtype> >();
}

// Not REGISTER_LAYER_CREATOR, by which the installer knows what type is whose:
// layer_factory.cpp has one for Boost.Python, where this file is empty.
static LayerRegisterer<float> g_creator_f_Python("Python",
    GetNoPythonLayer<float>);
static LayerRegisterer<double> g_creator_d_Python("Python",
    GetNoPythonLayer<double>);

}  // namespace caffe
#endif  // PYTHON_LAYER_IN_PYCAFFE
