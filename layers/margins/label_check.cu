// installed by amcaffe
#include <algorithm>
#include <atomic>
#include <string>

#include "caffe/layers/label_check.hpp"

namespace caffe {

// One block. Its threads look at all labels at once; only where one is bad does
// the first thread look for the first, so that the answer is always the same.
template <typename Dtype>
__global__ void FindBadLabel(const int rows, const int classes,
    const Dtype* label, const Dtype ignored, LabelCheck::Found* found) {
  int bad = 0;
  for (int i = threadIdx.x; i < rows; i += blockDim.x) {
    bad |= !margin::IsLabel(classes, label[i]) && label[i] != ignored;
  }
  if (__syncthreads_or(bad) && threadIdx.x == 0) {
    volatile LabelCheck::Found* first = found;
    if (first->rows == 0) {
      const int row = margin::FirstBadLabel(rows, classes, label, ignored);
      first->label = label[row];
      first->classes = classes;
      __threadfence_system();  // the host may look as soon as rows is set
      first->rows = row + 1;
    }
  }
}

template <typename Dtype>
void LabelCheck::Check(const LayerParameter& param, const int classes,
    const Blob<Dtype>& label, const Dtype ignored) {
  const SyncedMemory::SyncedHead head = label.data()->head();
  if (head == SyncedMemory::HEAD_AT_CPU || head == SyncedMemory::SYNCED) {
    CheckLabels(param, classes, label, ignored);
    return;
  }
  if (found_ == NULL) {
    prefix_ = LayerPrefix(param);
    // Unified addressing: host and device use the same pointer.
    CUDA_CHECK(cudaHostAlloc(&found_, sizeof(Found),
        cudaHostAllocPortable | cudaHostAllocMapped));
    found_->rows = 0;
  }
  const int rows = label.count();
  // NOLINT_NEXT_LINE(whitespace/operators)
  FindBadLabel<Dtype><<<1, std::min(1024, std::max(32, rows))>>>(rows, classes,
      label.gpu_data(), ignored, found_);
  CUDA_POST_KERNEL_CHECK;
}

void LabelCheck::Report() {
  if (found_ == NULL) { return; }
  const int rows = *static_cast<volatile int*>(&found_->rows);
  if (rows == 0) { return; }
  std::atomic_thread_fence(std::memory_order_acquire);
  const std::string message =
      BadLabelMessage(prefix_, rows - 1, found_->label, found_->classes);
  found_->rows = 0;  // who catches the error may go on with other labels
  LOG(FATAL) << message << " The batch is that of an earlier pass, as labels "
             << "in GPU memory are checked there.";
}

LabelCheck::~LabelCheck() {
  if (found_ == NULL) { return; }
  // No CHECK here: a destructor must not throw, nor end a process that is on
  // its way out and has no driver any more, with which found_ went, too.
  if (cudaDeviceSynchronize() == cudaSuccess && found_->rows > 0) {
    LOG(ERROR) << BadLabelMessage(prefix_, found_->rows - 1, found_->label,
        found_->classes);
  }
  cudaFreeHost(found_);
}

template void LabelCheck::Check<float>(const LayerParameter&, int,
    const Blob<float>&, float);
template void LabelCheck::Check<double>(const LayerParameter&, int,
    const Blob<double>&, double);

}  // namespace caffe
