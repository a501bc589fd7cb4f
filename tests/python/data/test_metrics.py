import pytest

from amcaffe.data.metrics import TRAIN_STATISTICS, read_metrics
from amcaffe.errors import InputError


def metrics(tmp_path, text):
    path = tmp_path / "metrics.csv"
    path.write_text(text, encoding="utf-8")
    return path


HEADER = "iteration,loss,learning_rate,images_per_second,test_loss\n"


def test_metrics_are_read_by_the_names_of_their_columns(tmp_path):
    found = read_metrics(metrics(tmp_path, HEADER + "10,2.5,0.1,88,\n20,2,0.1,90,1\n"))
    assert {name: column.tolist() for name, column in found.items()} == {
        "iteration": [10, 20], "loss": [2.5, 2], "learning_rate": [0.1, 0.1],
        "images_per_second": [88, 90],
    }  # fmt: skip


def test_metrics_of_a_fused_loss_have_its_cosines(tmp_path):
    header = HEADER.replace("test_loss", ",".join(TRAIN_STATISTICS))
    found = read_metrics(metrics(tmp_path, header + "10,2.5,0.1,88,0.5,0.25,0.75\n"))
    assert [found[name].tolist() for name in TRAIN_STATISTICS] == [[0.5], [0.25], [0.75]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "hold no line of figures"),
        (HEADER, "hold no line of figures"),
        (HEADER + "10,2.5,0.1,88,\n20,two,0.1,88,\n", "metrics.csv:3: loss is no number"),
        (HEADER + "10,2.5\n", "metrics.csv:2: learning_rate is no number"),
        ("iteration,loss\n10,2.5\n", "metrics.csv:1: the metrics lack learning_rate, images_per"),
    ],
)
def test_broken_metrics_are_refused_with_file_and_line(tmp_path, text, message):
    with pytest.raises(InputError, match=message):
        read_metrics(metrics(tmp_path, text))


def test_metrics_that_are_not_there_are_named(tmp_path):
    with pytest.raises(InputError, match="none.csv: No such file"):
        read_metrics(tmp_path / "none.csv")
