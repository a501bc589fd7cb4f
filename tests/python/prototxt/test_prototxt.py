import dataclasses
import re
import shlex
import subprocess
from pathlib import Path

import numpy as np
import pytest

from amcaffe import prototxt
from amcaffe.errors import InputError
from amcaffe.nets import text
from amcaffe.nets.experiment import UNITS, Experiment
from amcaffe.nets.heads import MARGINS
from amcaffe.nets.rendering import render_files

ROOT = Path(__file__).parents[3]


def layers(rendered):
    """{name: type} of a rendered net, in order; a name that stands twice is numbered."""
    return re.findall(r'^layer \{\n  name: "(\w+)"\n  type: "(\w+)"', rendered, re.M)


def test_the_committed_files_are_what_the_renderer_makes():
    rendered = render_files(Experiment())
    for name, content in rendered.items():
        committed = (ROOT / "prototxt" / name).read_text(encoding="utf-8")
        assert committed == content, (
            f"run: python -m amcaffe.prototxt --overwrite (prototxt/{name} is stale)"
        )
    assert {path.name for path in (ROOT / "prototxt").glob("*.prototxt")} == set(rendered)


def test_the_first_line_is_the_command_that_renders_the_file_again(tmp_path):
    experiment = Experiment(
        depth=10,
        channels=8,
        size=(50, 40),
        m=0.2,
        resize=True,
        mirror=False,
        root="my images/",
        steps=(5, 7),
        test_iter=3,
        weight_decay=1e-05,
        max_iter=9,
        sample_rate=0.1,
        memory_mb=0,
    )
    first = render_files(experiment, tmp_path, ["softmax", "am-softmax-fused"])
    stated, line = first["face_deploy.prototxt"].split("\n")[:2]
    assert stated == "# amcaffe input: bgr,128,0.0078125,resize=50x40"
    words = shlex.split(line.split("rendered by: ")[1])
    assert words[:3] == ["python", "-m", "amcaffe.prototxt"]
    prototxt.main(words[3:])
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == first


@pytest.mark.parametrize("depth", UNITS)
def test_depth_counts_the_convolutions(depth):
    net = render_files(Experiment(depth=depth))["face_train_test.prototxt"]
    kinds = [kind for _, kind in layers(net)]
    assert kinds.count("Convolution") == kinds.count("PReLU") == depth
    assert kinds.count("Eltwise") == (depth - 4) // 2


def test_the_20_layer_net_is_the_released_one():
    stages = {1: 1, 2: 2, 3: 4, 4: 1}
    names = []
    for stage, units in stages.items():
        names += [f"conv{stage}_1", f"relu{stage}_1"]
        for unit in range(units):
            a, b = 2 * unit + 2, 2 * unit + 3
            names += [
                f"conv{stage}_{a}",
                f"relu{stage}_{a}",
                f"conv{stage}_{b}",
                f"relu{stage}_{b}",
                f"res{stage}_{b}",
            ]
    names += [
        "fc5",
        "norm1",
        "fc6_l2",
        "label_specific_margin",
        "fc6_margin_scale",
        "softmax_loss",
        "Accuracy",
    ]
    net = render_files(Experiment())["face_train_test.prototxt"]
    assert [name for name, _ in layers(net)] == ["data", "data", *names]


def test_every_head_has_a_solver_and_a_net_of_its_own():
    files = render_files(Experiment(), margins=MARGINS)
    assert len(files) == 2 * len(MARGINS) + 1
    nets = {name for name in files if name.startswith("face_train_test")}
    assert nets == {f"face_train_test{suffix}.prototxt" for suffix in (
        "", "_fused", "_released_fused", "_wo_fn", "_wo_fn_fused", "_softmax", "_normface",
        "_normface_fused", "_arcface", "_arcface_chain", "_combined", "_combined_chain",
        "_a_softmax", "_a_softmax_fused",
    )}  # fmt: skip
    for name in nets:
        suffix = name[len("face_train_test") : -len(".prototxt")]
        solver = files[f"face_solver{suffix}.prototxt"]
        assert f'net: "prototxt/{name}"' in solver and f'snapshot_prefix: "face{suffix}"' in solver


