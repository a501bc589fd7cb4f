// installed by amcaffe
#include <string>

#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"
#include "hdf5.h"

#include "caffe/layers/label_specific_add_layer.hpp"
#include "caffe/layers/label_specific_margin_layer.hpp"
#include "caffe/layers/margin_inner_product_layer.hpp"
#include "caffe/layers/margin_softmax_loss_layer.hpp"
#include "caffe/net.hpp"
#include "caffe/sgd_solvers.hpp"
#include "caffe/util/io.hpp"
#include "caffe/util/layer_state.hpp"

#include "caffe/test/layer_test_util.hpp"
#include "caffe/test/test_caffe_main.hpp"

namespace caffe {

const char kAnnealed[] =
    "layer { name: 'fc' type: 'MarginInnerProduct' bottom: 'x' "
    "  bottom: 'label' top: 'fc' margin_inner_product_param { num_output: 3 "
    "    type: DOUBLE base: 10 gamma: 0.25 iteration: 7 } } ";
const char kAnnealedTransformed[] =
    "layer { name: 'fc' type: 'MarginInnerProduct' bottom: 'x' "
    "  bottom: 'label' top: 'fc' margin_inner_product_param { num_output: 3 "
    "    type: DOUBLE base: 10 gamma: 0.25 transform_test: true } } ";
const char kConstant[] =
    "layer { name: 'fc' type: 'MarginInnerProduct' bottom: 'x' "
    "  bottom: 'label' top: 'fc' margin_inner_product_param { num_output: 3 "
    "    type: DOUBLE base: 10 } } ";
const char kPlain[] =
    "layer { name: 'fc' type: 'InnerProduct' bottom: 'x' top: 'fc' "
    "  inner_product_param { num_output: 3 bias_term: false } } ";
const char kBiased[] =
    "layer { name: 'fc' type: 'InnerProduct' bottom: 'x' top: 'fc' "
    "  inner_product_param { num_output: 3 } } ";

const char kAnnealedLoss[] =
    "layer { name: 'fc' type: 'MarginSoftmaxLoss' bottom: 'x' "
    "  bottom: 'label' top: 'loss' margin_softmax_loss_param { num_output: 3 "
    "    m2: 0.5 anneal_iter: 100 iteration: 7 transform_test: true } } ";
const char kConstantLoss[] =
    "layer { name: 'fc' type: 'MarginSoftmaxLoss' bottom: 'x' "
    "  bottom: 'label' top: 'loss' margin_softmax_loss_param { num_output: 3 "
    "    m2: 0.5 } } ";

NetParameter NetOf(const string& layers, const Phase phase = TRAIN) {
  NetParameter param;
  CHECK(google::protobuf::TextFormat::ParseFromString(
      "force_backward: true "
      "layer { name: 'data' type: 'DummyData' top: 'x' top: 'label' "
      "  dummy_data_param { data_filler { value: 0.25 } "
      "    data_filler { value: 1 } shape { dim: 2 dim: 4 } "
      "    shape { dim: 2 } } } " +
          layers,
      &param));
  param.mutable_state()->set_phase(phase);
  return param;
}

template <typename Dtype>
class LayerStateTest : public ::testing::Test {
 protected:
  /// A trained net: its weights are 0.5, its state, where it keeps one, 40.
  static void Train(Net<Dtype>* net) {
    const vector<shared_ptr<Blob<Dtype> > >& blobs =
        net->layer_by_name("fc")->blobs();
    const int first = FirstStateBlob(net->layer_by_name("fc")->type());
    for (int j = 0; j < blobs.size(); ++j) {
      caffe_set(blobs[j]->count(), Dtype(j < first ? 0.5 : 40),
          blobs[j]->mutable_cpu_data());
    }
  }

  /// Copies a trained net of these layers into another, through a binary or an
  /// HDF5 file.
  static void Copy(const string& source, Net<Dtype>* target, const bool hdf5) {
    Net<Dtype> trained(NetOf(source));
    Train(&trained);
    if (hdf5) {
      string folder;
      MakeTempDir(&folder);
      trained.ToHDF5(folder + "/weights.h5");
      target->CopyTrainedLayersFromHDF5(folder + "/weights.h5");
    } else {
      NetParameter saved;
      trained.ToProto(&saved);
      target->CopyTrainedLayersFrom(saved);
    }
  }

