"""Weights that are copied without the state of the training they come from."""

from amcaffe.install.host_edits.host_edit import HostEdit

_HEADER = "include/caffe/util/layer_state.hpp"
_INCLUDE = '#include "caffe/util/layer_state.hpp"\n'
_KEEPER = "include/caffe/layers/kept_number.hpp"  # of no use without a layer that has state
_RESTORE = "state in a restored solver"

EDITS = (
    HostEdit(
        _RESTORE,
        "a resumed training goes on with the state that its snapshot has beside the weights",
        ("src/caffe/solver.cpp",),
        (
            (
                '#include "caffe/solver.hpp"\n',
                f'#include "caffe/solver.hpp"\n{_INCLUDE}',
            ),
            (
                "void Solver<Dtype>::Restore(const char* state_file) {\n",
                "void Solver<Dtype>::Restore(const char* state_file) {\n"
                "  const RestoringState restoring;\n",
            ),
        ),
        needs=(_HEADER, _KEEPER),
    ),
    HostEdit(
        "weights without state",
        "weights copied into another training took its annealed margins' counts along, and were "
        "refused where one of the two keeps no count",
        ("src/caffe/net.cpp",),
        (
            (
                '#include "caffe/util/hdf5.hpp"\n',
                f'#include "caffe/util/hdf5.hpp"\n{_INCLUDE}',
            ),
            (
                "    CHECK_EQ(target_blobs.size(), source_layer.blobs_size())\n"
                '        << "Incompatible number of blobs for layer " << source_layer_name;\n'
                "    for (int j = 0; j < target_blobs.size(); ++j) {\n",
                "    const BlobsToCopy copied =\n"
                "        BlobsFrom(source_layer, layers_[target_layer_id].get());\n"
                "    CHECK_EQ(copied.weights(), copied.WeightsAmong(source_layer.blobs_size()))\n"
                '        << "Incompatible number of blobs for layer " << source_layer_name;\n'
                "    for (int j = 0; j < copied.count(); ++j) {\n",
            ),
            (
                "    CHECK_LE(num_source_params, target_blobs.size())\n"
                '        << "Incompatible number of blobs for layer " << source_layer_name;\n'
                "    for (int j = 0; j < target_blobs.size(); ++j) {\n",
                "    const BlobsToCopy copied =\n"
                "        BlobsFrom(layer_hid, layers_[target_layer_id].get());\n"
                "    CHECK_LE(copied.WeightsAmong(num_source_params), copied.weights())\n"
                '        << "Incompatible number of blobs for layer " << source_layer_name;\n'
                "    for (int j = 0; j < copied.count(); ++j) {\n",
            ),
        ),
        needs=(_HEADER, _KEEPER, _RESTORE),
    ),
)
