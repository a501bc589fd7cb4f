// installed by amcaffe
#ifndef CAFFE_UTIL_GPU_SETTINGS_HPP_
#define CAFFE_UTIL_GPU_SETTINGS_HPP_

#include <glog/logging.h>

#include <cstddef>
#include <cstdlib>
#include <cstring>

namespace caffe {

/// Whether cuBLAS and cuDNN may round the factors of float products to TF32,
/// 10 bits of mantissa instead of 23: several times faster since Ampere, with a
/// relative error near 1e-3. CAFFE_ALLOW_TF32=1 says yes; the default is no,
/// so that CPU and GPU agree as Caffe's own tests expect.
inline bool AllowTF32() {
  const char* text = getenv("CAFFE_ALLOW_TF32");
  if (text == NULL || strcmp(text, "") == 0 || strcmp(text, "0") == 0) {
    return false;
  }
  CHECK_EQ(strcmp(text, "1"), 0)
      << "The environment variable "
      << "CAFFE_ALLOW_TF32 is '" << text << "', but must be 0 or 1.";
  return true;
}

/// Bytes of workspace that one cuDNN convolution may take, which it needs three
/// times for each group: CAFFE_CUDNN_WORKSPACE_MIB in MiB, else `preset`, which
/// is what the layer's source asks for (8 MiB in most trees).
inline size_t CudnnWorkspaceLimit(const size_t preset) {
  const char* text = getenv("CAFFE_CUDNN_WORKSPACE_MIB");
  if (text == NULL || strcmp(text, "") == 0) { return preset; }
  char* end;
  const long mebibytes = strtol(text, &end, 10);  // NOLINT(runtime/int)
  CHECK(*end == '\0' && mebibytes >= 0 && mebibytes <= 1024 * 1024)
      << "The environment variable CAFFE_CUDNN_WORKSPACE_MIB is '" << text
      << "', but must be a whole number of MiB from 0 to 1048576.";
  return static_cast<size_t>(mebibytes) * 1024 * 1024;
}

}  // namespace caffe

#endif  // CAFFE_UTIL_GPU_SETTINGS_HPP_