def test_every_head_but_a_softmaxs_chain_starts_from_the_same_layers_with_weights():
    """A-Softmax's weights bear SphereFace's name there."""
    files = render_files(Experiment(), margins=MARGINS)

    def trained(name):
        return [
            layer
            for layer, kind in layers(files[name])
            if kind
            in ("Convolution", "PReLU", "InnerProduct", "MarginSoftmaxLoss", "MarginInnerProduct")
        ]

    softmax = trained("face_train_test_softmax.prototxt")
    for name in files:
        if name.startswith("face_train_test"):
            classes = "fc6" if name == "face_train_test_a_softmax.prototxt" else "fc6_l2"
            assert trained(name) == [*softmax[:-1], classes], name
    assert files["face_train_test_softmax.prototxt"].count("bias_term: false") == 1
    assert "normalize: true" not in files["face_train_test_softmax.prototxt"]


def test_a_layer_with_a_blob_has_one_name_in_every_head_that_may_share_it():
    """Caffe stops where a layer of one name has another number of blobs, and a Scale's blob is
    its scale, which another head's must not replace."""
    files = render_files(Experiment(s=30.0, arcface_s=64.0), margins=MARGINS)
    meaning = {}
    for name, content in files.items():
        if not name.startswith("face_train_test"):
            continue
        for layer in re.findall(r"^layer \{\n.*?^\}", content, re.M | re.S):
            called = re.search(r'name: "(\w+)"\n  type: "(\w+)"', layer)
            annealed = "bias_base" in layer
            scale = re.search(r"value: ([\d.]+)\n", layer) if called[2] == "Scale" else None
            blobs = (
                called[2] in ("Scale", "ChannelScale") and called[2],
                annealed,
                scale and scale[1],
            )
            assert meaning.setdefault(called[1], blobs) == blobs, called[1]


def test_the_solver_runs_on_a_training_list_alone():
    solver = render_files(Experiment())["face_solver.prototxt"]
    assert 'net: "prototxt/face_train_test.prototxt"' in solver
    assert "test_iter" not in solver and "solver_mode" not in solver


def test_a_softmax_trains_as_long_as_spherefaces_solver_and_others_as_am_softmaxs():
    for experiment, usual, a_softmax in (
        (Experiment(), 30000, 28000),
        (Experiment(max_iter=7), 7, 7),
    ):
        files = render_files(experiment, margins=MARGINS)
        for name in files:
            if name.startswith("face_solver"):
                expected = a_softmax if "a_softmax" in name else usual
                assert f"max_iter: {expected}\n" in files[name], name


def test_annealing_is_as_fast_whatever_the_batches_of_an_iteration():
    for iter_size, growth, gamma in ((1, "-5e-05", "0.12"), (2, "-2.5e-05", "0.06")):
        files = render_files(
            Experiment(iter_size=iter_size), margins=["am-softmax-wo-fn", "a-softmax"]
        )
        assert f"bias_gamma: {growth}\n" in files["face_train_test_wo_fn.prototxt"]
        assert f"gamma: {gamma}\n" in files["face_train_test_a_softmax.prototxt"]


@pytest.mark.parametrize("head", ["arcface", "combined"])
@pytest.mark.parametrize(
    "changes, passes",
    [
        (dict(max_iter=400, anneal=0.5), 200),
        (dict(max_iter=400, anneal=0.25, iter_size=3), 300),
        (dict(anneal=1.0), 30000),
        (dict(max_iter=400, anneal=0.0), None),
        (dict(max_iter=2**31 - 1, anneal=1.0, iter_size=7), 2**31 - 1),
    ],
)
def test_a_margin_grows_over_a_share_of_the_training(head, changes, passes):
    files = render_files(Experiment(**changes), margins=[head])
    net = files[f"face_train_test_{head}.prototxt"]
    assert re.findall(r"anneal_iter: (\d+)", net) == ([] if passes is None else [str(passes)])
    assert ("start_scale" in net) == (passes is not None)


