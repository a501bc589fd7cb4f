"""A net that does not fit into memory is refused before any of it is allocated."""

import pytest

from amcaffe.errors import InputError
from amcaffe.nets.reading import read_solver
from amcaffe.train import Options
from amcaffe.train import train as train_in_process
from amcaffe.train.head_check import check_heads
from amcaffe.train.memory_check import check_memory, needed
from amcaffe.train.setting_check import check_settings
from amcaffe.train.solver_file import nets_of

pytestmark = pytest.mark.usefixtures("patched_caffe")
GIB = 2**30
PEOPLE = 3_000_000


@pytest.fixture
def case(tiny_faces, monkeypatch):
    """(parameters, nets) of a rendered head, with changes of its Experiment."""
    monkeypatch.chdir(tiny_faces.folder)

    def make(margin="am-softmax", kind=None, **changes):
        path, _ = tiny_faces.render_one(margin, **changes)
        if kind:
            with open(path, "a") as file:
                file.write(f'type: "{kind}"\n')
        parameters = read_solver(path)
        return parameters, nets_of(parameters, path)

    return make


def five_gib():
    return 5 * GIB, "of a test"


def test_three_million_classes_do_not_fit_into_five_gib(case):
    parameters, nets = case(classes=PEOPLE, features=512, batch=256)
    with pytest.raises(InputError) as caught:
        check_memory(parameters, nets, there=five_gib)
    error = caught.value
    weights = PEOPLE * 512 * 4 / GIB
    logits = 256 * PEOPLE * 4 / GIB
    need = needed(parameters, nets)
    assert need.weights / GIB == pytest.approx(weights, rel=0.01)
    assert need.weights == need.gradients == need.solver == need.saving / 2
    assert f"weights {need.weights / GIB:.2f} GiB, gradients" in error.expected
    assert need.blobs / GIB == pytest.approx(7 * logits, rel=0.01)  # 3 blobs, and probabilities
    assert need.whole / GIB == pytest.approx(5 * weights + 7 * logits, rel=0.01)
    assert f"{need.whole / GIB - 5:.2f} GiB more" in error.what
    assert error.found == "5.00 GiB, of a test"
    assert "3,000,000 x 512" in error.hint and "MarginSoftmaxLoss" in error.hint


def test_the_fused_loss_needs_no_matrix_of_all_cosines(case):
    chain = needed(*case(classes=PEOPLE, features=512, batch=256))
    fused = needed(*case("am-softmax-fused", classes=PEOPLE, features=512, batch=256))
    assert fused.weights == pytest.approx(chain.weights, rel=0.01)
    assert fused.blobs < 0.2 * GIB < 15 * GIB < chain.blobs


@pytest.mark.parametrize("kind, copies", [("SGD", 1), ("Nesterov", 2), ("Adam", 3)])
def test_what_the_solver_keeps_is_counted(case, kind, copies):
    need = needed(*case(kind=kind, classes=1000))
    assert need.solver == copies * need.weights


def test_weights_of_a_test_net_are_counted_until_it_is_first_used(case):
    alone = needed(*case(classes=1000))
    tested = needed(*case(classes=1000, test_iter=1))
    assert tested.blobs - alone.blobs > tested.weights == alone.weights
    parameters, nets = case(classes=1000, test_iter=1)
    parameters.test_initialization = True
    assert tested.blobs - needed(parameters, nets).blobs == tested.weights


def test_weights_with_a_shared_name_are_counted_once(case):
    parameters, nets = case(classes=1000)
    one = needed(parameters, nets).weights
    _, net, layers = nets[0]
    (head,) = (layer for layer in layers if layer.name == "fc6_l2")
    head.param[0].name = "shared"
    second = type(head).FromString(head.SerializeToString())
    second.name, second.top[0] = "again", "again"
    layers.append(second)
    assert needed(parameters, nets).weights == one
    second.param[0].name = ""
    assert needed(parameters, nets).weights == one + 1000 * 8 * 4


def test_on_a_gpu_the_host_needs_less_and_what_the_gpu_has_is_not_known(case, capsys):
    parameters, nets = case(classes=200_000, features=512)
    check_memory(parameters, nets, gpu=0, there=lambda: (int(1.2 * GIB), "of a test"))
    assert "GPU 0 needs at least" in capsys.readouterr().err
    with pytest.raises(InputError, match="more memory"):
        check_memory(parameters, nets, there=lambda: (int(1.2 * GIB), "of a test"))
    with pytest.raises(InputError, match="more memory"):
        check_memory(parameters, nets, gpu=0, there=lambda: (GIB, "of a test"))


@pytest.mark.parametrize(
    "old, new",
    [
        ("stride: 2", "stride: 0"),
        ("kernel_size: 3", "kernel_size: 300"),
        ('bottom: "fc5"', ""),
        ('  bottom: "data"', ""),
        ("num_output: 8", "num_output: 8 axis: 9"),
    ],
)
def test_layers_that_cannot_be_are_left_to_caffe(case, tiny_faces, old, new):
    case()
    net = tiny_faces.folder / "net/face_train_test.prototxt"
    text = net.read_text()
    assert old in text
    net.write_text(text.replace(old, new))
    path = tiny_faces.folder / "net/face_solver.prototxt"
    parameters = read_solver(path)
    nets = nets_of(parameters, path)
    assert needed(parameters, nets).whole > 0
    check_settings(path, nets[0][2])
    check_heads(path, nets[0][2])


def test_where_what_is_there_is_not_known_nothing_is_refused(case):
    check_memory(*case(classes=PEOPLE, features=512), there=lambda: None)


def test_train_refuses_before_it_builds_the_net(case, monkeypatch, tiny_faces):
    case(classes=100_000)
    monkeypatch.setattr("amcaffe.train.memory_check.memory_there", lambda: (1000, "of a test"))
    monkeypatch.setattr(
        "amcaffe.train.training._solver", lambda *_: pytest.fail("the net was built")
    )
    with pytest.raises(InputError, match="more memory than there is"):
        train_in_process(Options("net/face_solver.prototxt", "out"))
    assert not (tiny_faces.folder / "out").exists() or not list(
        (tiny_faces.folder / "out").glob("*.prototxt")
    )


def test_it_is_what_a_training_takes(case, tiny_faces):
    """The peak of a run's own memory, against the same run with a few classes.

    Of the address space: what is resident, a system may take back from a run that is slow.
    """
    import subprocess
    import sys

    from conftest import step_environment

    def peak(classes):
        parameters, nets = case(classes=classes, features=128, max_iter=1)
        code = (
            "import re, sys; from amcaffe.train import main; main(sys.argv[1:]); "
            "print(re.search('VmPeak:.*?([0-9]+)', open('/proc/self/status').read())[1])"
        )
        arguments = ("--solver", "net/face_solver.prototxt", "--out", f"out{classes}")
        done = subprocess.run(
            [sys.executable, "-c", code, *arguments],
            env=step_environment(), capture_output=True, text=True, check=True,
        )  # fmt: skip
        return needed(parameters, nets).whole, 1024 * int(done.stdout.split()[-1])

    (few, few_taken), (many, many_taken) = peak(6), peak(200_000)
    assert many_taken - few_taken == pytest.approx(many - few, rel=0.25)
