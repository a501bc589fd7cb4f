"""Forks that can be named instead of giving their caffe.proto: what differs from upstream.

Facts, one message or enum a line: `Message field=number:type`, with `*` behind a repeated field
and `!` behind a required one. A field without a type is one whose contents are not stated here.
"""

import functools
import re
from dataclasses import dataclass

from amcaffe.convert import upstream
from amcaffe.convert.schema import UNSTATED, FieldType, MessageType, Schema

_FIELD = re.compile(r"(\w+)=(\d+)(?::([\w.]+))?([*!]?)")
_LABELS = {"": "optional", "*": "repeated", "!": "required"}

# As the layers were first published; forks have these messages under numbers of their own.
_PUBLISHED = """
FlipParameter flip_width=1:bool flip_height=2:bool
NormalizeParameter normalize_type=1:string fix_gradient=2:bool bp_norm=3:bool
LabelSpecificAddParameter bias=1:float transform_test=2:bool bias_base=3:float
    bias_gamma=4:float bias_power=5:float bias_min=6:float bias_max=7:float iteration=8:uint32
ChannelScaleParameter do_forward=1:bool do_backward_feature=2:bool do_backward_scale=3:bool
    global_scale=4:bool max_global_scale=5:float min_global_scale=6:float
    init_global_scale=7:float
CombinedMarginParameter m1=1:float m2=2:float m3=3:float transform_test=4:bool
CosinAddmParameter m=1:float transform_test=2:bool
LabelSpecificMarginParameter margin_base=1:float margin_max=2:float power=3:float gamma=4:float
    iteration=5:int32 reset_margin=6:bool margin_on_test=7:bool auto_tune=8:bool
    type=9:LabelSpecificMarginParameter.MarginType
enum LabelSpecificMarginParameter.MarginType HARD=0 SOFT=1
MarginInnerProductParameter num_output=1:uint32
    type=2:MarginInnerProductParameter.MarginType weight_filler=3:FillerParameter axis=4:int32
    base=5:float gamma=6:float power=7:float iteration=8:int32 lambda_min=9:float
enum MarginInnerProductParameter.MarginType SINGLE=0 DOUBLE=1 TRIPLE=2 QUADRUPLE=3
"""


@dataclass(frozen=True)
class Fork:
    """what: whose it is. fields: facts. base: the fork that these are added to, or upstream."""

    what: str
    fields: str
    base: str = "upstream"


