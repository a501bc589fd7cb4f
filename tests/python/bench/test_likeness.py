"""benchmarks/made_up_faces.py: its figures, its sample, and what it refuses."""

import subprocess
import sys

import numpy as np
import pytest

import made_up_faces
from amcaffe.errors import InputError
from bench.likeness import centred, figures, pairs_of


def test_every_pair_is_counted_once_and_by_its_people():
    features = np.array([(1, 0), (1, 0), (0, 2), (0, -1)], float)
    genuine, impostor = pairs_of(features, [5, 5, 7, 7])
    assert sorted(genuine) == pytest.approx([-1, 1])
    assert list(impostor) == pytest.approx([0, 0, 0, 0])


def test_d_prime_and_auc_are_those_of_two_normal_distributions():
    rng = np.random.default_rng(0)
    genuine, impostor = rng.normal(0.3, 0.1, 20000), rng.normal(0.1, 0.1, 20000)
    found = figures(genuine, impostor)
    assert found["d_prime"] == pytest.approx(2, abs=0.03)
    assert found["auc"] == pytest.approx(0.9214, abs=0.004)  # the normal's Phi(2 / sqrt(2))
    assert found["genuine"]["mean"] == pytest.approx(0.3, abs=0.003)
    assert found["impostor"]["std"] == pytest.approx(0.1, abs=0.002)


def test_what_all_images_have_in_common_is_taken_out():
    rng = np.random.default_rng(0)
    features = rng.normal(0, 1, (200, 32)) + 3
    _, before = pairs_of(features, np.arange(200) // 2)
    _, after = pairs_of(centred(features), np.arange(200) // 2)
    assert before.mean() > 0.8 and abs(after.mean()) < 0.02


def test_the_sample_is_of_people_with_enough_images_and_the_same_again(tmp_path):
    for person, images in {"few": 3, "a": 4, "b": 9}.items():
        (tmp_path / person).mkdir()
        for image in range(images):
            (tmp_path / person / f"{image}.jpg").touch()
    sample = made_up_faces._real_images(tmp_path, 2, 5, 1)
    assert sorted(path.split("/")[0] for path, _ in sample) == ["a"] * 4 + ["b"] * 5
    assert len({path for path, _ in sample}) == 9
    assert sample == made_up_faces._real_images(tmp_path, 2, 5, 1)
    with pytest.raises(InputError, match="too few people"):
        made_up_faces._real_images(tmp_path, 3, 5, 1)


def test_a_plot_and_a_table_are_made_of_both_sets():
    rng = np.random.default_rng(0)
    scores, found = {}, {}
    for name in ("real", "made-up"):
        pairs = rng.uniform(0, 1, 2000), rng.uniform(-0.5, 0.5, 2000)
        scores[name] = dict.fromkeys(made_up_faces.VIEWS, pairs)
        found[name] = dict.fromkeys(made_up_faces.VIEWS, figures(*pairs))
    assert made_up_faces.plot(scores).png().startswith(b"\x89PNG")
    assert made_up_faces.table(found).count("\n") == 6


def test_a_folder_that_is_not_there_is_named_before_anything_is_drawn(tmp_path, environment):
    command = [sys.executable, made_up_faces.__file__, "--net", "n", "--weights", "w"]
    command += ["--real", str(tmp_path / "none"), "--out", str(tmp_path / "out")]
    run = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert run.returncode == InputError.exit_status and "no such folder" in run.stderr
    assert not (tmp_path / "out").exists()
