// installed by amcaffe
#include <cstdlib>
#include <cstring>

#include "caffe/common.hpp"
#include "caffe/util/gpu_settings.hpp"

namespace caffe {

bool AllowTF32() {
  const char* text = getenv("CAFFE_ALLOW_TF32");
  if (text == NULL || strcmp(text, "") == 0 || strcmp(text, "0") == 0) {
    return false;
  }
  CHECK_EQ(strcmp(text, "1"), 0)
      << "The environment variable "
      << "CAFFE_ALLOW_TF32 is '" << text << "', but must be 0 or 1.";
  return true;
}

size_t CudnnWorkspaceLimit(const size_t preset) {
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
