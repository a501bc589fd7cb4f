"""A picture of a person: what is behind, the head in its light, what covers it, the camera."""

import functools

import cv2
import numpy as np

from amcaffe.faces import skin as flat
from amcaffe.faces.head import CENTRE, Hits, build_head, displacement, relief, rotation

FINE = 2  # drawn this many times larger than asked, against jagged edges
# Where the eyes, the nose and the corners of the mouth are in the crops that face nets are fed
# with (112 rows of pixels), from the picture's middle; its own left comes first.
FIVE_POINTS = np.array(
    [(-17.21, -3.80), (18.03, -4.00), (0.53, 16.24), (-13.95, 36.87), (15.23, 36.70)]
)


def render(person, shot, size):
    """Draw one picture.

    Args:
        person: Identity. shot: Shot.
        size: (height, width) in pixels.
    Returns: (height, width, 3) uint8, blue green red, before JPEG.
    """
    height, width = size
    picture = _Picture(person, shot, height * FINE, width * FINE)
    picture.draw_behind()
    picture.draw_head()
    picture.draw_in_front()
    return _camera(picture.pixels, shot, size)


class _Picture:
    """The scene at FINE times the size: (H, W, 3) float32 in 0-1, and the head's pose."""

    def __init__(self, person, shot, height, width):
        self.person, self.shot, self.height, self.width = person, shot, height, width
        self.turn = rotation(shot.yaw, shot.pitch)
        self.long = person.hair_length + (shot.hair_length if shot.new_hair else 0)
        volume = person.hair_volume + (shot.hair_volume if shot.new_hair else 0)
        self.volume = 0.05 if shot.hat else max(volume, 0.015)
        self.head = build_head(person, shot, self.volume)
        self.skin = flat.skin_colour(person, shot)
        self.hair = flat.hair_colour(person, shot)
        self.rng = np.random.Generator(np.random.PCG64(shot.scene))
        cloth = self.rng.random(3)
        self.cloth = 0.12 + 0.7 * cloth * self.rng.random()
        self.frame()
        elevation, azimuth = shot.light_elevation, 1.1 * shot.light_azimuth
        self.light = np.array(
            [
                np.sin(azimuth) * np.cos(elevation),
                -np.sin(elevation),
                np.cos(azimuth) * np.cos(elevation),
            ],
            np.float32,
        )
        warm = shot.light_warmth
        self.light_colour = shot.light * np.array([1 - warm, 1, 1 + warm], np.float32)

    def frame(self):
        """Cut the picture as an aligner does, which the shot's roll, zoom and shift put off.

        Sets `plane` (2 x 2) and `offset` (2,), plane coordinates to pixels, and `unit`,
        the pixels of one unit of length.
        """
        seen = (self.five_points() @ self.turn.T)[:, :2]
        scale, offset = _similarity(seen, FIVE_POINTS * (self.height / 112))
        shot = self.shot
        cos_roll, sin_roll = np.cos(shot.roll), np.sin(shot.roll)
        off = shot.zoom * np.array([[cos_roll, -sin_roll], [sin_roll, cos_roll]])
        self.plane = off @ scale
        self.unit = float(np.sqrt(np.linalg.det(self.plane)))
        middle = np.array([self.width, self.height]) * (
            0.5 + np.array([shot.shift_x, shot.shift_y])
        )
        self.offset = off @ offset + middle - 0.5

    def five_points(self):
        """The points of FIVE_POINTS on this head, (5, 3) head coordinates."""
        p, smile = self.person, self.shot.smile
        wide = p.mouth_width * (1 + 0.16 * smile)
        low = p.mouth_y - p.mouth_corners - 0.035 * smile
        x = [-p.eye_x, p.eye_x, 1.5 * p.nose_bend, p.mouth_bend - wide, p.mouth_bend + wide]
        points = self.surface(np.array(x), np.array([p.eye_y, p.eye_y, p.nose_y, low, low]))
        points[2, 2] += 1.1 * p.nose_height
        return points

    # Projection and drawing

    def project(self, points):
        """Head coordinates (N, 3) to pixels (N, 2)."""
        seen = np.asarray(points, np.float64) @ self.turn.T
        return seen[:, :2] @ self.plane.T + self.offset

    def fill(self, pixels, colour, alpha=1.0):
        if alpha == 1.0:
            points = [np.round(pixels * 16).astype(np.int32)]
            cv2.fillPoly(self.pixels, points, _triple(colour), cv2.LINE_AA, 4)
            return
        low = np.maximum(np.floor(pixels.min(axis=0)).astype(int) - 1, 0)
        high = np.maximum(np.ceil(pixels.max(axis=0)).astype(int) + 2, 0)
        part = self.pixels[low[1] : high[1], low[0] : high[0]]
        mask = np.zeros(part.shape[:2], np.uint8)
        points = [np.round((pixels - low) * 16).astype(np.int32)]
        cv2.fillPoly(mask, points, 255, cv2.LINE_AA, 4)
        weight = (mask * np.float32(alpha / 255))[..., None]
        part += (np.asarray(colour, np.float32) - part) * weight

    def line(self, pixels, colour, width, closed=False):
        thickness = max(1, round(width * self.unit))
        points = [np.round(pixels * 16).astype(np.int32)]
        cv2.polylines(self.pixels, points, closed, _triple(colour), thickness, cv2.LINE_AA, 4)

    def lit(self, colour, normal):
        """A flat colour in the light, seen with a normal in camera coordinates."""
        strength = self.shot.ambient + max(float(normal @ self.light), 0) * self.light_colour
        return np.clip(colour * strength, 0, 1)

    # Behind the head

    def draw_behind(self):
        rng = self.rng
        corners = (0.12 + 0.78 * rng.random((2, 2, 1))) * (0.6 + 0.4 * rng.random((2, 2, 3)))
        small = cv2.resize(corners.astype(np.float32), (12, 14), interpolation=cv2.INTER_LINEAR)
        spots = rng.normal(0, 0.08 * rng.random(), (14, 12, 1)) * (1 + 0.3 * rng.normal(0, 1, 3))
        small += spots.astype(np.float32)
        self.pixels = cv2.resize(small, (self.width, self.height), interpolation=cv2.INTER_LINEAR)
        for _ in range(int(rng.integers(0, 4))):  # furniture, windows, a plant
            x, y = rng.random(2) * (self.width, self.height)
            wide, high = (0.05 + 0.4 * rng.random(2)) * self.height
            rows, columns = slice(int(y), int(y + high)), slice(int(x), int(x + wide))
            tone = (0.15 + 0.7 * rng.random(3)).astype(np.float32)
            self.pixels[rows, columns] += 0.6 * (tone - self.pixels[rows, columns])
        np.clip(self.pixels, 0, 1, out=self.pixels)
        if self.long > 0.25 and not self.shot.hat:
            self.long_hair()
        self.body()
        for side in (-1, 1):
            if self.ear_faces_us(side) <= 0.0:
                self.ear(side)

    def long_hair(self):
        length = 0.45 + 1.0 * self.long
        y = np.linspace(-1.1, length, 15)
        half = np.array([self.head.half_width(min(v, 0.1)) for v in y])
        half = np.maximum(half, 0.2) + self.volume * (0.9 + 0.5 * np.sin(y * 2.5 + self.shot.side))
        z = np.full_like(y, -0.25)
        outline = np.concatenate([np.stack([half, y, z], 1), np.stack([-half, y, z], 1)[::-1]])
        facing = np.array([0, 0, 1], np.float32)
        self.fill(self.project(outline), self.lit(self.hair * 0.62, facing))
        for across in np.linspace(-0.95, 0.95, 13):
            strand = np.stack([across * half, y, z], 1)
            tone = self.hair * (0.5 + 0.3 * self.rng.random())
            self.line(self.project(strand[3:]), self.lit(tone, facing), 0.03)

    def body(self):
        facing = np.array([0, 0, 1], np.float32)
        base = np.array([[0, 0.75, -0.15]]) @ self.turn.T
        x, y = base[0, 0], base[0, 1]
        neck = 0.40 + 0.25 * (self.person.width - 0.73) + 0.04 * (self.person.jaw - 2.55)
        outline = np.array(
            [
                (x - neck, y - 0.5),
                (x - neck, y + 0.35),
                (x - neck - 0.2, 1.6),
                (x + neck + 0.2, 1.6),
                (x + neck, y + 0.35),
                (x + neck, y - 0.5),
            ]
        )
        self.fill(outline @ self.plane.T + self.offset, self.lit(self.skin * 0.70, facing))
        shoulders = np.array(
            [(-1.6, 1.55), (-0.75, 1.22), (-0.42, 1.12), (0, 1.34), (0.42, 1.12), (0.75, 1.22)]
            + [(1.6, 1.55), (1.6, 3), (-1.6, 3)]
        )
        shoulders[:6, 0] += x * 0.5
        self.fill(shoulders @ self.plane.T + self.offset, self.lit(self.cloth, facing))

    def ear_faces_us(self, side):
        return float(self.turn[2, 0]) * side

    def ear(self, side):
        p = self.person
        if self.long > 0.45 or self.shot.hat:
            return
        turn = np.linspace(0, 2 * np.pi, 20, endpoint=False)
        across = 0.5 - 0.5 * np.cos(turn)
        down = np.sin(turn) * (1 - 0.22 * np.cos(turn) * np.sin(turn))
        edge = self.head.half_width(p.ear_y) - 0.03

        def shape(scale, shift):
            out = across * p.ear_out * scale + shift * p.ear_out
            x = side * (edge + 1.15 * out)
            y = p.ear_y + down * p.ear_height * scale - 0.35 * out
            z = -0.04 - 1.3 * out + 0 * turn
            return self.project(np.stack([x, y, z], 1))

        normal = self.turn @ np.array([side * 0.6, 0, 0.8], np.float32)
        self.fill(shape(1.0, 0.15), self.lit(self.skin * 0.95, normal))
        self.fill(shape(0.62, 0.28), self.lit(self.skin * (0.70, 0.68, 0.78), normal))

    # The head

    def draw_head(self):
        p, shot = self.person, self.shot
        face = flat.draw_face(p, shot, self.unit)
        bumps = displacement(
            relief(p, shot),
            np.linspace(flat.LEFT, flat.RIGHT, face.shape[1] // 2, dtype=np.float32),
            np.linspace(flat.TOP, flat.BOTTOM, face.shape[0] // 2, dtype=np.float32),
        )
        # Depth, relief and light are smooth: they are found on every other pixel.
        box = self.head_box()
        pixels = self.pixels[box]
        height, slopes = np.ascontiguousarray(bumps[..., 0]), np.ascontiguousarray(bumps[..., 1:])
        rays = self.rays(box, 2)
        hits = Hits(self.head, shot.yaw, shot.pitch, *rays)
        for _ in range(2):
            lift = cv2.remap(height, *_place(bumps, hits), cv2.INTER_LINEAR)
            lift *= _front(hits)
            hits = self.hits_under(lift, rays, hits.along)
        slope = cv2.remap(slopes, *_place(bumps, hits), cv2.INTER_LINEAR)
        found = (lift, hits.along, hits.angle(), *self.light_on(hits, slope))

        whole = pixels.shape[1::-1]
        lift, along, angle, around, direct, gloss = (cv2.resize(each, whole) for each in found)
        hits = self.hits_under(lift, self.rays(box, 1), along)
        face = cv2.remap(
            face, *_place(face, hits), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        hair, tone, dye = self.hair_cover(angle, hits.y)
        bare = (1 - hair) * np.float32(1 / 255)
        tone *= hair
        gloss *= 1 - np.float32(0.6) * hair
        cover = np.clip(hits.inside * np.float32(1.5 * self.unit) + np.float32(0.5), 0, 1)
        thin = np.ones((2 * round(0.02 * self.unit) + 3,) * 2, np.uint8)
        cover = cv2.morphologyEx(cover, cv2.MORPH_OPEN, thin)  # slivers at chin and crown
        for channel in range(3):  # NumPy is slow to spread an (H, W) over the last of (H, W, 3)
            colour = face[..., channel] * bare + tone * dye[channel]
            colour *= around + direct * self.light_colour[channel]
            colour += gloss
            behind = pixels[..., channel]
            behind += (np.minimum(colour, 1, out=colour) - behind) * cover

    def light_on(self, hits, slope):
        """The light on each hit: from around, direct, and what is mirrored; (H, W) each."""
        shot = self.shot
        front = _front(hits)
        nx, ny, nz = hits.normal()
        leans = nz * front
        nx, ny = nx - leans * slope[..., 0], ny - leans * slope[..., 1]
        length = 1 / np.sqrt(nx * nx + ny * ny + nz * nz)
        nx, ny, nz = nx * length, ny * length, nz * length
        to_light = self.turn.T @ self.light
        direct = nx * to_light[0] + ny * to_light[1] + nz * to_light[2]
        direct = np.maximum(direct * np.float32(0.85) + np.float32(0.15), 0)
        half = self.light + np.array([0, 0, 1], np.float32)
        half = self.turn.T @ (half / np.linalg.norm(half))
        gloss = np.maximum(nx * half[0] + ny * half[1] + nz * half[2], 0) ** 14
        seen = self.turn[2, 0] * nx + self.turn[2, 1] * ny + self.turn[2, 2] * nz
        edge = np.clip(1 - seen, 0, 1)
        around = (shot.ambient - 0.10 * ny) * (1 - 0.35 * edge * edge) + shot.rim * edge**3
        return around, direct, gloss * np.float32(shot.gloss * shot.light)

    def head_box(self):
        """The rows and columns (two slices, even bounds) of the picture that hold the head."""
        p, sin_pitch = self.person, abs(self.turn[1, 2]) + abs(self.turn[2, 1])
        wide = 0.04 + max(self.head.half_width(v) for v in (-0.6, -0.3, 0.0, 0.15, 0.4))
        wide = np.hypot(wide * self.turn[0, 0], p.depth * self.turn[0, 2])
        wide += abs(CENTRE * self.turn[0, 2])
        more = 0.55 * sin_pitch * p.depth
        top, bottom = -p.crown - self.volume - more, p.chin + more
        corners = np.array([(-wide, top), (wide, top), (wide, bottom), (-wide, bottom)])
        corners = corners @ self.plane.T + self.offset
        low = np.maximum(np.floor(corners.min(axis=0)), 0).astype(int) // 2 * 2
        high = np.ceil(corners.max(axis=0)).astype(int) // 2 * 2 + 2
        high = np.minimum(high, (self.width, self.height))
        return slice(low[1], high[1]), slice(low[0], high[0])

    def rays(self, box, step):
        """Plane coordinates (x, y) of a box's every step'th pixel's middle, (H, W) float32 each."""
        rows, columns = box
        middle = (step - 1) / 2
        column = np.arange(columns.start, columns.stop, step) + (middle - self.offset[0])
        row = np.arange(rows.start, rows.stop, step)[:, None] + (middle - self.offset[1])
        inverse = np.linalg.inv(self.plane)
        x = inverse[0, 0] * column + inverse[0, 1] * row
        y = inverse[1, 0] * column + inverse[1, 1] * row
        return x.astype(np.float32), y.astype(np.float32)

    def hits_under(self, lift, rays, along):
        """The hits of rays on a head whose surface is `lift` higher along its z."""
        x, y = rays[0] - lift * self.turn[0, 2], rays[1] - lift * self.turn[1, 2]
        return Hits(self.head, self.shot.yaw, self.shot.pitch, x, y, along)

    def hair_cover(self, angle, y):
        """The hair or hat of a head at angles and heights (H, W).

        Returns: how much it covers, 0-1 (H, W), its brightness (H, W), its colour (3,).
        """
        p, shot = self.person, self.shot
        if shot.hat:
            wool = np.clip(0.1 + 0.8 * self.cloth[::-1], 0, 1).astype(np.float32)
            rib = 0.85 + 0.15 * np.sign(np.sin(angle * 40))
            cover = (np.float32(-0.50) - y) * np.float32(0.4 * self.unit) + np.float32(0.5)
            return np.clip(cover, 0, 1), rib, wool
        strands = cv2.remap(
            _strands(),
            angle * np.float32(70) + np.float32(p.marks % 251),
            y * np.float32(34) + np.float32(128),
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_WRAP,
        )
        knots = np.radians([-180, -112, -98, -80, -64, -44, -22, 0, 22, 44, 64, 80, 98, 112, 180])
        low = 1.3 if self.long > 0.25 else 0.55
        side = p.sideburn if self.long < 0.25 else 0.5
        temple = p.hairline + 0.08
        line = [low, low, -0.10, side, temple + 0.20, temple - p.recede, p.hairline - p.recede / 2]
        line = line + [p.hairline + p.widows_peak] + line[::-1]
        if self.long > 0.45:
            line[2] = line[-3] = 1.3
        line = np.array(line)
        bald = np.clip(p.bald, 0, 1)
        line -= bald * np.exp(-((knots / 1.25) ** 6))  # from the forehead back
        if shot.fringe > 0 and bald == 0:
            line += shot.fringe * np.exp(-(((knots - 0.5 * p.parting) / 0.7) ** 2)) * 1.6
        limit = np.interp(np.linspace(-np.pi, np.pi, 512), knots, line).astype(np.float32)
        index = ((angle + np.float32(np.pi)) * np.float32(511 / (2 * np.pi))).astype(np.int32)
        ragged = np.float32(0.05) * (strands - np.float32(0.5))
        cover = (limit[index] + ragged - y) * np.float32(16) + 0.5
        part = np.exp(-(((angle - np.float32(p.parting)) / 0.05) ** 2)) * (y < p.hairline)
        tone = (0.55 + 0.75 * strands) * (1 - 0.35 * part)
        return np.clip(cover, 0, 1), tone, self.hair.astype(np.float32)

    # In front of the head

    def draw_in_front(self):
        shot = self.shot
        for side in (-1, 1):
            if self.ear_faces_us(side) > 0.0:
                self.ear(side)
        if shot.glasses != self.person.glasses:
            self.glasses()
        if shot.lock:
            self.lock()
        if shot.scarf:
            self.scarf()
        if shot.hand:
            self.hand()
        np.clip(self.pixels, 0, 1, out=self.pixels)

    def surface(self, x, y, lift=0.0):
        """Points on the head's front at (x, y), `lift` above it, (N, 3)."""
        half = np.array([self.head.half_width(v) for v in y])
        deep = np.array([self.head.half_depth(v) for v in y])
        z = CENTRE + deep * np.sqrt(np.clip(1 - (x / half) ** 2, 0, 1)) + lift
        return np.stack([x, y, z], 1)

    def glasses(self):
        p, shot = self.person, self.shot
        turn = np.linspace(0, 2 * np.pi, 28, endpoint=False)
        power = 1.0 - 0.55 * p.rim_shape
        across = np.sign(np.cos(turn)) * np.abs(np.cos(turn)) ** power
        down = np.sign(np.sin(turn)) * np.abs(np.sin(turn)) ** power
        z = self.surface(np.zeros(1), np.array([p.eye_y]))[0, 2] + 0.08
        rim = np.clip(np.array([0.9, 0.95, 1.0]) * p.rim_tone**2 * 0.7, 0.03, 1)
        thick = 0.022 + 0.022 * (1 - p.rim_tone)
        for side in (-1, 1):
            x = side * (p.eye_x + 0.01) + 0.215 * across
            y = p.eye_y + 0.015 + 0.165 * down
            points = self.project(np.stack([x, y, z - 0.25 * x * x], 1))
            self.fill(
                points,
                (0.08, 0.08, 0.09) if shot.dark_lenses else (0.9, 0.9, 0.88),
                0.85 if shot.dark_lenses else 0.10,
            )
            self.line(points, rim, thick, closed=True)
            outer = side * (p.eye_x + 0.225)
            edge = side * (self.head.half_width(p.eye_y) + 0.015)
            arm = self.project(
                [(outer, p.eye_y - 0.03, z - 0.08), (edge, p.eye_y - 0.02, z - 0.38)]
                + [(edge, p.eye_y - 0.01, -0.05)]
            )
            if self.ear_faces_us(side) > -0.12:
                self.line(arm, rim, thick)
        inner = p.eye_x - 0.205
        bridge = [(-inner, p.eye_y - 0.02, z), (0, p.eye_y - 0.05, z + 0.02)]
        self.line(self.project(bridge + [(inner, p.eye_y - 0.02, z)]), rim, thick)

    def lock(self):
        """Strands of hair across the forehead and one eye."""
        side = 1.0 if self.shot.side > 0 else -1.0
        normal = self.turn[:, 2]
        for strand in range(7):
            t = np.linspace(0, 1, 8)
            x = side * (0.05 + 0.05 * strand + (0.18 + 0.02 * strand) * t**1.5)
            y = -0.68 + (0.62 + 0.25 * self.rng.random()) * t
            tone = self.hair * (0.65 + 0.5 * self.rng.random())
            x = np.clip(x, -0.6, 0.6)
            self.line(self.project(self.surface(x, y, 0.06)), self.lit(tone, normal), 0.035)

    def scarf(self):
        angle = np.linspace(-1.9, 1.9, 15)
        high = 0.56 + 0.10 * self.shot.side
        ring = np.stack(
            [
                0.80 * np.sin(angle),
                high + 0.22 * (1 - np.cos(angle)) * 0.3 + 0.02 * np.sin(angle * 7),
                CENTRE + 0.96 * np.cos(angle),
            ],
            1,
        )
        top = self.project(ring)
        tone = np.clip(self.rng.random(3), 0.1, 0.9)
        other = np.clip(self.rng.random(3), 0.1, 0.9)
        normal = self.turn[:, 2]
        down = self.plane @ (0, 0.17)
        for stripe in range(9):
            band = np.concatenate([top + stripe * down, (top + 12 * down)[::-1]])
            shade = (tone if stripe % 2 else other) * (0.9 + 0.1 * self.rng.random())
            self.fill(band, self.lit(shade, normal))

    def hand(self):
        """Four fingers and a thumb against the cheek or chin."""
        side = 1.0 if self.shot.side > 0 else -1.0
        centre = np.array([side * (0.45 + 0.25 * abs(self.shot.side)), 0.95])
        normal = np.array([0.2 * side, -0.2, 0.96], np.float32)
        tone = self.lit(self.skin * 0.95, normal)
        dark = self.lit(self.skin * 0.62, normal)

        def place(points):
            return np.asarray(points) @ self.plane.T + self.offset

        turn = np.linspace(0, 2 * np.pi, 18)
        palm = centre + np.stack([0.27 * np.cos(turn), 0.22 + 0.30 * np.sin(turn)], 1)
        self.fill(place(palm), tone)
        for finger in range(4):
            root = centre + (side * (0.19 - 0.125 * finger), 0.10)
            lean = side * (0.10 - 0.10 * finger) - side * 0.05
            tip = root + (lean, -0.48 - 0.08 * np.sin(finger + 0.6))
            self.line(place([root, tip]), dark, 0.150)
            self.line(place([root, tip]), tone, 0.120)


def _place(flat_map, hits):
    """Where each hit's pixel is in a map of the face, as skin.draw_face's: two maps to remap by."""
    rows, columns = flat_map.shape[:2]
    across = np.float32(columns / (flat.RIGHT - flat.LEFT))
    down = np.float32(rows / (flat.BOTTOM - flat.TOP))
    return (
        (hits.x - np.float32(flat.LEFT)) * across - np.float32(0.5),
        (hits.y - np.float32(flat.TOP)) * down - np.float32(0.5),
    )


def _similarity(points, targets):
    """The turn, scale (one 2 x 2) and shift (2,) that put points (N, 2) nearest to targets."""
    centre, goal = points.mean(axis=0), targets.mean(axis=0)
    a, b = points - centre, targets - goal
    along, across = (a * b).sum(), (a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]).sum()
    turn = np.array([[along, -across], [across, along]]) / (a * a).sum()
    return turn, goal - turn @ centre


def _front(hits):
    """1 on the face, falling to 0 round the side, where features have no say."""
    return np.clip((hits.z - np.float32(CENTRE)) * np.float32(5), 0, 1)


def _triple(colour):
    return tuple(float(value) for value in colour)


@functools.lru_cache(maxsize=1)
def _strands():
    """(256, 256) float32 in 0-1: noise drawn out downwards."""
    rng = np.random.Generator(np.random.PCG64(7))
    noise = rng.random((256, 256)).astype(np.float32)
    noise = cv2.blur(noise, (1, 31), borderType=cv2.BORDER_REFLECT)
    noise -= noise.min()
    return noise / noise.max()


def _camera(pixels, shot, size):
    height, width = size
    scale = height / 112
    picture = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA)
    if shot.blur > 0.3:
        picture = cv2.GaussianBlur(picture, (0, 0), shot.blur * scale)
    if shot.motion > 1:
        picture = cv2.filter2D(picture, -1, _streak(shot.motion * scale, shot.motion_angle))
    grey = picture.mean(axis=2, keepdims=True)
    picture = grey + (picture - grey) * np.float32(0 if shot.grey else shot.saturation)
    gains = np.array([shot.cast_blue, 1, shot.cast_red], np.float32) * np.float32(shot.exposure)
    picture *= 1 if shot.grey else gains
    picture = np.clip(picture, 0, 1) ** np.float32(shot.gamma)
    picture = (picture - np.float32(0.5)) * np.float32(shot.contrast) + np.float32(0.5)
    if shot.noise > 0:
        rng = np.random.Generator(np.random.PCG64(shot.grain))
        picture += rng.standard_normal(picture.shape, np.float32) * np.float32(shot.noise)
    return np.clip(picture * 255 + np.float32(0.5), 0, 255).astype(np.uint8)


def _streak(length, angle):
    """A motion blur's kernel: a line of `length` pixels."""
    side = 2 * int(np.ceil(length / 2)) + 1
    kernel = np.zeros((side, side), np.float32)
    reach = np.array([np.cos(angle), np.sin(angle)]) * length / 2
    middle = np.array([side // 2, side // 2])
    ends = [tuple(np.round((middle + sign * reach) * 16).astype(int).tolist()) for sign in (-1, 1)]
    cv2.line(kernel, *ends, 1.0, 1, cv2.LINE_AA, 4)
    kernel[side // 2, side // 2] = max(kernel[side // 2, side // 2], 1)
    return kernel / kernel.sum()
