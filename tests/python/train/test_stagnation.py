"""Runs that learn nothing, and healthy ones that look like it for a while, as numbers."""

import math

import numpy as np
import pytest

from amcaffe.train.stagnation import SIGNALS, Seen, Stagnation, helps

C = 20
GUESS = math.log(C)
NOISE = np.random.default_rng(0).normal(0, 0.05, 2000)


def run(iterations=400, classes=C, total=400, cosines=True, clips=True, **series):
    """{signal: iteration at which it is said first}; series: functions of the iteration."""
    judge, said = Stagnation(classes, total, cosines, clips), {}
    for n in range(1, iterations + 1):
        looked = n % 10 == 0
        loss = series["loss"](n) + NOISE[n]
        others = {name: f(n) for name, f in series.items() if name != "loss"} if looked else {}
        for signal, what in judge.add(Seen(n, loss, **others)).items():
            assert what
            said.setdefault(signal, n)
    return said


def fall(n, start=GUESS, end=0.1, pace=100):
    return end + (start - end) * math.exp(-n / pace)


def test_a_loss_that_stays_at_guessing_is_told_after_a_window():
    assert run(loss=lambda n: GUESS) == {"plateau": 100}
    assert run(loss=lambda n: GUESS, total=3000) == {"plateau": 300}
    assert run(1500, loss=lambda n: GUESS, total=10**6) == {"plateau": 1000}


@pytest.mark.parametrize("pace", [10, 100, 1000])
def test_a_loss_that_falls_from_guessing_is_not_told(pace):
    assert run(loss=lambda n: fall(n, pace=pace)) == {}


def test_a_loss_that_falls_through_guessing_is_not_told():
    assert run(loss=lambda n: fall(n, start=20)) == {}


def test_a_loss_that_stays_elsewhere_is_not_told():
    assert run(loss=lambda n: 1.0) == {}


FLAT = {"loss": lambda n: 25.0, "other": lambda n: 0.5}


def test_targets_that_are_driven_away_are_told():
    told = run(**FLAT, target=lambda n: -0.9, accuracy=lambda n: 0.5)
    assert told == {"targets": 100}
    # Where all cosines are at -1, the largest tells nothing.
    told = run(loss=FLAT["loss"], other=lambda n: -1.0, target=lambda n: -0.9999,
               accuracy=lambda n: 1.0)  # fmt: skip
    assert told == {"targets": 100}


def test_targets_that_stay_below_the_others_at_the_accuracy_of_chance_are_told():
    told = run(**FLAT, target=lambda n: 0.0, accuracy=lambda n: 1 / C)
    assert told == {"targets": 100}
    told = run(**FLAT, target=lambda n: -0.9, accuracy=lambda n: 1 / C, cosines=False)
    assert told == {"targets": 100}


def test_targets_that_rise_or_are_right_often_enough_are_not_told():
    rising = {"target": lambda n: -0.2 + n / 2000, "accuracy": lambda n: 1 / C}
    assert run(**FLAT, **rising) == {}
    assert run(**FLAT, target=lambda n: 0.3, accuracy=lambda n: 0.3) == {}
    assert run(**FLAT, target=lambda n: 0.6, accuracy=lambda n: 0.9) == {}
    # Logits have any sign.
    assert run(**FLAT, target=lambda n: -0.9, accuracy=lambda n: 0.3, cosines=False) == {}


def test_features_that_stay_alike_are_told_and_those_that_part_are_not():
    assert run(**FLAT, alike=lambda n: 0.999) == {"alike": 100}
    assert run(**FLAT, alike=lambda n: 0.9 if n % 100 == 0 else 0.999) == {}
    assert run(**FLAT, alike=lambda n: max(0.999 - n / 400, 0)) == {}
    assert run(130, **FLAT, alike=lambda n: 0.9999 - n / 20000) == {}


def test_a_loss_at_the_clip_is_told_at_once_where_there_is_a_clip():
    assert run(loss=lambda n: 87.3) == {"clip": 3}
    assert run(loss=lambda n: 87.3 if n % 3 else 50.0) == {}
    assert run(loss=lambda n: 87.3, clips=False) == {}


def test_what_is_not_looked_at_says_nothing():
    assert run(loss=lambda n: 25.0, target=lambda n: None, alike=lambda n: None) == {}


def test_a_margin_that_takes_a_learnt_loss_through_guessing_is_not_told():
    rising = {"loss": lambda n: 2.5 + n / 60, "target": lambda n: 0.4, "other": lambda n: 0.1}
    assert run(**rising, accuracy=lambda n: 0.97) == {}
    assert run(**rising, accuracy=lambda n: 0.3) == {}
    assert run(loss=lambda n: GUESS, accuracy=lambda n: 0.97) == {}
    assert run(loss=lambda n: GUESS, accuracy=lambda n: 1 / C) == {"plateau": 100}


def test_what_helps_is_of_the_head_that_is_there():
    for signal in SIGNALS:
        plain = helps(signal, margin=False, clamp=False)
        assert "margin" not in plain and "softmax first" not in plain and "base_lr" in plain
    assert "in place of CLAMP" in helps("targets", margin=True, clamp=True)
    assert "CLAMP" not in helps("targets", margin=True, clamp=False)