  static Dtype Weight(const Net<Dtype>& net) {
    return net.layer_by_name("fc")->blobs()[0]->cpu_data()[0];
  }
  static Dtype Count(const Net<Dtype>& net, const int blob = 1) {
    return net.layer_by_name("fc")->blobs()[blob]->cpu_data()[0];
  }
};

TYPED_TEST_CASE(LayerStateTest, TestDtypes);

TYPED_TEST(LayerStateTest, WeightsBeginTheScheduleOfTheirNewNet) {
  for (int hdf5 = 0; hdf5 < 2; ++hdf5) {
    Net<TypeParam> net(NetOf(kAnnealed));
    this->Copy(kAnnealed, &net, hdf5);
    EXPECT_EQ(0.5, this->Weight(net));
    EXPECT_EQ(7, this->Count(net));
  }
}

TYPED_TEST(LayerStateTest, AllBlobsOfALayerWithoutWeightsMayBeState) {
  const string layer =
      "layer { name: 'fc' type: 'LabelSpecificAdd' bottom: 'x' "
      "  bottom: 'label' top: 'y' label_specific_add_param { bias_base: 0 "
      "    bias_gamma: -0.125 bias_min: -1 iteration: 3 } } ";
  const string angle =
      "layer { name: 'fc' type: 'LabelSpecificMargin' bottom: 'x' "
      "  bottom: 'label' top: 'y' label_specific_margin_param { "
      "    margin_base: 0 gamma: 0.5 margin_max: 20 iteration: 3 } } ";
  for (int hdf5 = 0; hdf5 < 2; ++hdf5) {
    Net<TypeParam> net(NetOf(layer));
    this->Copy(layer, &net, hdf5);
    EXPECT_EQ(3, this->Count(net, 0));
    Net<TypeParam> angular(NetOf(angle));
    this->Copy(angle, &angular, hdf5);
    EXPECT_EQ(3, this->Count(angular, 1));
    EXPECT_NE(40, this->Count(angular, 0));
  }
}

TYPED_TEST(LayerStateTest, AClassifierFitsWithAndWithoutACount) {
  for (int hdf5 = 0; hdf5 < 2; ++hdf5) {
    Net<TypeParam> annealed(NetOf(kAnnealed));
    this->Copy(kConstant, &annealed, hdf5);
    EXPECT_EQ(0.5, this->Weight(annealed));
    EXPECT_EQ(7, this->Count(annealed));
    Net<TypeParam> from_plain(NetOf(kAnnealed));
    this->Copy(kPlain, &from_plain, hdf5);
    EXPECT_EQ(0.5, this->Weight(from_plain));
    EXPECT_EQ(7, this->Count(from_plain));
    Net<TypeParam> constant(NetOf(kConstant));
    this->Copy(kAnnealed, &constant, hdf5);
    EXPECT_EQ(0.5, this->Weight(constant));
  }
  Net<TypeParam> plain(NetOf(kPlain));
  this->Copy(kAnnealed, &plain, false);
  EXPECT_EQ(0.5, this->Weight(plain));
}

TYPED_TEST(LayerStateTest, ALossWithWeightsFitsWithAndWithoutACount) {
  const char* sources[] = {kAnnealedLoss, kConstantLoss, kPlain, kAnnealed};
  for (int i = 0; i < 4; ++i) {
    SCOPED_TRACE(sources[i]);
    for (int hdf5 = 0; hdf5 < 2; ++hdf5) {
      Net<TypeParam> annealed(NetOf(kAnnealedLoss));
      this->Copy(sources[i], &annealed, hdf5);
      EXPECT_EQ(0.5, this->Weight(annealed));
      EXPECT_EQ(7, this->Count(annealed));
      Net<TypeParam> constant(NetOf(kConstantLoss));
      this->Copy(sources[i], &constant, hdf5);
      EXPECT_EQ(0.5, this->Weight(constant));
    }
  }
  Net<TypeParam> plain(NetOf(kPlain));
  this->Copy(kAnnealedLoss, &plain, false);
  EXPECT_EQ(0.5, this->Weight(plain));
  Net<TypeParam> tested(NetOf(kAnnealedLoss, TEST));
  this->Copy(kAnnealedLoss, &tested, false);
  EXPECT_EQ(40, this->Count(tested));
}

TYPED_TEST(LayerStateTest, ABiasIsNoState) {
  for (int hdf5 = 0; hdf5 < 2; ++hdf5) {
    Net<TypeParam> annealed(NetOf(kAnnealed));
    EXPECT_FATAL(this->Copy(kBiased, &annealed, hdf5),
        "Incompatible number of blobs for layer fc");
    Net<TypeParam> constant(NetOf(kConstant));
    EXPECT_FATAL(this->Copy(kBiased, &constant, hdf5),
        "Incompatible number of blobs for layer fc");
    Net<TypeParam> biased(NetOf(kBiased));
    // In HDF5 the count stands where the bias is to.
    EXPECT_FATAL(this->Copy(kAnnealed, &biased, hdf5),
        "Incompatible number of blobs for layer fc|shape mismatch");
    EXPECT_FATAL(this->Copy(kPlain, &biased, hdf5),
        "Incompatible number of blobs for layer fc");
  }
}

TYPED_TEST(LayerStateTest, ATestTakesTheStateThatThereIs) {
  for (int hdf5 = 0; hdf5 < 2; ++hdf5) {
    Net<TypeParam> net(NetOf(kAnnealedTransformed, TEST));
    this->Copy(kAnnealed, &net, hdf5);
    EXPECT_EQ(40, this->Count(net));
    Net<TypeParam> without(NetOf(kAnnealedTransformed, TEST));
    this->Copy(kConstant, &without, hdf5);
    EXPECT_EQ(0.5, this->Weight(without));
    EXPECT_EQ(0, this->Count(without));
  }
}

TYPED_TEST(LayerStateTest, ARestoredSolverGoesOn) {
  const SolverParameter_SnapshotFormat formats[] = {
      SolverParameter_SnapshotFormat_BINARYPROTO,
      SolverParameter_SnapshotFormat_HDF5};
  const char* suffixes[] = {"", ".h5"};
  const string losses[] = {string(kAnnealed) +
          "layer { name: 'loss' type: 'SoftmaxWithLoss' bottom: 'fc' "
          "  bottom: 'label' }",
      kAnnealedLoss};
  for (int k = 0; k < 4; ++k) {
    const int i = k % 2;
    string folder;
    MakeTempDir(&folder);
    SolverParameter param;
    *param.mutable_net_param() = NetOf(losses[k / 2]);
    param.set_base_lr(0.1);
    param.set_lr_policy("fixed");
    param.set_max_iter(3);
    param.set_solver_mode(SolverParameter_SolverMode_CPU);
    param.set_snapshot_format(formats[i]);
    param.set_snapshot_prefix(folder + "/run");
    SGDSolver<TypeParam> solver(param);
    solver.Step(3);
    ASSERT_EQ(10, this->Count(*solver.net()));
    solver.Snapshot();
    SGDSolver<TypeParam> resumed(param);
    resumed.Restore((folder + "/run_iter_3.solverstate" + suffixes[i]).c_str());
    EXPECT_EQ(3, resumed.iter());
    EXPECT_EQ(10, this->Count(*resumed.net()));
    EXPECT_FALSE(RestoringState::Active());
    SGDSolver<TypeParam> tuned(param);
    tuned.net()->CopyTrainedLayersFrom(
        folder + "/run_iter_3.caffemodel" + suffixes[i]);
    EXPECT_EQ(7, this->Count(*tuned.net()));
    EXPECT_EQ(this->Weight(*solver.net()), this->Weight(*tuned.net()));
  }
}

TYPED_TEST(LayerStateTest, ANetThatSharesTakesTheCountOfTheOther) {
  Net<TypeParam> trained(NetOf(kAnnealed));
  this->Train(&trained);
  Net<TypeParam> test(NetOf(kAnnealedTransformed, TEST));
  test.ShareTrainedLayersWith(&trained);
  EXPECT_EQ(40, this->Count(test));
}

}  // namespace caffe
