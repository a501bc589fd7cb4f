import dataclasses

import numpy as np

from amcaffe.faces.traits import (
    Identity,
    Shot,
    draw_identity,
    draw_shot,
    kinds_of,
    neutral_shot,
)


def values(drawn):
    return np.array([float(value) for value in dataclasses.astuple(drawn)])


def test_an_identity_depends_on_the_seed_and_the_person_alone():
    assert draw_identity(3, 7) == draw_identity(3, 7)
    assert draw_identity(3, 7) != draw_identity(3, 8)
    assert draw_identity(3, 7) != draw_identity(4, 7)


def test_a_shot_depends_on_the_seed_the_person_and_the_image_alone():
    assert draw_shot(3, 7, 5) == draw_shot(3, 7, 5)
    assert (
        len({draw_shot(*numbers) for numbers in ((3, 7, 5), (4, 7, 5), (3, 8, 5), (3, 7, 6))}) == 4
    )


def test_every_trait_varies_over_people_and_every_property_over_shots():
    people = np.array([values(draw_identity(1, person)) for person in range(400)])
    shots = np.array([values(draw_shot(1, 0, image)) for image in range(400)])
    assert (people.std(axis=0) > 0).all() and (shots.std(axis=0) > 0).all()


def test_traits_are_independent_but_for_what_goes_by_kind():
    drawn = [draw_identity(1, person) for person in range(1500)]
    people = np.array([values(person) for person in drawn])
    kinds = [[*kinds_of(vars(person)).values(), 1.0] for person in drawn]
    people = people - kinds @ np.linalg.lstsq(np.array(kinds), people, rcond=None)[0]
    traits = [
        at
        for at, field in enumerate(dataclasses.fields(Identity))
        if field.name not in ("man", "age", "descent")
    ]
    correlation = np.corrcoef(people[:, traits].T) - np.eye(len(traits))
    assert abs(correlation).max() < 0.15


def test_the_kinds_differ_as_real_ones_do():
    people = [draw_identity(1, person) for person in range(600)]

    def share(of, what):
        return np.mean([what(person) for person in people if of(person)])

    assert share(lambda p: not p.man, lambda p: p.beard > 0 or p.bald > 0.2) < 0.05
    assert 0.1 < share(lambda p: p.man, lambda p: p.beard > 0) < 0.5
    assert 0.1 < share(lambda p: p.man, lambda p: p.bald > 0.2) < 0.5
    assert share(lambda p: p.man, lambda p: p.hair_length > 0.25) < 0.2
    assert share(lambda p: p.age > 0.7, lambda p: p.grey > 0.1) > 0.6
    assert share(lambda p: p.age < -0.7, lambda p: p.grey > 0.1) < 0.05


def test_covers_are_as_rare_as_in_photographs():
    shots = [draw_shot(1, person, image) for person in range(60) for image in range(10)]
    covered = np.mean([s.hat or s.scarf or s.hand or s.lock for s in shots])
    assert 0.03 < covered < 0.16


def test_a_neutral_shot_covers_nothing_and_has_no_noise():
    shot = neutral_shot(yaw=0.2)
    assert not any((shot.glasses, shot.hat, shot.scarf, shot.hand, shot.lock, shot.grey))
    assert shot.noise == 0 and shot.blur == 0 and shot.yaw == 0.2


def test_there_are_many_continuous_traits():
    kinds = [field.metadata["draw"][0] for field in dataclasses.fields(Identity)]
    assert sum(kind in ("normal", "uniform") for kind in kinds) > 50
    assert len(dataclasses.fields(Shot)) > 40
