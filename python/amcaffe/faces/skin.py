"""A face drawn flat: its colours, seen from in front, to be laid over the head."""

import cv2
import numpy as np

from amcaffe.faces.head import displacement

LEFT, RIGHT, TOP, BOTTOM = -0.95, 0.95, -1.3, 1.2  # what the drawing covers, head coordinates

# Palettes, blue green red, 0-1.
SKIN = np.array(
    [
        (0.16, 0.23, 0.36),
        (0.24, 0.34, 0.50),
        (0.34, 0.48, 0.67),
        (0.46, 0.60, 0.79),
        (0.55, 0.67, 0.86),
        (0.66, 0.75, 0.91),
    ]
)
HAIR = np.array(
    [
        (0.06, 0.06, 0.07),
        (0.09, 0.12, 0.17),
        (0.12, 0.20, 0.30),
        (0.16, 0.27, 0.42),
        (0.27, 0.49, 0.68),
    ]
)
GREY = np.array((0.60, 0.61, 0.63))  # hair of the old
IRIS = np.array(
    [
        (0.08, 0.13, 0.22),
        (0.12, 0.24, 0.38),
        (0.24, 0.38, 0.40),
        (0.34, 0.46, 0.32),
        (0.60, 0.48, 0.32),
        (0.58, 0.54, 0.48),
    ]
)


def blend(palette, tone):
    """The colour at `tone` in [0, 1] of a palette, (3,) float."""
    place = np.linspace(0, 1, len(palette))
    return np.array([np.interp(tone, place, palette[:, channel]) for channel in range(3)])


def skin_colour(person, shot):
    warmth = person.skin_warmth
    tone = np.clip(person.skin_tone + shot.tan * 1.6, 0, 1)
    return np.clip(blend(SKIN, tone) * (1 - warmth, 1, 1 + warmth), 0, 1)


def hair_colour(person, shot):
    young = blend(HAIR, np.clip(person.hair_tone + shot.hair_dye, 0, 1))
    return young + (GREY - young) * np.clip(person.grey, 0, 0.95)


def make_up(person, shot):
    """How much, 0 for none."""
    return max(person.make_up + shot.make_up, 0.0)


class _Canvas:
    """A uint8 picture to draw on in head coordinates, `scale` pixels a unit."""

    SHIFT = 4  # fractional bits of a coordinate

    def __init__(self, colour, scale, first=(0, 0), shape=None):
        """A part of the face: `shape` (H, W) from pixel `first` (x, y) on; by default all."""
        self.scale = scale
        self.origin = np.array((LEFT, TOP)) + (np.array(first) + 0.5) / scale
        whole = (round((BOTTOM - TOP) * scale), round((RIGHT - LEFT) * scale))
        self.pixels = np.empty((*(shape or whole), 3), np.uint8)
        self.pixels[:] = _bytes(colour)

    def points(self, points):
        points = (np.asarray(points) - self.origin) * (self.scale * (1 << self.SHIFT))
        return np.rint(points).astype(np.int32)

    def box(self, points, margin=0):
        """The rows and columns (two slices) that hold points, `margin` units around them."""
        pixels = self.points(points) >> self.SHIFT
        margin = round(margin * self.scale) + 2
        low = np.maximum(pixels.min(axis=0) - margin, 0)
        high = pixels.max(axis=0) + margin
        return slice(low[1], high[1]), slice(low[0], high[0])

    def fill(self, points, colour):
        cv2.fillPoly(self.pixels, [self.points(points)], _bytes(colour), cv2.LINE_AA, self.SHIFT)

    def line(self, points, colour, width):
        thickness = max(1, round(width * self.scale))
        cv2.polylines(
            self.pixels,
            [self.points(points)],
            False,
            _bytes(colour),
            thickness,
            cv2.LINE_AA,
            self.SHIFT,
        )

    def disc(self, centre, radius, colour, flat=1.0):
        self.fill(_RING * (radius, radius * flat) + np.asarray(centre), colour)


_TURN = np.linspace(0, 2 * np.pi, 20, endpoint=False)
_RING = np.stack([np.cos(_TURN), np.sin(_TURN)], 1)


def draw_face(person, shot, scale):
    """The face's colours before light.

    Args: person: Identity. shot: Shot. scale: pixels a unit.
    Returns: (H, W, 3) uint8, blue green red, covering LEFT..RIGHT and TOP..BOTTOM.
    """
    skin = skin_colour(person, shot)
    canvas = _Canvas(skin, scale)
    _marks(canvas, person, skin)
    _wrinkles(canvas, person, shot, skin)
    for side in (-1, 1):
        _nose_side(canvas, person, shot, skin, side)
    _mouth(canvas, person, shot, skin)
    canvas.pixels = _shade(canvas, person, shot, skin)
    for side in (-1, 1):
        _eye(canvas, person, shot, skin, side)
        _brow(canvas, person, shot, skin, side)
    return canvas.pixels


