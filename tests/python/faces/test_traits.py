import dataclasses

import numpy as np

from amcaffe.faces.traits import Identity, Shot, draw_identity, draw_shot, neutral_shot


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
    people = np.array([values(draw_identity(1, person)) for person in range(200)])
    shots = np.array([values(draw_shot(1, 0, image)) for image in range(200)])
    assert (people.std(axis=0) > 0).all() and (shots.std(axis=0) > 0).all()


def test_traits_are_drawn_independently_of_each_other():
    people = np.array([values(draw_identity(1, person)) for person in range(1500)])
    correlation = np.corrcoef(people.T) - np.eye(people.shape[1])
    assert abs(correlation).max() < 0.15


def test_a_neutral_shot_covers_nothing_and_has_no_noise():
    shot = neutral_shot(yaw=0.2)
    assert not any((shot.glasses, shot.hat, shot.scarf, shot.hand, shot.lock, shot.grey))
    assert shot.noise == 0 and shot.blur == 0 and shot.yaw == 0.2


def test_there_are_many_continuous_traits():
    kinds = [field.metadata["draw"][0] for field in dataclasses.fields(Identity)]
    assert sum(kind in ("normal", "uniform") for kind in kinds) > 50
    assert len(dataclasses.fields(Shot)) > 40
