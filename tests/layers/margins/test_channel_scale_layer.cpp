// installed by amcaffe
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "gtest/gtest.h"

#include "caffe/blob.hpp"
#include "caffe/common.hpp"
#include "caffe/layers/channel_scale_layer.hpp"

#include "caffe/test/layer_test_util.hpp"
#include "caffe/test/test_caffe_main.hpp"
#include "caffe/test/test_gradient_check_util.hpp"

namespace caffe {

template <typename TypeParam>
class ChannelScaleLayerTest : public MultiDeviceTest<TypeParam> {
  typedef typename TypeParam::Dtype Dtype;

 protected:
  ChannelScaleLayerTest() {
    param_.set_name("scale");
    param_.set_type("ChannelScale");
    param_.set_phase(TRAIN);
    SetBlob({2, 3, 1, 2}, {1, 2, 3, 4, 5, 6, -1, -2, -3, -4, -5, -6}, &x_);
    SetBlob({2, 1, 1, 2}, {2, 3, -4, 5}, &s_);
    bottom_ = {&x_, &s_};
    top_ = {&y_};
  }

  ChannelScaleParameter* scale() {
    return param_.mutable_channel_scale_param();
  }

  void SetGlobal() {
    scale()->set_global_scale(true);
    top_ = {&y_, &top_scale_};
  }

  // Forward, and backward from this gradient to both bottoms.
  void Run(const vector<double>& diff) {
    ChannelScaleLayer<Dtype> layer(param_);
    layer.SetUp(bottom_, top_);
    layer.Forward(bottom_, top_);
    for (int i = 0; i < y_.count(); ++i) {
      y_.mutable_cpu_diff()[i] = diff[i];
    }
    for (int i = 0; i < s_.count(); ++i) {
      s_.mutable_cpu_diff()[i] = 77;  // has to be overwritten
    }
    layer.Backward(top_, vector<bool>(2, true), bottom_);
  }