def test_options_reach_the_text():
    files = render_files(
        Experiment(
            backend="lmdb",
            source="a/db",
            batch=7,
            s=64.0,
            m=0.4,
            classes=12,
            features=128,
            test_iter=2,
        ),
        out=".",
    )
    net, solver = files["face_train_test.prototxt"], files["face_solver.prototxt"]
    assert 'net: "face_train_test.prototxt"' in solver and "test_iter: 2" in solver
    for line in (
        'type: "Data"',
        'source: "a/db"',
        "backend: LMDB",
        "batch_size: 7",
        "value: 64",
        "bias: -0.4",
        "num_output: 12",
        "num_output: 128",
    ):
        assert line in net


@pytest.mark.parametrize(
    "margin, changes, expected",
    [
        ("am-softmax-fused", {"m": 0.4, "s": 20.0}, ["m1: 1", "m2: 0", "m3: 0.4", "scale: 20"]),
        (
            "am-softmax-fused",
            {"sample_rate": 0.25, "memory_mb": 7},
            ["sample_rate: 0.25", "memory_mb: 7"],
        ),
        ("normface-fused", {}, ["m1: 1", "m2: 0", "m3: 0", "scale: 30"]),
        (
            "arcface",
            {"arcface_m": 0.4, "arcface_s": 32.0, "anneal_s": 4.0},
            ["m1: 1", "m2: 0.4", "m3: 0", "bound: MONOTONE", "scale: 32", "start_scale: 4"],
        ),
        (
            "arcface-chain",
            {"arcface_m": 0.4, "arcface_s": 32.0},
            ["m1: 1", "m2: 0.4", "m3: 0", "bound: MONOTONE", "value: 32"],
        ),
        ("combined", {"m1": 0.9, "anneal_s": 40.0}, ["m1: 0.9", "m2: 0.3", "m3: 0.2",
                                                     "bound: MONOTONE", "start_scale: 30"]),
        ("combined-chain", {"m1": 0.9}, ["m1: 0.9", "m2: 0.3", "m3: 0.2", "bound: MONOTONE"]),
        ("am-softmax-released-fused", {"m": 0.4}, ["m3: 0.4", "unconditional: false", "scale: 30"]),
        (
            "am-softmax-wo-fn-fused",
            {"wo_fn_m": 0.5, "wo_fn_growth": 0.25, "iter_size": 3},
            ["m3: 0.5", "unconditional: false", "normalize_feature: false", "scale: 1",
             "anneal_iter: 6"],
        ),
        (
            "a-softmax-fused",
            {"a_softmax_m": 3, "lambda_gamma": 0.5, "lambda_min": 10.0},
            ["m1: 3", "m3: 0", "bound: MONOTONE", "normalize_feature: false", "scale: 1",
             "base: 1000", "gamma: 0.5", "power: 1", "lambda_min: 10"],
        ),
        (
            "am-softmax-wo-fn",
            {"wo_fn_m": 0.5, "wo_fn_growth": 0.25},
            ["bias_base: 0", "bias_gamma: -0.25", "bias_min: -0.5", "bias_max: 0", "bp_norm: true"],
        ),
        (
            "a-softmax",
            {"a_softmax_m": 3, "lambda_gamma": 0.5, "lambda_min": 10.0},
            ["type: TRIPLE", "base: 1000", "gamma: 0.5", "power: 1", "lambda_min: 10"],
        ),
    ],
)  # fmt: skip
def test_options_of_each_head_reach_its_text(margin, changes, expected):
    files = render_files(Experiment(**changes), margins=[margin])
    net = next(content for name, content in files.items() if "train_test" in name)
    found = [line.strip() for line in net.split("\n")]
    assert [line for line in expected if line not in found] == []


def test_strings_are_escaped_and_floats_are_exact():
    rendered = text.render(
        [
            ("s", 'a"b\\c\n'),
            ("f", 0.1),
            ("g", 5e-324),
            ("h", 30.0),
            ("t", text.Token("MAX")),
            ("b", True),
            ("m", [("n", 1)]),
        ]
    )
    assert rendered == (
        's: "a\\"b\\\\c\\n"\nf: 0.1\ng: 5e-324\nh: 30\nt: MAX\nb: true\nm {\n  n: 1\n}\n'
    )


FLOAT_FIELDS = [
    field.name for field in dataclasses.fields(Experiment) if isinstance(field.default, float)
]


