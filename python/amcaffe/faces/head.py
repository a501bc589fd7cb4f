"""The shape of a head, and which point of it each pixel of a picture shows.

A head is a stack of ellipses, one at each height y: half width w(y), half depth
d(y), centre (0, y, CENTRE). Low features (nose, lips, sockets) are displacements
along z, a sum of products of Gaussians in x and y, so that they and their slopes
are matrix products.
"""

from dataclasses import dataclass

import numpy as np

CENTRE = -0.12  # z of the axis
ROWS = 1024  # entries of the tables in y
TOP, BOTTOM = -1.5, 1.3  # the y that the tables cover


@dataclass(frozen=True)
class Head:
    """Tables over y (ROWS float32 each): 1/w^2, 1/d^2 and their slopes by y."""

    inverse_width: np.ndarray
    inverse_depth: np.ndarray
    width_slope: np.ndarray
    depth_slope: np.ndarray

    def half_width(self, y):
        return float(self.inverse_width[_rows(np.float32(y))] ** -0.5)

    def half_depth(self, y):
        return float(self.inverse_depth[_rows(np.float32(y))] ** -0.5)


def build_head(person, shot, hair):
    """The Head of an Identity in a Shot, its crown widened by `hair`, a thickness."""
    y = np.linspace(TOP, BOTTOM, ROWS)
    up = np.clip(-y / (person.crown + hair), 0, 1)
    down = np.clip(y / person.chin, 0, 1)
    oval = np.where(y < 0, (1 - up**2.6) ** 0.5, (1 - down**person.jaw) ** person.chin_point)
    width = (person.width + shot.fullness) * oval * (1 + person.taper * y)
    width += 0.55 * person.cheek * np.exp(-(((y - 0.12) / 0.17) ** 2) / 2)
    width += hair * _smooth((-0.28 - y) / 0.35) * (up < 1)
    deep = np.where(y < 0, (1 - up**3.2) ** 0.5, (1 - (0.985 * down) ** 7) ** 0.5)
    depth = person.depth * deep * (1 - 0.10 * _smooth((y - 0.1) / 0.9))
    depth += hair * _smooth((-0.45 - y) / 0.35) * (up < 1)
    width, depth = (np.where(down < 1, table, 0) for table in (width, depth))
    tables = [1 / np.maximum(table, 1e-3) ** 2 for table in (width, depth)]
    tables += [np.gradient(table, y) for table in tables]
    return Head(*(table.astype(np.float32) for table in tables))


def rotation(yaw, pitch):
    """(3, 3): head coordinates to the camera's; roll is left to the picture plane."""
    cos_yaw, sin_yaw, cos_pitch, sin_pitch = np.cos(yaw), np.sin(yaw), np.cos(pitch), np.sin(pitch)
    turn = np.array([[cos_yaw, 0, sin_yaw], [0, 1, 0], [-sin_yaw, 0, cos_yaw]])
    nod = np.array([[1, 0, 0], [0, cos_pitch, -sin_pitch], [0, sin_pitch, cos_pitch]])
    return (nod @ turn).astype(np.float32)


class Hits:
    """Where the camera's rays meet a head.

    x, y, z: head coordinates, `inside`: above 0 where a ray meets the head, in
    units in which 1 is its axis; normals with `normal()`. All (H, W) float32.
    """

    def __init__(self, head, yaw, pitch, plane_x, plane_y, along=None):
        """Meet the rays at (plane_x, plane_y), starting from the depth `along` where known."""
        cos_yaw, sin_yaw = np.float32(np.cos(yaw)), np.float32(np.sin(yaw))
        cos_pitch, sin_pitch = np.float32(np.cos(pitch)), np.float32(np.sin(pitch))
        across, away = plane_x * cos_yaw, plane_x * sin_yaw - np.float32(CENTRE)
        rounds = 1 if along is not None else 4
        along = np.float32(0.55) if along is None else along
        for _ in range(rounds):
            y = (plane_y + along * sin_pitch) / cos_pitch
            row = _rows(y)
            wide, deep = head.inverse_width[row], head.inverse_depth[row]
            a = sin_yaw**2 * wide + cos_yaw**2 * deep
            b = cos_yaw * away * deep - sin_yaw * across * wide
            inside = b * b - a * (across * across * wide + away * away * deep - 1)
            before, along = along, (np.sqrt(np.maximum(inside, 0)) - b) / a
        # Under the chin and over the crown the ray's height may not settle: no hit there.
        unsettled = np.abs((along - before) * sin_pitch) > 0.03
        self.inside = np.where(unsettled, np.float32(-1), inside / a)
        self.x, self.y = across - along * sin_yaw, y
        self.z = plane_x * sin_yaw + along * cos_yaw
        self.along, self.wide, self.deep = along, wide, deep
        self.width_slope, self.depth_slope = head.width_slope[row], head.depth_slope[row]

    def normal(self):
        """(nx, ny, nz) of unit length, outward, in head coordinates."""
        z = self.z - np.float32(CENTRE)
        nx, nz = self.x * self.wide, z * self.deep
        ny = self.x * self.x * self.width_slope
        ny += z * z * self.depth_slope
        ny *= 0.5
        scale = 1 / np.sqrt(nx * nx + ny * ny + nz * nz + 1e-6)
        return nx * scale, ny * scale, nz * scale

    def angle(self):
        """The angle around the axis: 0 in front, pi / 2 at the picture's right."""
        z = self.z - np.float32(CENTRE)
        return np.arctan2(self.x * np.sqrt(self.wide), z * np.sqrt(self.deep))