  LayerParameter param_;
  Blob<Dtype> x_, s_, y_, top_scale_;
  vector<Blob<Dtype>*> bottom_, top_;
  const vector<double> diff_ = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
};

TYPED_TEST_CASE(ChannelScaleLayerTest, TestDtypesAndDevices);

TYPED_TEST(ChannelScaleLayerTest, TestForwardAndBackward) {
  this->Run(this->diff_);
  EXPECT_EQ(vector<double>({2, 6, 6, 12, 10, 18, 4, -10, 12, -20, 20, -30}),
      DataOf(this->y_));
  EXPECT_EQ(vector<double>({2, 6, 6, 12, 10, 18,
      -28, 40, -36, 50, -44, 60}), DiffOf(this->x_));
  EXPECT_EQ(vector<double>({35, 56, -7 - 27 - 55, -16 - 40 - 72}),
      DiffOf(this->s_));
}

TYPED_TEST(ChannelScaleLayerTest, TestGradient) {
  typedef typename TypeParam::Dtype Dtype;
  ChannelScaleLayer<Dtype> layer(this->param_);
  GradientChecker<Dtype> checker(1e-2, 1e-2);
  checker.CheckGradientExhaustive(&layer, this->bottom_, this->top_);
}

TYPED_TEST(ChannelScaleLayerTest, TestGradientOfRows) {
  typedef typename TypeParam::Dtype Dtype;
  // More channels than a block of threads has, as there are classes.
  vector<double> x;
  for (int i = 0; i < 2 * 301; ++i) {
    x.push_back(i % 7 - 3);
  }
  SetBlob({2, 301}, x, &this->x_);
  SetBlob({2, 1}, {0.5, -2}, &this->s_);
  ChannelScaleLayer<Dtype> layer(this->param_);
  layer.SetUp(this->bottom_, this->top_);
  layer.Forward(this->bottom_, this->top_);
  double sum[2] = {0, 0};
  for (int i = 0; i < 2 * 301; ++i) {
    EXPECT_EQ(x[i] * (i < 301 ? 0.5 : -2), this->y_.cpu_data()[i]);
    this->y_.mutable_cpu_diff()[i] = i % 5;
    sum[i / 301] += x[i] * (i % 5);
  }
  layer.Backward(this->top_, vector<bool>(2, true), this->bottom_);
  EXPECT_EQ(sum[0], this->s_.cpu_diff()[0]);
  EXPECT_EQ(sum[1], this->s_.cpu_diff()[1]);
}

TYPED_TEST(ChannelScaleLayerTest, TestFlags) {
  const vector<double> x = DataOf(this->x_);
  this->scale()->set_do_forward(false);
  this->Run(this->diff_);
  EXPECT_EQ(x, DataOf(this->y_));
  EXPECT_EQ(6, this->x_.cpu_diff()[1]);
  EXPECT_EQ(35, this->s_.cpu_diff()[0]);
  this->scale()->set_do_forward(true);
  this->scale()->set_do_backward_feature(false);
  this->Run(this->diff_);
  EXPECT_EQ(6, this->y_.cpu_data()[1]);
  EXPECT_EQ(this->diff_, DiffOf(this->x_));
  EXPECT_EQ(35, this->s_.cpu_diff()[0]);
  this->scale()->set_do_backward_feature(true);
  this->scale()->set_do_backward_scale(false);
  this->Run(this->diff_);
  EXPECT_EQ(6, this->x_.cpu_diff()[1]);
  EXPECT_EQ(vector<double>(4, 0), DiffOf(this->s_));
}

TYPED_TEST(ChannelScaleLayerTest, TestGlobalScale) {
  typedef typename TypeParam::Dtype Dtype;
  this->SetGlobal();
  ChannelScaleLayer<Dtype> layer(this->param_);
  layer.SetUp(this->bottom_, this->top_);
  // The magnitudes' mean, then 1 % of the next one.
  layer.Forward(this->bottom_, this->top_);
  EXPECT_EQ(3.5, this->top_scale_.cpu_data()[0]);
  SetBlob({2, 1, 1, 2}, {103.5, -103.5, 103.5, 103.5}, &this->s_);
  layer.Forward(this->bottom_, this->top_);
  EXPECT_NEAR(4.5, this->top_scale_.cpu_data()[0], 1e-5);
  EXPECT_NEAR(9, this->y_.cpu_data()[1], 1e-5);
  EXPECT_EQ(this->top_scale_.cpu_data()[0], layer.blobs()[0]->cpu_data()[0]);
  // It is a constant to the gradient.
  BackwardFrom(this->diff_, this->top_, this->bottom_, &layer);
  EXPECT_NEAR(4.5 * 12, this->x_.cpu_diff()[11], 1e-4);
  layer.Backward(this->top_, vector<bool>(2, true), this->bottom_);
  EXPECT_EQ(vector<double>(4, 0), DiffOf(this->s_));
  // The TEST phase takes it as it is.
  LayerParameter saved;
  layer.ToProto(&saved, false);
  saved.set_phase(TEST);
  ChannelScaleLayer<Dtype> resumed(saved);
  resumed.SetUp(this->bottom_, this->top_);
  resumed.Forward(this->bottom_, this->top_);
  EXPECT_NEAR(4.5, this->top_scale_.cpu_data()[0], 1e-5);
  EXPECT_EQ(this->top_scale_.cpu_data()[0],
      resumed.blobs()[0]->cpu_data()[0]);
}

TYPED_TEST(ChannelScaleLayerTest, TestLimitsAndStartOfTheGlobalScale) {
  this->SetGlobal();
  this->scale()->set_init_global_scale(13.5);
  this->Run(this->diff_);
  EXPECT_NEAR(13.4, this->top_scale_.cpu_data()[0], 1e-5);
  this->scale()->set_max_global_scale(10);
  this->Run(this->diff_);
  EXPECT_EQ(10, this->top_scale_.cpu_data()[0]);
  this->scale()->set_max_global_scale(30);
  this->scale()->set_min_global_scale(20);
  this->Run(this->diff_);
  EXPECT_EQ(20, this->top_scale_.cpu_data()[0]);
}

TYPED_TEST(ChannelScaleLayerTest, TestBeforeAnyTraining) {
  this->SetGlobal();
  this->param_.set_phase(TEST);
  this->Run(this->diff_);
  EXPECT_EQ(3.5, this->top_scale_.cpu_data()[0]);
}

TYPED_TEST(ChannelScaleLayerTest, TestSnapshotAndResume) {
  typedef typename TypeParam::Dtype Dtype;
  ExpectResumesExactly<Dtype>(
      "layer { name: 'data' type: 'DummyData' top: 'x' top: 'length' "
      "  dummy_data_param { data_filler { value: 0.25 } "
      "    data_filler { value: 2 } shape { dim: 2 dim: 3 } "
      "    shape { dim: 2 dim: 1 } } } "
      "layer { name: 'scale' type: 'ChannelScale' bottom: 'x' "
      "  bottom: 'length' top: 'scaled' top: 'scale' "
      "  channel_scale_param { global_scale: true init_global_scale: 9 } }",
      "scale");
}

TYPED_TEST(ChannelScaleLayerTest, TestRefusals) {
  typedef typename TypeParam::Dtype Dtype;
  this->s_.Reshape({4});
  EXPECT_FATAL(this->Run(this->diff_), "Layer scale .ChannelScale.: bottom.1. "
      "must hold one scale for each item and position");
  this->s_.Reshape({2, 2});
  const vector<Blob<Dtype>*> top = this->top_;
  this->top_ = {&this->x_};
  EXPECT_FATAL(this->Run(this->diff_), "cannot be done in place");
  this->top_ = {&this->y_, &this->top_scale_};
  EXPECT_FATAL(this->Run(this->diff_), "the second top is the global scale");
  this->SetGlobal();
  this->scale()->set_init_global_scale(-1);
  EXPECT_FATAL(this->Run(this->diff_), "init_global_scale is -1");
  this->scale()->set_min_global_scale(2000);
  EXPECT_FATAL(this->Run(this->diff_), "must be a range from 0 up");
}

TYPED_TEST(ChannelScaleLayerTest, TestMoreThanKernelsGoOver) {
  typedef typename TypeParam::Dtype Dtype;
  ChannelScaleLayer<Dtype> layer(this->param_);
  this->x_.Reshape({kEdgeOfKernels, kEdgeOfKernels});
  this->s_.Reshape({kEdgeOfKernels});
  layer.SetUp(this->bottom_, this->top_);
  this->x_.Reshape({kEdgeOfKernels, kEdgeOfKernels + 1});
  EXPECT_FATAL(layer.Reshape(this->bottom_, this->top_), "bottom.0. has "
      "32768 x 32769 numbers, .* at most 2.30");
}

TYPED_TEST(ChannelScaleLayerTest, TestADivergedScaleIsNotKept) {
  typedef typename TypeParam::Dtype Dtype;
  this->SetGlobal();
  ChannelScaleLayer<Dtype> layer(this->param_);
  layer.SetUp(this->bottom_, this->top_);
  layer.Forward(this->bottom_, this->top_);
  this->s_.mutable_cpu_data()[1] = std::numeric_limits<Dtype>::quiet_NaN();
  layer.Forward(this->bottom_, this->top_);
  EXPECT_TRUE(std::isnan(this->top_scale_.cpu_data()[0]));
  EXPECT_EQ(3.5, layer.blobs()[0]->cpu_data()[0]);
}

}  // namespace caffe