@pytest.mark.parametrize(
    "change, named",
    [
        ({"depth": 18}, "depth"),
        ({"classes": 1}, "classes"),
        ({"batch": 0}, "batch"),
        ({"size": (0, 5)}, "size"),
        ({"m": -0.1}, "m"),
        ({"s": float("nan")}, "s"),
        ({"steps": (9, 4)}, "steps"),
        ({"lr": 0.0}, "lr"),
        ({"m3": -1.0}, "m3"),
        ({"anneal": 1.5}, "anneal"),
        ({"anneal_s": 0.0}, "anneal_s"),
        ({"arcface_m": 28.6}, "arcface_m"),
        ({"arcface_s": 0.0}, "arcface_s"),
        ({"wo_fn_m": -0.4}, "wo_fn_m"),
        ({"wo_fn_growth": -5e-5}, "wo_fn_growth"),
        ({"a_softmax_m": 5}, "a_softmax_m"),
        ({"lambda_gamma": float("inf")}, "lambda_gamma"),
        ({"lambda_min": -1.0}, "lambda_min"),
        ({"sample_rate": 0.0}, "sample_rate"),
        ({"sample_rate": 1.1}, "sample_rate"),
        ({"memory_mb": -1}, "memory_mb"),
        ({"max_iter": 0}, "max_iter"),
        ({"depth": 20.0}, "depth"),
        ({"depth": 10**23}, "depth"),
        ({"channels": 2**28}, "channels"),  # eight times as many do not fit
        ({"features": 2**31}, "features"),
        ({"features": -5}, "features"),
        ({"classes": 10**23}, "classes"),
        ({"classes": 2.5}, "classes"),
        ({"classes": True}, "classes"),
        ({"size": (-112, 96)}, "size"),
        ({"size": (112, 10**23)}, "size"),
        ({"size": (112,)}, "size"),
        ({"batch": 10**23}, "batch"),
        ({"iter_size": 2**31}, "iter_size"),
        ({"steps": (-5,)}, "steps"),
        ({"steps": (0, 5)}, "steps"),
        ({"steps": (5, 5)}, "steps"),
        ({"steps": (5, 2**31)}, "steps"),
        ({"max_iter": 2**31}, "max_iter"),
        ({"max_iter": -1}, "max_iter"),
        ({"snapshot": 2**31}, "snapshot"),
        ({"test_iter": -1}, "test_iter"),
        ({"test_iter": 2**31}, "test_iter"),
        ({"test_interval": 2**31}, "test_interval"),
        ({"memory_mb": 2**32}, "memory_mb"),
        ({"memory_mb": 1.5}, "memory_mb"),
        ({"a_softmax_m": 0}, "a_softmax_m"),
        ({"snapshot_prefix": ""}, "snapshot_prefix"),
        ({"snapshot_prefix": "snapshots/"}, "snapshot_prefix"),
        ({"snapshot_prefix": "snapshots/.."}, "snapshot_prefix"),
        ({"source": "a\nb"}, "source"),
        # What a double holds, and a float does not: too large, too small, or rounded to the end.
        ({"lr": 1e39}, "lr"),
        ({"lr": 1e-46}, "lr"),
        ({"s": 10**400}, "s"),
        ({"m1": 1e300}, "m1"),
        ({"m": 2 - 1e-9}, "m"),
        ({"sample_rate": 1e-60}, "sample_rate"),
        ({"sample_rate": "0.5"}, "sample_rate"),
        *(
            ({name: float(value)}, name)
            for value in ("nan", "inf", "-inf")
            for name in FLOAT_FIELDS
        ),
    ],
)
def test_impossible_values_are_refused_by_name(change, named):
    with pytest.raises(InputError, match=f"prototxt: {named} must be"):
        Experiment(**change)


@pytest.mark.parametrize("words", [["--steps", "-5"], ["--classes", "1" + 23 * "0"]])
def test_impossible_numbers_are_told_in_a_line_and_nothing_is_written(step, tmp_path, words):
    done = step("prototxt", *words, cwd=tmp_path)
    assert done.returncode == 2 and f"{words[0][2:]} must be" in done.stderr
    assert "Traceback" not in done.stderr and not list(tmp_path.iterdir())