def relief(person, shot):
    """The displacements: rows of (height, x, spread of x, y, spread of y)."""
    p, smile, opened = person, shot.smile, max(shot.mouth_open, 0)
    eye, mouth = p.eye_x, p.mouth_y + 0.04 * opened
    bend = p.nose_bend
    rows = [
        # nose: ridge, root, bump, tip, wings
        (p.nose_height * 0.62, bend, p.nose_bridge, p.nose_y - 0.16, 0.135),
        (p.nose_root, bend / 2, p.nose_bridge * 0.9, p.eye_y + 0.06, 0.13),
        (p.nose_bump, bend, p.nose_bridge * 0.8, p.nose_y - 0.20, 0.05),
        (p.nose_height * 0.52, bend * 1.5, p.nose_tip, p.nose_y - 0.01, p.nose_tip * 0.9),
        # forehead and chin
        (0.045, 0.0, 0.33, -0.48, 0.17),
        (p.chin_boss, 0.0, 0.15, p.chin - 0.13, 0.09),
        (-2 * p.cleft if p.cleft > 0 else 0.0, 0.0, 0.02, p.chin - 0.12, 0.06),
        (-0.035, 0.0, 0.16, (p.mouth_y + p.chin) / 2 - 0.03, 0.045),
        # lips
        (0.045 + 0.3 * p.upper_lip, p.mouth_bend, p.mouth_width * 0.6, mouth - 0.035, 0.035),
        (0.045 + 0.4 * p.lower_lip, p.mouth_bend, p.mouth_width * 0.5, mouth + 0.055, 0.038),
        (-p.philtrum, p.mouth_bend / 2, 0.024, p.mouth_y - 0.11, 0.04),
    ]
    for side in (-1, 1):
        rows += [
            (
                p.nose_height * 0.24,
                side * p.nose_width * 0.72 + bend,
                0.042,
                p.nose_y + 0.015,
                0.042,
            ),
            (-p.socket, side * eye * 0.86, 0.15, p.eye_y - 0.03, 0.085),
            (0.035, side * eye, 0.085, p.eye_y + 0.005, 0.055),  # the ball of the eye
            (p.brow_ridge, side * eye * 0.9, 0.17, p.eye_y - p.brow_y, 0.055),
            (p.cheek + 0.035 * max(smile, 0), side * (eye + 0.1), 0.15, 0.17 - 0.03 * smile, 0.12),
            (-0.02 - 0.2 * p.cheek, side * (eye + 0.09), 0.10, 0.50, 0.13),
        ]
    return np.array(rows, np.float32)


def displacement(rows, x, y):
    """Height and slopes by x and by y of relief rows on the grid of x (W,) and y (H,).

    Returns: (H, W, 3) float32.
    """
    height, x0, x_spread, y0, y_spread = (column[:, None] for column in rows.T)
    from_x, from_y = (x - x0) / x_spread, (y - y0) / y_spread
    in_x, in_y = np.exp(-from_x * from_x / 2), np.exp(-from_y * from_y / 2) * height
    by_x, by_y = -from_x / x_spread * in_x, -from_y / y_spread * in_y
    return np.stack([in_y.T @ in_x, in_y.T @ by_x, by_y.T @ in_x], axis=-1)


def _rows(y):
    scale = np.float32((ROWS - 1) / (BOTTOM - TOP))
    return np.clip((y - np.float32(TOP)) * scale, 0, ROWS - 1).astype(np.int32)


def _smooth(t):
    t = np.clip(t, 0, 1)
    return t * t * (3 - 2 * t)
