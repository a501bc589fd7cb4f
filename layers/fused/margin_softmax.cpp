// installed by amcaffe
#include <algorithm>
#include <limits>
#include <vector>

#include "caffe/layers/margin_softmax.hpp"
#include "caffe/layers/softmax_rows.hpp"
#include "caffe/util/blas_threads.hpp"
#include "caffe/util/math_functions.hpp"

namespace caffe {

namespace {

// Bytes of weight in a block: with the cosines and their gradients it has to
// fit into the cache that a core has for itself.
const int kBlockBytes = 512 * 1024;

}  // namespace

template <typename Dtype>
void MarginSoftmax<Dtype>::Reshape(const int rows, const int dim,
    const int classes, const std::vector<int>& chosen,
    const size_t keep_bytes) {
  rows_ = rows;
  dim_ = dim;
  chosen_ = chosen;
  classes_ = chosen.empty() ? classes : static_cast<int>(chosen.size());
  block_ = std::max(64,
      kBlockBytes / static_cast<int>(sizeof(Dtype)) / dim / 64 * 64);
  block_ = std::min(block_, 2048);
  const size_t elements = static_cast<size_t>(rows_) * classes_;
  keep_ = elements * sizeof(Dtype) <= keep_bytes;
  inverse_norm_.resize(classes_);
  cosine_.resize(keep_ ? elements : 0);
  part_.resize(static_cast<size_t>(Blocks()) * rows_);
}

template <typename Dtype>
int MarginSoftmax<Dtype>::BlockSize(const int block) const {
  return std::min(block_, classes_ - block * block_);
}

template <typename Dtype>
template <typename Work>
void MarginSoftmax<Dtype>::ForBlocks(const bool backward, const Work& work) {
  const int blocks = Blocks();
  const int parts = std::min(BlasThreads(), blocks);
  desks_.resize(parts);
  const size_t block_cosines = static_cast<size_t>(rows_) * block_;
  const size_t block_weights = static_cast<size_t>(dim_) * block_;
  for (int part = 0; part < parts; ++part) {
    Desk& desk = desks_[part];
    desk.cosine.resize(keep_ ? 0 : block_cosines);
    desk.weight.resize(chosen_.empty() ? 0 : block_weights);
    if (!backward) { continue; }
    desk.along_weight.resize(block_);
    desk.gradient.resize(block_cosines);
    desk.weight_diff.resize(chosen_.empty() ? 0 : block_weights);
    desk.feature_diff.assign(static_cast<size_t>(rows_) * dim_, Dtype(0));
    desk.by_scale.assign(rows_, Dtype(0));
  }
  InParallel(parts, [&](const int part) {
    // Neighbouring blocks to one thread.
    const int begin = static_cast<long long>(blocks) * part / parts;
    const int end = static_cast<long long>(blocks) * (part + 1) / parts;
    for (int block = begin; block < end; ++block) {
      work(block, &desks_[part]);
    }
  });
}

template <typename Dtype>
const Dtype* MarginSoftmax<Dtype>::BlockWeight(const int block,
    const Dtype* weight, Desk* desk) const {
  const int begin = BlockBegin(block);
  if (chosen_.empty()) { return weight + static_cast<size_t>(begin) * dim_; }
  for (int j = 0; j < BlockSize(block); ++j) {
    const Dtype* row = weight + static_cast<size_t>(chosen_[begin + j]) * dim_;
    std::copy(row, row + dim_,
        desk->weight.data() + static_cast<size_t>(j) * dim_);
  }
  return desk->weight.data();
}

template <typename Dtype>
Dtype* MarginSoftmax<Dtype>::BlockCosines(const int block, Desk* desk) {
  return keep_ ? cosine_.data() + static_cast<size_t>(BlockBegin(block)) * rows_
               : desk->cosine.data();
}

template <typename Dtype>
void MarginSoftmax<Dtype>::ForwardBlock(const int block, const Dtype* unit,
    const Dtype* weight, Desk* desk, std::vector<MarginRow<Dtype> >* row) {
  const SoftmaxRows<Dtype>& rows = BestSoftmaxRows<Dtype>();
  const int begin = BlockBegin(block);
  const int size = BlockSize(block);
  const Dtype* own_weight = BlockWeight(block, weight, desk);
  Dtype* inverse_norm = inverse_norm_.data() + begin;
  for (int j = 0; j < size; ++j) {
    const Dtype* w = own_weight + static_cast<size_t>(j) * dim_;
    inverse_norm[j] = margin::InverseNorm(
        margin::NormOfSum(margin::UNIT, caffe_cpu_dot(dim_, w, w)));
  }
  Dtype* cosines = BlockCosines(block, desk);
  caffe_cpu_gemm<Dtype>(CblasNoTrans, CblasTrans, rows_, size, dim_, Dtype(1),
      unit, own_weight, Dtype(0), cosines);
  for (int i = 0; i < rows_; ++i) {
    MarginRow<Dtype>& own = (*row)[i];
    if (own.target < 0) { continue; }
    Dtype* x = cosines + static_cast<size_t>(i) * size;
    // The target, if it is in this block, stands between the others.
    const int target = own.target - begin;
    const bool here = target >= 0 && target < size;
    const int left = here ? target : size;
    const int right = here ? target + 1 : size;
    if (here) { own.cosine = x[target] *= inverse_norm[target]; }
    const Dtype best = std::max(rows.scale_max(left, inverse_norm, x),
        rows.scale_max(size - right, inverse_norm + right, x + right));
    margin::LogSum<Dtype>& part = part_[static_cast<size_t>(block) * rows_ + i];
    part.best = best;
    part.sum = rows.sum_exp(left, own.scale, best, x) +
        rows.sum_exp(size - right, own.scale, best, x + right);
    part.along = 0;  // Backward has it from the gradients
  }
}

template <typename Dtype>
void MarginSoftmax<Dtype>::Forward(const Dtype* unit, const Dtype* weight,
    const margin::LossMargin<Dtype>& margin,
    std::vector<MarginRow<Dtype> >* row) {
  ForBlocks(false, [&](const int block, Desk* desk) {
    ForwardBlock(block, unit, weight, desk, row);
  });
  const Dtype none = -std::numeric_limits<Dtype>::infinity();
  for (int i = 0; i < rows_; ++i) {
    MarginRow<Dtype>& own = (*row)[i];
    if (own.target < 0) { continue; }
    margin::LogSum<Dtype> others = {none, 0, 0};
    for (int block = 0; block < Blocks(); ++block) {
      others = margin::Merge(others,
          part_[static_cast<size_t>(block) * rows_ + i], own.scale);
    }
    own.best_other = others.best;
    own.psi = margin(own.cosine);
    own.loss = margin::SoftmaxLoss(own.psi.value, others, own.scale);
  }
}

template <typename Dtype>
void MarginSoftmax<Dtype>::BackwardBlock(const int block, const Dtype* unit,
    const Dtype* weight, const std::vector<MarginRow<Dtype> >& row,
    const Dtype importance, const bool by_feature, Dtype* weight_diff,
    Desk* desk) {
  const SoftmaxRows<Dtype>& rows = BestSoftmaxRows<Dtype>();
  const int begin = BlockBegin(block);
  const int size = BlockSize(block);
  const Dtype* own_weight = BlockWeight(block, weight, desk);
  const Dtype* inverse_norm = inverse_norm_.data() + begin;
  Dtype* cosines = BlockCosines(block, desk);
  if (!keep_) {
    caffe_cpu_gemm<Dtype>(CblasNoTrans, CblasTrans, rows_, size, dim_, Dtype(1),
        unit, own_weight, Dtype(0), cosines);
  }
  Dtype* along_weight = desk->along_weight.data();
  std::fill(along_weight, along_weight + size, Dtype(0));
  for (int i = 0; i < rows_; ++i) {
    Dtype* g = desk->gradient.data() + static_cast<size_t>(i) * size;
    const MarginRow<Dtype>& own = row[i];
    if (own.target < 0) {
      std::fill(g, g + size, Dtype(0));
      continue;
    }
    Dtype* x = cosines + static_cast<size_t>(i) * size;
    if (!keep_) { rows.scale_max(size, inverse_norm, x); }
    const int target = own.target - begin;
    const bool here = target >= 0 && target < size;
    const int left = here ? target : size;
    const int right = here ? target + 1 : size;
    const Dtype shift = own.scale * own.psi.value + own.loss.loss;
    Dtype by_scale = rows.gradient(left, own.scale, shift, importance, x,
        inverse_norm, g, along_weight);
    by_scale += rows.gradient(size - right, own.scale, shift, importance,
        x + right, inverse_norm + right, g + right, along_weight + right);
    if (here) {
      const margin::TargetGradient<Dtype> at_target =
          margin::GradientAtTarget(own.psi, own.loss);
      const Dtype by_cosine = importance * own.scale * at_target.by_cosine;
      g[target] = inverse_norm[target] * by_cosine;
      along_weight[target] += own.cosine * by_cosine;
      by_scale += importance * at_target.by_scale;
    }
    desk->by_scale[i] += by_scale;
  }
  if (by_feature) {
    caffe_cpu_gemm<Dtype>(CblasNoTrans, CblasNoTrans, rows_, dim_, size,
        Dtype(1), desk->gradient.data(), own_weight, Dtype(1),
        desk->feature_diff.data());
  }
  if (weight_diff == NULL) { return; }
  // A block's gradient is corrected while it is in the cache.
  Dtype* own_diff = desk->weight_diff.data();
  if (chosen_.empty()) {
    own_diff = weight_diff + static_cast<size_t>(begin) * dim_;
  } else {
    std::fill(own_diff, own_diff + static_cast<size_t>(size) * dim_, Dtype(0));
  }
  for (int j = 0; j < size; ++j) {
    const size_t offset = static_cast<size_t>(j) * dim_;
    caffe_axpy(dim_, -along_weight[j] * inverse_norm[j] * inverse_norm[j],
        own_weight + offset, own_diff + offset);
  }
  caffe_cpu_gemm<Dtype>(CblasTrans, CblasNoTrans, size, dim_, rows_, Dtype(1),
      desk->gradient.data(), unit, Dtype(1), own_diff);
  for (int j = 0; !chosen_.empty() && j < size; ++j) {
    caffe_axpy(dim_, Dtype(1), own_diff + static_cast<size_t>(j) * dim_,
        weight_diff + static_cast<size_t>(chosen_[begin + j]) * dim_);
  }
}

template <typename Dtype>
void MarginSoftmax<Dtype>::Backward(const Dtype* unit, const Dtype* weight,
    const std::vector<MarginRow<Dtype> >& row, const Dtype importance,
    Dtype* feature_diff, Dtype* by_scale, Dtype* weight_diff) {
  ForBlocks(true, [&](const int block, Desk* desk) {
    BackwardBlock(block, unit, weight, row, importance, feature_diff != NULL,
        weight_diff, desk);
  });
  if (feature_diff == NULL) { return; }
  // Not by the BLAS: its threads, once woken for a sum of this length, would
  // wait for more work at the expense of the next pass's.
  const size_t elements = static_cast<size_t>(rows_) * dim_;
  std::fill(feature_diff, feature_diff + elements, Dtype(0));
  std::fill(by_scale, by_scale + rows_, Dtype(0));
  for (size_t part = 0; part < desks_.size(); ++part) {
    const Desk& desk = desks_[part];
    for (size_t k = 0; k < elements; ++k) {
      feature_diff[k] += desk.feature_diff[k];
    }
    for (int i = 0; i < rows_; ++i) { by_scale[i] += desk.by_scale[i]; }
  }
}

template class MarginSoftmax<float>;
template class MarginSoftmax<double>;

}  // namespace caffe
