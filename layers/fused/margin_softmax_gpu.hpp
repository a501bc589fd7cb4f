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

/// Some of the other cosines of a row: the largest (-infinity of none), and
/// the sums of e_j = exp(scale * (cos_j - best)) and of e_j * cos_j.
template <typename Dtype>
struct MarginPart { Dtype best, sum, along; };

/// A row between the two passes.
template <typename Dtype>
struct GpuMarginRow {
  Dtype scale;  ///< of its logits
  Dtype cosine;  ///< the target's, before the margin
  Dtype best;  ///< the largest other cosine; -infinity without one
  Dtype loss;
  Dtype share;  ///< softmax_j = share * exp(scale * (cos_j - best))
  Dtype by_target;  ///< gradient of the loss by scale * (target's cosine)
  Dtype by_scale;  ///< gradient of the loss by scale
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
   * All pointers are to the device.
   *
   * @param unit (rows x dim), each of length 1 or 0
   * @param norm (rows) a factor of the scale, or NULL for none
   * @param weight (all classes x dim)
   * @param target (rows) positions among the classes; negative: ignored
   * @param normalizer what divides the sum of the losses; 0 for the number of
   *     rows that are not ignored
   * @param loss (1)
   * @param statistics (3) MarginSoftmaxLossLayer's, or NULL
   */
  void Forward(const Dtype* unit, const Dtype* norm, const Dtype* weight,
      const int* target, Dtype scale, const margin::CombinedMargin<Dtype>& psi,
      Dtype normalizer, Dtype* loss, Dtype* statistics);

  /**
   * After Forward with the same arguments.
   *
   * @param loss_diff (1) the gradient by the loss
   * @param unit_diff (rows x dim) overwritten, or NULL
   * @param norm_diff (rows) overwritten, or NULL; the gradient by norm
   * @param weight_diff (all classes x dim) added to, or NULL
   */
  void Backward(const Dtype* unit, const Dtype* weight, const int* target,
      Dtype scale, const Dtype* loss_diff, Dtype* unit_diff, Dtype* norm_diff,
      Dtype* weight_diff);

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

  void Prepare(int block, const Dtype* weight);
  void FindProducts(int block, const Dtype* unit, const Dtype* weight);
  void AddWeightGradients(int block, const Dtype* unit,
      const Dtype* block_weight, Dtype* weight_diff);

  size_t block_bytes_;
  int rows_, dim_, classes_;
  int block_;  ///< classes in a block
  bool keep_;
  const int* chosen_;
  DeviceArray<Dtype> product_, gradient_, inverse_norm_;
  DeviceArray<Dtype> weight_, weight_diff_;  ///< a block's, if chosen
  DeviceArray<Dtype> along_;  ///< (row tiles x block) sums of g_ij cos_ij
  DeviceArray<Dtype> target_cosine_, inverse_normalizer_;
  DeviceArray<MarginPart<Dtype> > part_;  ///< (rows x chunks of all blocks)
  DeviceArray<GpuMarginRow<Dtype> > row_;
};

}  // namespace caffe

#endif  // CPU_ONLY

#endif  // CAFFE_MARGIN_SOFTMAX_GPU_HPP_
