// installed by amcaffe
#ifndef CAFFE_MARGIN_SOFTMAX_GPU_HPP_
#define CAFFE_MARGIN_SOFTMAX_GPU_HPP_

#ifndef CPU_ONLY

#include <vector>

#include "caffe/common.hpp"
#include "caffe/layers/margin_math.hpp"
#include "caffe/syncedmem.hpp"

namespace caffe {

/// Memory of the device that grows when it has to, and then loses its contents.
template <typename T>
class DeviceArray {
 public:
  T* Reserve(const size_t count) {
    if (!memory_ || memory_->size() < count * sizeof(T)) {
      memory_.reset(new SyncedMemory(count * sizeof(T)));
    }
    return data();
  }
  T* data() { return static_cast<T*>(memory_->mutable_gpu_data()); }

 private:
  shared_ptr<SyncedMemory> memory_;
};

namespace margin_softmax {
template <typename Dtype> struct ClassBlock;
template <typename Dtype> struct RowResult;
}  // namespace margin_softmax

/// What both passes of GpuMarginSoftmax are of. The pointers are to the device.
template <typename Dtype>
struct MarginBatch {
  const Dtype* unit;  ///< (rows x dim), each of length 1 or 0
  const Dtype* norm;  ///< (rows) a factor of the scale, or NULL for none
  const Dtype* weight;  ///< (all classes x dim)
  const int* target;  ///< (rows) positions among the classes; negative: ignored
  Dtype scale;
};

/// Where the gradients go, on the device; NULL for one that is not wanted.
template <typename Dtype>
struct MarginGradients {
  Dtype* unit;  ///< (rows x dim) overwritten
  Dtype* norm;  ///< (rows) overwritten
  Dtype* weight;  ///< (all classes x dim) added to
};

/**
 * The softmax loss of cosines with a margin, on the device; MarginSoftmax has
 * the equations. Classes are taken in blocks whose cosines and gradients fit
 * into the L2 cache, and each block is read and written once in a pass. Nothing
 * is summed in an order that could differ between two runs, and no call waits
 * for the device.
 */
template <typename Dtype>
class GpuMarginSoftmax {
 public:
  /// @param block_bytes that a block's cosines may take, and its gradients
  ///     again; with the block's weight they should fit into the L2 cache
  explicit GpuMarginSoftmax(const size_t block_bytes = 16 << 20)
      : block_bytes_(block_bytes), rows_(0), dim_(0), classes_(0), block_(0),
        keep_(false), chosen_(NULL) {}

  /**
   * @param dim length of a feature
   * @param classes that take part
   * @param chosen (classes) on the device: which they are; NULL for all
   * @param keep_bytes the cosines are kept for Backward if they take no more
   */
  void Reshape(int rows, int dim, int classes, const int* chosen,
      size_t keep_bytes);

  /**
   * @param normalizer what divides the sum of the losses; 0 for the number of
   *     rows that are not ignored
   * @param loss (1), on the device
   * @param statistics (3) MarginSoftmaxLossLayer's, on the device, or NULL
   */
  void Forward(const MarginBatch<Dtype>& batch,
      const margin::LossMargin<Dtype>& psi, Dtype normalizer, Dtype* loss,
      Dtype* statistics);

  /// After Forward of the same batch.
  /// @param loss_diff (1) the gradient by the loss, on the device
  void Backward(const MarginBatch<Dtype>& batch, const Dtype* loss_diff,
      const MarginGradients<Dtype>& gradients);

 private:
  int Blocks() const { return (classes_ + block_ - 1) / block_; }
  int Begin(const int block) const { return block * block_; }
  int Size(int block) const;
  /// From one row of the cosines to the next.
  int Stride() const;
  /// The block's rows of the weight; after Prepare, where classes are chosen.
  const Dtype* BlockWeight(int block, const Dtype* weight);
  /// Where the block's u_i . w_j are, after FindProducts.
  Dtype* BlockProducts(int block);

  margin_softmax::ClassBlock<Dtype> Block(int block);

  void Prepare(int block, const Dtype* weight);
  void FindProducts(int block, const MarginBatch<Dtype>& batch);
  void AddWeightGradients(int block, const MarginBatch<Dtype>& batch,
      Dtype* weight_diff);

  size_t block_bytes_;
  int rows_, dim_, classes_;
  int block_;  ///< classes in a block
  bool keep_;
  const int* chosen_;
  DeviceArray<Dtype> product_, gradient_, inverse_norm_;
  DeviceArray<Dtype> weight_, weight_diff_;  ///< a block's, if chosen
  DeviceArray<Dtype> along_;  ///< (row tiles x block) sums of g_ij cos_ij
  DeviceArray<Dtype> target_cosine_, inverse_normalizer_;
  DeviceArray<margin::LogSum<Dtype> > part_;  ///< (rows x all blocks' chunks)
  DeviceArray<margin_softmax::RowResult<Dtype> > row_;
};

}  // namespace caffe

#endif  // CPU_ONLY

#endif  // CAFFE_MARGIN_SOFTMAX_GPU_HPP_