def test_a_folder_whose_name_would_break_the_first_line_is_refused():
    with pytest.raises(InputError, match="name of the folder must be one line"):
        render_files(Experiment(), "a\nb")


def test_the_largest_numbers_that_are_taken_come_back_from_caffes_own_parser(stock_caffe):
    from caffe.proto import caffe_pb2
    from google.protobuf import text_format

    most = 2**31 - 1
    whole = ("features", "classes", "batch", "iter_size", "snapshot", "test_interval", "max_iter")
    files = render_files(
        Experiment(
            **dict.fromkeys(whole, most), channels=2**28 - 1, size=(most, most), resize=True,
            steps=(1, most), test_iter=most, lr=3.4e38, weight_decay=1e-45, s=3.4e38,
        ),
        margins=["softmax", "normface"],
    )  # fmt: skip
    solver = text_format.Parse(files["face_solver_softmax.prototxt"], caffe_pb2.SolverParameter())
    assert [solver.max_iter, solver.snapshot, solver.test_interval, *solver.test_iter] == [most] * 4
    assert list(solver.stepvalue) == [1, most] and solver.iter_size == most
    assert 3.3e38 < solver.base_lr < float("inf") and solver.weight_decay > 0
    net = text_format.Parse(files["face_train_test_softmax.prototxt"], caffe_pb2.NetParameter())
    by_name = {layer.name: layer for layer in net.layer}
    assert by_name["conv4_1"].convolution_param.num_output == 8 * (2**28 - 1) <= most
    assert by_name["fc5"].inner_product_param.num_output == most
    assert by_name["fc6_l2"].inner_product_param.num_output == most
    data = net.layer[0].image_data_param
    assert [data.batch_size, data.new_height, data.new_width] == [most] * 3


def test_numbers_of_numpy_are_written_as_numbers():
    files = render_files(Experiment(classes=np.int64(7), s=np.float64(0.5), steps=(np.int32(9),)))
    assert "num_output: 7\n" in files["face_train_test.prototxt"]
    assert "value: 0.5\n" in files["face_train_test.prototxt"]
    assert "stepvalue: 9\n" in files["face_solver.prototxt"]
    assert "--classes 7 --s 0.5 --steps 9" in files["face_solver.prototxt"]


def test_an_lmdb_cannot_be_resized():
    with pytest.raises(InputError, match="LMDB"):
        render_files(Experiment(backend="lmdb", resize=True))


def test_the_committed_files_parse_and_name_only_known_layers(patched_caffe):
    from caffe.proto import caffe_pb2

    from amcaffe.nets import reading

    for path in (ROOT / "prototxt").glob("*.prototxt"):
        if "solver" in path.name:
            solver = reading.read_solver(path)
            assert (ROOT / solver.net).is_file()
            assert list(solver.stepvalue) == [16000, 24000, 28000]
            continue
        net = reading.read_net(path)
        phases = [caffe_pb2.TEST] if "deploy" in path.name else [caffe_pb2.TRAIN, caffe_pb2.TEST]
        for phase in phases:
            layers = reading.layers_in(net, phase)
            reading.check_layers(patched_caffe, path, net, layers)


def test_caffe_train_runs_a_shortened_solver_of_the_committed_net(patched_caffe, tiny_faces):
    caffe = Path(patched_caffe.__file__).parents[2] / "build/tools/caffe"
    if not caffe.exists():
        pytest.skip(f"no caffe tool beside pycaffe: {caffe}")
    committed = Experiment()
    tiny_faces.render(
        depth=committed.depth,
        channels=committed.channels,
        features=committed.features,
        classes=committed.classes,
        size=committed.size,
        batch=2,
        lr=committed.lr,
        max_iter=1,
        resize=True,
        margins=("am-softmax", "am-softmax-fused"),
    )
    for solver in ("face_solver.prototxt", "face_solver_fused.prototxt"):
        done = subprocess.run(
            [caffe, "train", "-solver", f"net/{solver}"],
            cwd=tiny_faces.folder,
            capture_output=True,
            text=True,
            timeout=600,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        assert "Optimization Done" in done.stderr
    assert (tiny_faces.folder / "face_iter_1.caffemodel").exists()
    assert (tiny_faces.folder / "face_fused_iter_1.caffemodel").exists()