def _shade(canvas, person, shot, skin):
    """Soft changes of colour: sockets, blush, folds, stubble and beard, lid colour."""
    p = person
    colour = make_up(p, shot)
    dark = [  # weight, x, spread, y, spread; as relief rows
        (0.30, 0.0, p.nose_width * 0.55, p.nose_y + 0.065, 0.026),
        (0.16, 0.0, p.mouth_width * 0.55, p.mouth_y + p.lower_lip + 0.07, 0.028),
    ]
    red = [
        (0.35 * p.blush, 0.0, p.nose_width * 0.6, p.nose_y, 0.07),
        (0.08, 0.0, 0.2, p.chin - 0.1, 0.08),
    ]
    beard = []
    for side in (-1, 1):
        dark += [
            (0.20, side * (p.eye_x - 0.07), 0.10, p.eye_y - 0.06, 0.05),
            (p.bags, side * (p.eye_x - 0.02), 0.09, p.eye_y + 0.11, 0.028),
            (0.5 * colour, side * p.eye_x, 0.13, p.eye_y - 0.06, 0.035),
        ]
        red += [(p.blush + 0.3 * colour, side * (p.eye_x + 0.08), 0.13, 0.24, 0.10)]
        beard += [(0.75, side * 0.42, 0.17, 0.62, 0.20)]
    beard += [(1.0, 0.0, 0.34, p.chin - 0.10, 0.20)]
    lip = [(1.0, 0.0, 0.21, p.mouth_y - p.upper_lip - 0.055, 0.040)]
    size = canvas.pixels.shape
    x = np.linspace(LEFT, RIGHT, size[1] // 2, dtype=np.float32)
    y = np.linspace(TOP, BOTTOM, size[0] // 2, dtype=np.float32)

    def field(rows):
        return displacement(np.array(rows, np.float32), x, y)[..., 0]

    stubble = np.clip(p.stubble + shot.shave, 0, 0.6) * 0.75
    cover = np.minimum(field(beard), 1) * max(stubble, np.clip(p.beard + shot.shave, 0, 0.9))
    cover += field(lip) * max(stubble, np.clip(p.moustache + shot.shave, 0, 0.9))
    lips = np.exp(-(((y - p.mouth_y - 0.035) / 0.08) ** 4))[:, None]
    cover *= 1 - 0.85 * lips * np.exp(-((x / (0.85 * p.mouth_width)) ** 6))
    cover = np.minimum(cover * 1.3, 0.92)
    grey = 1 - np.minimum(field(dark), 0.6)
    blush = field(red)
    hair = np.minimum(hair_colour(p, shot) * 0.75 / np.maximum(skin, 0.05), 1)
    factor = np.empty((len(y), len(x), 3), np.float32)
    for channel, redder in enumerate((-0.55, -0.45, 0.15)):
        beard = 1 - cover * np.float32(1 - hair[channel])
        factor[..., channel] = grey * (1 + blush * np.float32(redder)) * beard
    factor = cv2.resize(factor, (size[1], size[0]))
    return cv2.multiply(canvas.pixels, factor, dtype=cv2.CV_8U)


def _marks(canvas, person, skin):
    rng = np.random.Generator(np.random.PCG64(person.marks))
    spots = rng.random((160, 4))
    count = int(np.clip(person.freckles, 0, 1) * 150)
    for across, down, size, depth in spots[:count]:
        centre = ((across - 0.5) * 1.0, person.eye_y + 0.08 + down * 0.42)
        canvas.disc(centre, 0.007 + 0.008 * size, skin * (0.80, 0.80, 0.88) * (1 - 0.12 * depth))
    for across, down, size, _ in spots[-int(np.clip(round(person.moles), 0, 3)) or 160 :]:
        centre = ((across - 0.5) * 0.95, -0.45 + down * 1.25)
        canvas.disc(centre, 0.014 + 0.012 * size, skin * 0.42)


def _wrinkles(canvas, person, shot, skin):
    """Lines of the forehead and at the corners of the eyes."""
    p = person
    across = np.linspace(-1, 1, 9)
    for number in range(3):
        depth = np.clip(p.wrinkles - 0.10 * number + 6 * shot.brow_raise, 0, 0.6)
        y = p.eye_y - p.brow_y - 0.13 - 0.075 * number + 0.02 * across**2
        canvas.line(np.stack([0.34 * across, y], 1), skin * (1 - 0.45 * depth), 0.016)
    depth = np.clip(p.wrinkles + 0.3 * max(shot.smile, 0) - 0.15, 0, 0.6)
    frown = np.clip(p.wrinkles + 5 * shot.brow_frown - 0.1, 0, 0.6)
    for side in (-1, 1):
        corner = np.array((side * (p.eye_x + p.eye_width + 0.02), p.eye_y))
        for lean in (-0.05, 0.005, 0.06):
            end = corner + (side * 0.085, lean)
            canvas.line([corner + (0, lean / 3), end], skin * (1 - 0.45 * depth), 0.011)
        brow = p.eye_y - p.brow_y + 0.02
        canvas.line(
            [(side * 0.045, brow - 0.06), (side * 0.04, brow + 0.05)],
            skin * (1 - 0.5 * frown),
            0.014,
        )


def _eye(canvas, person, shot, skin, side):
    p = person
    raise_ = shot.brow_raise
    opened = np.clip(shot.eye_open - 0.12 * max(shot.smile, 0), 0.12, 1.35)
    t = np.linspace(0, 1, 13)
    bulge = (4 * t * (1 - t)) ** 0.8
    skewed = bulge * (1 + p.eye_skew * (t - 0.5) * 2)
    x = (2 * t - 1) * p.eye_width
    upper = -p.eye_height * opened * skewed - 0.2 * raise_ * bulge
    lower = p.eye_height * 0.62 * (0.35 + 0.65 * opened) * bulge
    tilt = -p.eye_tilt * x  # the outer corner higher

    def place(across, down):
        return np.stack([side * (p.eye_x + across), p.eye_y + down], 1)

    almond = np.concatenate([place(x, upper + tilt), place(x, lower + tilt)[::-1]])
    crease = place(x * 1.08, upper - p.crease * (0.55 + 0.45 * bulge) + tilt * 1.1)
    canvas.line(crease, skin * (0.62, 0.62, 0.68), 0.013)
    canvas.line(place(x * 0.95, lower + tilt + 0.028), skin * 0.84, 0.014)
    white = np.array((0.86, 0.87, 0.88)) * (0.80 + 0.2 * skin.mean())
    ball = np.array([side * p.eye_x, p.eye_y]) + (
        shot.gaze_x * 0.055,
        shot.gaze_y * 0.03 - 0.006,
    )
    rows, columns = canvas.box(almond)
    under = canvas.pixels[rows, columns]
    eye = _Canvas(white, canvas.scale, (columns.start, rows.start), under.shape[:2])
    iris = blend(IRIS, np.clip(p.iris_tone, 0, 1))
    eye.disc(ball, p.iris, iris * 0.55)
    eye.disc(ball, p.iris * 0.86, iris)
    eye.disc(ball, p.iris * 0.42, (0.03, 0.03, 0.03))
    eye.disc(ball + (-0.022, -0.022), 0.014, (0.97, 0.97, 0.97))
    eye.line(place(x, upper + tilt + 0.014), white * 0.62, 0.022)  # shadow of the lid
    mask = np.zeros(under.shape[:2], np.uint8)
    cv2.fillPoly(mask, [eye.points(almond)], 255, cv2.LINE_AA, eye.SHIFT)
    alpha = mask[..., None] * np.float32(1 / 255)
    under += ((eye.pixels.astype(np.float32) - under) * alpha).astype(np.int16).astype(np.uint8)
    lash = skin * 0.30 * (1 - 0.5 * p.lashes) + 0.02
    thick = 0.012 + 0.016 * p.lashes + 0.012 * make_up(p, shot)
    canvas.line(place(x, upper + tilt), lash, thick)
    canvas.line(place(x, lower + tilt), skin * (0.62, 0.58, 0.72), 0.009)
    canvas.disc(place(np.array([-p.eye_width]), tilt[:1])[0], 0.013, skin * (0.72, 0.62, 0.88))


def _brow(canvas, person, shot, skin, side):
    p = person
    t = np.linspace(0, 1, 11)
    x = p.eye_x + 0.01 + p.brow_gap + (2 * t - 1) * p.brow_width
    arch = p.brow_arch * np.clip(1 - ((t - 0.62) / 0.55) ** 2, -0.6, 1)
    y = (
        p.eye_y
        - p.brow_y
        - shot.brow_raise
        - arch
        - (p.brow_tilt - shot.brow_frown) * (2 * t - 1) * p.brow_width
    )
    half = p.brow_thickness * np.clip(1.15 - 0.95 * t**1.6, 0.1, 1) * np.clip(t * 5, 0.55, 1)
    outline = np.concatenate(
        [
            np.stack([side * x, y - half], 1),
            np.stack([side * x, y + half * 0.85], 1)[::-1],
        ]
    )
    hair = np.minimum(hair_colour(p, shot) * 0.8, skin * 0.75)
    faint = (1 - p.brow_density) * skin
    canvas.fill(outline, p.brow_density * hair + faint)
    part = canvas.pixels[canvas.box(outline, 0.03)]
    cv2.GaussianBlur(part, (0, 0), 0.012 * canvas.scale, dst=part)


def _nose_side(canvas, person, shot, skin, side):
    p = person
    flare = 1 + 0.10 * shot.smile
    wing = side * p.nose_width * flare + p.nose_bend
    turn = np.linspace(-0.9, 1.35, 7)
    edge = np.stack(
        [wing - side * 0.045 * (1 - np.cos(turn)), p.nose_y + 0.02 + 0.048 * np.sin(turn)], 1
    )
    canvas.line(edge, skin * (0.70, 0.68, 0.76), 0.013)
    centre = (side * p.nose_width * 0.46 * flare + p.nose_bend * 1.5, p.nose_y + 0.055)
    canvas.disc(centre, p.nostrils, skin * (0.30, 0.28, 0.36), flat=0.55)
    depth = np.clip(p.fold + 0.30 * max(shot.smile, 0), 0, 0.75)
    t = np.linspace(0, 1, 7)
    fold_x = (
        p.nose_width + 0.03 + (p.mouth_width * (1 + 0.12 * shot.smile) - p.nose_width + 0.05) * t
    )
    fold_x += 0.035 * np.sin(np.pi * t) * (1 + shot.smile)
    fold = np.stack([side * fold_x, p.nose_y + 0.0 + (p.mouth_y - p.nose_y - 0.01) * t], 1)
    canvas.line(fold, skin * (1 - 0.45 * depth), 0.016)


def _mouth(canvas, person, shot, skin):
    p = person
    smile = shot.smile
    opened = max(shot.mouth_open, 0.0) * 0.16 + 0.11 * max(smile - 0.35, 0)  # a laugh shows teeth
    width = p.mouth_width * (1 + 0.16 * smile - 0.5 * opened)
    t = np.linspace(-1, 1, 17)
    x = t * width + p.mouth_bend
    corner = (p.mouth_corners + 0.055 * smile) * t * t
    middle = p.mouth_y + 0.02 * smile - corner
    round_ = np.sqrt(np.clip(1 - t * t, 0, 1))
    bow = 1 - p.bow * np.exp(-((t / 0.17) ** 2))
    bow += 0.25 * p.bow * np.exp(-(((np.abs(t) - 0.3) / 0.2) ** 2))
    thin = 1 - 0.25 * max(smile, 0)
    top = middle - opened * 0.35 * round_ - p.upper_lip * thin * bow * round_**0.9
    inner_top = middle - opened * 0.35 * round_ + 0.006 * np.cos(t * 9) * round_
    inner_low = middle + opened * 0.65 * round_ + 0.006 * round_
    low = middle + opened * 0.65 * round_ + p.lower_lip * thin * round_**1.1
    made_up = min(make_up(p, shot), 1.0)
    tint = p.lip_tone + 0.7 * made_up
    lip = skin * (1 - tint) + tint * skin * (0.72, 0.60, 1.0) * 0.92
    lip = lip * (1 - made_up) + made_up * np.array((0.22, 0.16, 0.62))

    def outline(above, below):
        return np.concatenate([np.stack([x, above], 1), np.stack([x, below], 1)[::-1]])

    canvas.fill(outline(top, inner_top), lip * 0.86)
    canvas.fill(outline(inner_low, low), lip)
    if opened > 0.012:
        canvas.fill(outline(inner_top, inner_low), (0.10, 0.08, 0.22))
        teeth = np.minimum(inner_top + 0.75 * (inner_low - inner_top), inner_top + 0.045)
        inside = slice(2, -2)
        band = np.concatenate(
            [
                np.stack([x, inner_top], 1)[inside],
                np.stack([x, teeth], 1)[inside][::-1],
            ]
        )
        canvas.fill(band, (0.82, 0.86, 0.88))
    else:
        canvas.line(np.stack([x, inner_top], 1), skin * (0.36, 0.32, 0.46), 0.014)
    canvas.line(np.stack([x, low + 0.008], 1)[4:-4], skin * 0.80, 0.012)


def _bytes(colour):
    return tuple(int(min(max(value, 0.0), 1.0) * 255) for value in colour)
