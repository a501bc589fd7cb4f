// installed by amcaffe
#ifndef CAFFE_UTIL_GPU_SETTINGS_HPP_
#define CAFFE_UTIL_GPU_SETTINGS_HPP_

#include <cstddef>

namespace caffe {

/// Whether cuBLAS and cuDNN may round the factors of float products to TF32,
/// 10 bits of mantissa instead of 23: several times faster since Ampere, with a
/// relative error near 1e-3. CAFFE_ALLOW_TF32=1 says yes; the default is no,
/// so that CPU and GPU agree as Caffe's own tests expect.
bool AllowTF32();

/// Bytes of workspace that one cuDNN convolution may take, which it needs three
/// times for each group: CAFFE_CUDNN_WORKSPACE_MIB in MiB, else `preset`, which
/// is what the layer's source asks for (8 MiB in most trees).
size_t CudnnWorkspaceLimit(const size_t preset);

}  // namespace caffe

#endif  // CAFFE_UTIL_GPU_SETTINGS_HPP_