FORKS = {
    "upstream": Fork("BVLC/caffe", "", base=""),
    "happynear": Fork(
        "happynear/caffe-windows, branch ms",
        """
LayerParameter bn_param=200 local_param=201 insanity_param=202 triplet_loss_param=203
    roi_pooling_param=204 eltwise_affine_param=205 sub_region_param=206 noise_param=207
    hotspot_param=208 predict_box_param=209 fcn_data_param=210 center_loss_param=211
    flip_param=212:FlipParameter inner_distance_param=213 normalize_param=214:NormalizeParameter
    general_contrastive_loss_param=215 soft_contrastive_loss_param=216
    general_triplet_loss_param=217 soft_truncation_param=218 proposal_param=219
    psroi_pooling_param=220 pairwise_param=221 smoothl1_param=222
    batch_contrastive_loss_param=223 permute_param=224 truncation_param=225 nca_param=226
    largemargin_inner_product_param=227 label_specific_rescale_param=228 infimum_loss_param=229
    ordinal_regression_loss_param=230 resize_param=231
    margin_inner_product_param=232:MarginInnerProductParameter feature_decay_loss_param=233
    confidence_penalty_loss_param=234 focal_loss_param=235
    label_specific_margin_param=236:LabelSpecificMarginParameter
    channel_scale_param=237:ChannelScaleParameter label_specific_affine_param=238
    label_specific_hard_margin_param=239 label_specific_add_param=241:LabelSpecificAddParameter
    mil_data_param=5065028 mil_param=5065036
AccuracyParameter min_is_better=4:bool
BatchNormParameter disable_mean=4:bool disable_variance=5:bool scale_filler=7:FillerParameter
    bias_filler=8:FillerParameter engine=15
ConvolutionParameter cudnn_convolution_algo_seeker=19 shape_offset=20:uint32*
DropoutParameter sqrt_scale=2:bool
FillerParameter alpha=9:float
ImageDataParameter face_transform=13:bool max_shear_ratio=14:float max_aspect_ratio=15:float
    max_rotate_angle=16:float min_random_scale=17:float max_random_scale=18:float
    max_random_shift=19:uint32 face_mirror=20:bool face_point_num=21:uint32
    balance_class=22:bool balance_by=23:uint32 label_cut_start=24:uint32 label_cut_end=25:uint32
InnerProductParameter normalize=7:bool
MemoryDataParameter transpose=5:bool
ParameterParameter blob_filler=2:FillerParameter
PoolingParameter blobs_lr=13:float blobs_a_min=14:float
ScaleParameter min_value=6:float max_value=7:float
SoftmaxParameter hard_ratio=3:float class_weight=4:float* hard_mining_label=5:int32
    cutting_point=6:float normalize_type=7:string label_smooth_factor=8:float
TransformationParameter crop_h=8:uint32 crop_w=9:uint32 center_crop=10:bool erase_ratio=11:float
    scale_min=12:float scale_max=13:float aspect_min=14:float aspect_max=15:float
enum EltwiseParameter.EltwiseOp SORT=3
enum PoolingParameter.PoolMethod DEF=3 DEF_ALL=4 DEF_ALL2=5 DEF_ALL3=6 DEF_ALL4=7 LOWRES=8
""",
    ),
    "happynear-experiment": Fork(
        "happynear/caffe-windows, branch experiment",
        """
LayerParameter label_specific_statistics_param=240 exp_triplet_loss_param=242
LabelSpecificMarginParameter pass_bp=10:bool
ParamSpec fix_lr=5:bool
SoftmaxParameter margin=9:float
""",
        base="happynear",
    ),
    "happynear-master": Fork(
        "happynear/caffe-windows, branch master",
        """
LayerParameter bn_param=139 local_param=140 insanity_param=141 triplet_loss_param=142
    roi_pooling_param=143 batch_norm_param=144:BatchNormParameter eltwise_affine_param=145
    sub_region_param=146 noise_param=147 scale_param=148:ScaleParameter
    elu_param=149:ELUParameter bias_param=150:BiasParameter hotspot_param=151
    crop_param=152:CropParameter input_param=153:InputParameter
FillerParameter alpha=9:float
ImageDataParameter face_transform=13:bool max_shear_ratio=14:float max_aspect_ratio=15:float
    max_rotate_angle=16:float min_random_scale=17:float max_random_scale=18:float
    max_random_shift=19:uint32 face_mirror=20:bool face_point_num=21:uint32
""",
    ),
    "gehaocool": Fork(
        "a tree with the fields of gehaocool/CombinedMargin-caffe's toadd.proto",
        """
LayerParameter normalize_param=148:NormalizeParameter
    combined_margin_param=151:CombinedMarginParameter
InnerProductParameter normalize=7:bool
""",
    ),
    "xialuxi": Fork(
        "xialuxi/arcface-caffe: its caffe.proto and its `proto`",
        """
LayerParameter st_loss_param=145 st_param=148 rpn_param=150 focal_loss_param=155
    combined_margin_param=156:CombinedMarginParameter
    asdn_data_param=159 bn_param=160 mtcnn_data_param=161 interp_param=162
    psroi_pooling_param=163 annotated_data_param=164 prior_box_param=165
    crop_param=167:CropParameter detection_evaluate_param=168 detection_output_param=169
    normalize_param=170:NormalizeParameter multibox_loss_param=171 permute_param=172
    video_data_param=173 margin_inner_product_param=174:MarginInnerProductParameter
    center_loss_param=175 deformable_convolution_param=176
    label_specific_add_param=177:LabelSpecificAddParameter additive_margin_inner_product_param=178
    cosin_add_m_param=179:CosinAddmParameter cosin_mul_m_param=180
    channel_scale_param=181:ChannelScaleParameter flip_param=182:FlipParameter
    triplet_loss_param=183 coupled_cluster_loss_param=184 general_triplet_loss_param=185
    detection_loss_param=200 eval_detection_param=201 region_loss_param=202 reorg_param=203
    roi_pooling_param=8266711 smooth_l1_loss_param=8266712
DataParameter side=11:uint32*
DropoutParameter scale_train=2:bool
FillerParameter file=9:string
InnerProductParameter normalize=7:bool
PoolingParameter ceil_mode=13:bool
ScaleParameter min_value=6:float max_value=7:float
TransformationParameter resize_param=8 noise_param=9 emit_constraint=10 crop_h=11:uint32
    crop_w=12:uint32 distort_param=13 expand_param=14
""",
    ),
    "caffe-zf": Fork(
        "zhanglaplace/Caffe-ZF",
        """
LayerParameter roi_pooling_param=147 smooth_l1_loss_param=148 psroi_pooling_param=149
    box_annotator_ohem_param=150 center_loss_param=151 flip_param=154:FlipParameter
    island_loss_param=155 weighted_softmax_param=156 rpn_param=158
    margin_inner_product_param=159:MarginInnerProductParameter new_center_loss_param=160
    normalize_param=161:NormalizeParameter Knowledge_distillation_param=162
    label_specific_add_param=163:LabelSpecificAddParameter softmax_with_loss_param=164
    label_margin_param=165 label_specific_margin_param=166:LabelSpecificMarginParameter
    axpy_param=167 center_projection_param=168 label_specific_auto_param=169
    channel_scale_param=170:ChannelScaleParameter angular_triplet_param=171 mil_data_param=5065028
    mil_param=5065036
DropoutParameter scale_train=2:bool
ImageDataParameter label_dim=15:uint32
InnerProductParameter normalize=7:bool
LossParameter pre_fixed_normalizer=4:float
ScaleParameter min_value=6:float max_value=7:float
enum LossParameter.NormalizationMode PRE_FIXED=3 NONE=4
LabelSpecificMarginParameter pass_bp=10:bool
""",
    ),
    "guohongwu": Fork(
        "GuohongWu/caffe-windows, branch ms",
        """
LayerParameter denseblock_param=147 bn_param=200 local_param=201 insanity_param=202
    triplet_loss_param=203 roi_pooling_param=204 eltwise_affine_param=205 sub_region_param=206
    noise_param=207 hotspot_param=208 predict_box_param=209 fcn_data_param=210
    center_loss_param=211 flip_param=212:FlipParameter inner_distance_param=213
    norm_param=214:NormalizeParameter general_contrastive_loss_param=215
    soft_contrastive_loss_param=216 general_triplet_loss_param=217 soft_truncation_param=218
    proposal_param=219 pairwise_param=221 smooth_l1_loss_param=222
    batch_contrastive_loss_param=223 permute_param=224 truncation_param=225 nca_param=226
    largemargin_inner_product_param=227 label_specific_rescale_param=228 infimum_loss_param=229
    ordinal_regression_loss_param=230 resize_param=231
    margin_inner_product_param=232:MarginInnerProductParameter hdf5_bbox_data_param=233
    anchors_param=234 my_smooth_L1_loss_param=235 online_hard_mine_param=236
    online_random_mine_param=237 proposal_rcnn_train_param=238 proposal_rcnn_test_param=239
    image_mix_hdf5_data_param=240 fd_anchors_param=241 roi_alignment_param=242
    fcn_image_data_param=243 center_projection_param=244 focal_loss_param=245
    shuffle_channel_param=246 online_hard_mine_v2_param=247 softmax_focal_loss_param=248
    cpm_transform_param=249 tv_loss_param=250 bbox_attention_map_param=251
    label_specific_add_param=252:LabelSpecificAddParameter
    normalized_inner_product_param=253:NormalizedInnerProductParameter
    channel_scale_param=254:ChannelScaleParameter scalfix_normalize_param=255
    label_specific_margin_param=256:LabelSpecificMarginParameter mhe_loss_param=257
    yolo_label_param=258 yolo_loss_param=259 mil_data_param=5065028 mil_param=5065036
AccuracyParameter min_is_better=4:bool
BatchNormParameter disable_mean=4:bool disable_variance=5:bool scale_filler=7:FillerParameter
    bias_filler=8:FillerParameter engine=15
ContrastiveLossParameter add_weighted=3:bool inner_margin=4:float
ConvolutionParameter cudnn_convolution_algo_seeker=19 shape_offset=20:uint32*
DropoutParameter sqrt_scale=2:bool
FillerParameter alpha=9:float
ImageDataParameter face_transform=13:bool max_shear_ratio=14:float max_aspect_ratio=15:float
    max_rotate_angle=16:float min_random_scale=17:float max_random_scale=18:float
    max_random_shift=19:uint32 face_mirror=20:bool face_point_num=21:uint32
    balance_class=22:bool balance_by=23:uint32 label_cut_start=24:uint32 label_cut_end=25:uint32
    bbox_source=26:string
InnerProductParameter normalize=7:bool
MemoryDataParameter transpose=5:bool
ParameterParameter blob_filler=2:FillerParameter
PoolingParameter blobs_lr=13:float blobs_a_min=14:float
ScaleParameter min_value=6:float max_value=7:float
SoftmaxParameter hard_ratio=3:float class_weight=4:float* hard_mining_label=5:int32
    cutting_point=6:float normalize_type=7:string
TransformationParameter crop_h=8:uint32 crop_w=9:uint32 center_crop=10:bool
    color_distort=11:bool scaled_resize=12:bool mask_size_min=13:uint32 mask_size_max=14:uint32
enum EltwiseParameter.EltwiseOp SORT=3
enum PoolingParameter.PoolMethod DEF=3 DEF_ALL=4 DEF_ALL2=5 DEF_ALL3=6 DEF_ALL4=7 LOWRES=8
NormalizeParameter across_spatial=1:bool scale_filler=2:FillerParameter channel_shared=3:bool
    eps=4:float
NormalizedInnerProductParameter normalize=1:bool
LabelSpecificMarginParameter pass_bp=10:bool
""",
    ),
    "nbadalls": Fork(
        "nbadalls/caffe-server",
        """
LayerParameter rank_hard_loss_param=149 label_specific_add_param=3004:LabelSpecificAddParameter
    normalize_param=3005:NormalizeParameter l2norm_param=3006 triplet_loss_param=3007
    label_specific_cosine_add_param=3008 label_specific_cosine_sub_param=3009
    affine_crop_param=3310
ImageDataParameter pair_size=13:uint32 subjects_per_iter=14:int32 samples_per_subject=15:int32
    o3_samples_per_subject=17:int32
InnerProductParameter normalize=7:bool
NetParameter print_net_info=191:bool
""",
    ),
    "tanghy2016": Fork(
        "tanghy2016/caffe",
        """
LayerParameter sv_x_param=300 relu6_param=301 pfld_loss_param=302
    normalize_param=303:NormalizeParameter add_margin_param=304 shuffle_channel_param=305
    permute_param=306 prior_box_param=307 annotated_data_param=308 detection_output_param=309
    detection_evaluate_param=310 multibox_loss_param=311
InnerProductParameter normalize=7:bool
TransformationParameter resize_param=8 noise_param=9 emit_constraint=10 crop_h=11:uint32
    crop_w=12:uint32 distort_param=13 expand_param=14
""",
    ),
    "sphereface": Fork(
        "wy1iu/sphereface's caffe",
        """
LayerParameter margin_inner_product_param=147:MarginInnerProductParameter
""",
    ),
    "sphereface-plus": Fork(
        "wy1iu/sphereface-plus's caffe",
        """
LayerParameter margin_inner_product_param=147:MarginInnerProductParameter inter_class_param=148
    normalize_param=149:NormalizeParameter
InnerProductParameter normalize=7:bool
""",
    ),
    "ssd": Fork(
        "weiliu89/caffe, branch ssd",
        """
LayerParameter annotated_data_param=200 multibox_loss_param=201 permute_param=202
    prior_box_param=203 detection_output_param=204 detection_evaluate_param=205
    norm_param=206:NormalizeParameter video_data_param=207
SolverState minimum_loss=5:float iter_last_event=6:int32
TransformationParameter resize_param=8 noise_param=9 emit_constraint=10 crop_h=11:uint32
    crop_w=12:uint32 distort_param=13 expand_param=14
NormalizeParameter across_spatial=1:bool scale_filler=2:FillerParameter channel_shared=3:bool
    eps=4:float
""",
    ),
}


@functools.cache
def fork_schema(name):
    """The Schema of a fork of FORKS, one for all, not to be changed."""
    schema = Schema(name)
    _add(schema, upstream.FIELDS + _PUBLISHED)
    lineage = []
    while name != "upstream":
        lineage.append(FORKS[name])
        name = FORKS[name].base
    for fork in reversed(lineage):
        _add(schema, fork.fields)
    return schema


def _add(schema, text):
    for line in re.sub(r"\n +", " ", text).split("\n"):
        kind, _, rest = line.partition(" ")
        if kind == "enum":
            name, _, rest = rest.partition(" ")
            values = schema.enums.setdefault(name, {})
            values.update((value, int(number)) for value, number, _, _ in _FIELD.findall(rest))
        elif kind:
            message = schema.messages.setdefault(kind, MessageType(kind))
            for name, number, type_name, mark in _FIELD.findall(rest):
                message.add(FieldType(name, int(number), _LABELS[mark], type_name or UNSTATED))
