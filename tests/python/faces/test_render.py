import itertools

import numpy as np
import pytest

from amcaffe.faces.head import Hits, build_head, displacement, relief, rotation
from amcaffe.faces.render import FIVE_POINTS, _Picture, render
from amcaffe.faces.traits import draw_identity, draw_shot, neutral_shot

SIZE = (112, 96)


def far_apart(one, other):
    return float(np.abs(one.astype(int) - other).mean())


@pytest.mark.parametrize("size", [(112, 96), (64, 64), (33, 47), (224, 192)])
def test_a_picture_has_the_size_asked_for(size):
    picture = render(draw_identity(1, 0), draw_shot(1, 0, 0), size)
    assert picture.shape == (*size, 3) and picture.dtype == np.uint8


def test_a_larger_picture_shows_the_same_scene():
    import cv2

    person, shot = draw_identity(1, 4), neutral_shot(yaw=0.2, roll=0.1)
    small = render(person, shot, SIZE)
    large = cv2.resize(render(person, shot, (224, 192)), SIZE[::-1], interpolation=cv2.INTER_AREA)
    other = render(draw_identity(1, 5), shot, SIZE)
    assert far_apart(small, large) < 4 < far_apart(small, other)


def test_people_differ_more_than_pictures_of_one_person_in_plain_portraits():
    shots = [neutral_shot(yaw=yaw) for yaw in (-0.02, 0.02)]
    faces = [
        [render(draw_identity(1, person), shot, SIZE) for shot in shots] for person in range(8)
    ]
    within = [far_apart(*pair) for pair in faces]
    between = [far_apart(a[0], b[0]) for a, b in itertools.combinations(faces, 2)]
    assert max(within) < min(between)


def test_pictures_of_one_person_lie_nearly_as_far_apart_as_those_of_two():
    """In LFW's aligned images, likewise reduced, the one is 0.88 of the other."""
    import cv2

    people, images = 40, 4
    small = [
        cv2.resize(
            render(draw_identity(1, person), draw_shot(1, person, image), SIZE),
            (24, 28),
            interpolation=cv2.INTER_AREA,
        ).astype(float)
        for person in range(people)
        for image in range(images)
    ]
    distance = {True: [], False: []}
    for (one, a), (other, b) in itertools.combinations(enumerate(small), 2):
        distance[one // images == other // images].append(np.abs(a - b).mean())
    assert 0.80 < np.mean(distance[True]) / np.mean(distance[False]) < 0.95


@pytest.mark.parametrize("yaw, pitch", [(0.0, 0.0), (0.35, 0.0), (-0.3, 0.2)])
def test_the_picture_is_cut_by_five_points_as_an_aligner_does(yaw, pitch):
    shot = neutral_shot(yaw=yaw, pitch=pitch)
    picture = _Picture(draw_identity(1, 3), shot, *SIZE)
    found = picture.project(picture.five_points()) - (np.array(SIZE[::-1]) - 1) / 2
    assert np.abs(found.mean(axis=0) - FIVE_POINTS.mean(axis=0)).max() < 1e-6
    scale = [np.linalg.norm(points - points.mean(axis=0)) for points in (found, FIVE_POINTS)]
    assert 0.97 < scale[0] / scale[1] <= 1.001
    moved = _Picture(draw_identity(1, 3), neutral_shot(shift_x=0.05), *SIZE)
    middle = moved.project(moved.five_points()).mean(axis=0)
    still = FIVE_POINTS.mean(axis=0) + (np.array(SIZE[::-1]) - 1) / 2
    assert middle - still == pytest.approx([0.05 * SIZE[1], 0], abs=1e-6)


@pytest.mark.parametrize("part", ["glasses", "hat", "scarf", "hand", "lock"])
def test_a_cover_changes_a_part_of_the_picture_and_leaves_the_rest(part):
    person = draw_identity(1, 2)
    plain, covered = (render(person, neutral_shot(**{part: on}), SIZE) for on in (False, True))
    changed = (plain != covered).any(axis=2).mean()
    assert 0.01 < changed < 0.6


def test_dark_lenses_hide_the_eyes_and_clear_ones_do_not():
    person = draw_identity(1, 0)
    plain, clear, dark = (
        render(person, neutral_shot(glasses=bool(kind), dark_lenses=kind == 2), SIZE)
        for kind in range(3)
    )
    eyes = slice(46, 56), slice(26, 38)
    assert dark[eyes].mean() < 0.5 * plain[eyes].mean()
    assert far_apart(clear[eyes], plain[eyes]) < 0.25 * plain[eyes].mean()


@pytest.mark.parametrize("yaw, pitch", [(0.0, 0.0), (0.5, 0.0), (-0.4, 0.25), (0.3, -0.28)])
def test_a_hit_lies_on_the_head_and_projects_to_where_its_ray_came_from(yaw, pitch):
    head = build_head(draw_identity(1, 3), neutral_shot(), hair=0.0)
    x, y = np.meshgrid(np.linspace(-0.4, 0.4, 9), np.linspace(-0.5, 0.5, 11))
    hits = Hits(head, yaw, pitch, x.astype(np.float32), y.astype(np.float32))
    seen = np.stack([hits.x, hits.y, hits.z], -1) @ rotation(yaw, pitch).T
    assert (hits.inside > 0).all()
    np.testing.assert_allclose(seen[..., 0], x, atol=2e-3)
    np.testing.assert_allclose(seen[..., 1], y, atol=2e-2)  # the height is found by iteration


def test_normals_are_those_of_the_surface():
    """Against differences between neighbouring hits: two tangents and their cross product."""
    head = build_head(draw_identity(1, 3), neutral_shot(), hair=0.0)
    step = 0.004
    x, y = np.meshgrid(np.linspace(-0.3, 0.3, 5), np.linspace(-0.4, 0.4, 5))
    point = {}
    for name, dx, dy in (("here", 0, 0), ("right", step, 0), ("below", 0, step)):
        hits = Hits(head, 0.0, 0.0, (x + dx).astype(np.float32), (y + dy).astype(np.float32))
        point[name] = np.stack([hits.x, hits.y, hits.z], -1).astype(float)
        if name == "here":
            normal = np.stack(hits.normal(), -1)
    cross = np.cross(point["right"] - point["here"], point["below"] - point["here"])
    cross /= np.linalg.norm(cross, axis=-1, keepdims=True)
    assert (np.sum(cross * normal, axis=-1) > 0.99).all()


def test_slopes_of_the_relief_are_its_derivatives():
    rows = relief(draw_identity(1, 3), neutral_shot(smile=0.5)).astype(np.float64)
    x, y, step = np.linspace(-0.5, 0.5, 21), np.linspace(-0.5, 0.9, 25), 1e-5
    _, by_x, by_y = np.moveaxis(displacement(rows, x, y), -1, 0)
    in_x = displacement(rows, x + step, y)[..., 0] - displacement(rows, x - step, y)[..., 0]
    in_y = displacement(rows, x, y + step)[..., 0] - displacement(rows, x, y - step)[..., 0]
    np.testing.assert_allclose(by_x, in_x / (2 * step), atol=1e-6)
    np.testing.assert_allclose(by_y, in_y / (2 * step), atol=1e-6)
