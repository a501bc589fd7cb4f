"""What makes a person and what makes a picture, each drawn from its own seeded stream.

Lengths are in units of half a face's height (chin at about +1, crown at about
-1.15); x points right in the picture, y down, z to the camera. Angles are radians.
"""

import dataclasses

import numpy as np

REACH = 2.2  # traits stay within this many spreads of their mean


def _normal(mean, spread):
    return dataclasses.field(metadata={"draw": ("normal", mean, spread)})


def _uniform(low, high):
    return dataclasses.field(metadata={"draw": ("uniform", low, high)})


def _chance(probability):
    return dataclasses.field(metadata={"draw": ("chance", probability, None)})


def _stream():
    return dataclasses.field(metadata={"draw": ("stream", None, None)})


@dataclasses.dataclass(frozen=True)
class Identity:
    """One person: what stays the same in every picture."""

    # Head
    width: float = _normal(0.70, 0.038)  # half the width at the cheekbones
    crown: float = _normal(1.14, 0.045)  # height above the origin
    chin: float = _normal(1.00, 0.045)  # height below the origin
    depth: float = _normal(0.80, 0.030)
    jaw: float = _normal(2.9, 0.40)  # squareness: 2 is oval, 3.4 is square
    chin_point: float = _normal(0.62, 0.065)  # 0.5 is round, 0.8 is pointed
    taper: float = _normal(0.0, 0.035)  # positive: wide below, narrow above
    cheek: float = _normal(0.045, 0.026)  # how far the cheekbones stand out
    chin_boss: float = _normal(0.055, 0.026)
    cleft: float = _normal(0.0, 0.010)
    fold: float = _normal(0.22, 0.12)  # nasolabial fold, darkness
    # Eyes
    eye_y: float = _normal(-0.08, 0.028)
    eye_x: float = _normal(0.325, 0.026)  # half the distance between the eyes
    eye_width: float = _normal(0.162, 0.013)
    eye_height: float = _normal(0.074, 0.010)
    eye_tilt: float = _normal(0.05, 0.065)
    eye_skew: float = _normal(0.0, 0.13)  # where along the lid the eye is highest
    iris: float = _normal(0.074, 0.004)
    iris_tone: float = _uniform(0.0, 1.0)
    crease: float = _normal(0.034, 0.010)  # from the upper lid to its fold
    socket: float = _normal(0.085, 0.026)  # depth of the eye socket
    lashes: float = _normal(0.5, 0.20)
    bags: float = _normal(0.10, 0.07)
    # Brows
    brow_y: float = _normal(0.185, 0.024)  # above the eye
    brow_width: float = _normal(0.205, 0.020)
    brow_thickness: float = _normal(0.038, 0.011)
    brow_arch: float = _normal(0.040, 0.020)
    brow_tilt: float = _normal(0.02, 0.085)
    brow_gap: float = _normal(0.0, 0.020)
    brow_density: float = _normal(0.72, 0.13)
    brow_ridge: float = _normal(0.030, 0.018)
    # Nose
    nose_y: float = _normal(0.30, 0.034)  # the tip
    nose_width: float = _normal(0.132, 0.020)  # half the width of the wings
    nose_bridge: float = _normal(0.060, 0.013)
    nose_height: float = _normal(0.205, 0.040)
    nose_root: float = _normal(0.070, 0.030)
    nose_tip: float = _normal(0.075, 0.014)
    nose_bump: float = _normal(0.0, 0.018)
    nostrils: float = _normal(0.034, 0.006)
    nose_bend: float = _normal(0.0, 0.010)
    # Mouth
    mouth_y: float = _normal(0.555, 0.030)
    mouth_width: float = _normal(0.255, 0.025)
    upper_lip: float = _normal(0.046, 0.013)
    lower_lip: float = _normal(0.066, 0.015)
    bow: float = _normal(0.35, 0.20)  # depth of the cupid's bow
    mouth_corners: float = _normal(0.0, 0.013)  # up is positive
    mouth_bend: float = _normal(0.0, 0.009)
    lip_tone: float = _normal(0.42, 0.14)
    philtrum: float = _normal(0.012, 0.006)
    # Ears
    ear_y: float = _normal(0.07, 0.030)
    ear_height: float = _normal(0.235, 0.024)
    ear_out: float = _normal(0.085, 0.026)
    # Skin
    skin_tone: float = _uniform(0.0, 1.0)
    skin_warmth: float = _normal(0.0, 0.030)
    blush: float = _normal(0.07, 0.05)
    freckles: float = _normal(-0.35, 0.55)  # none below 0
    moles: float = _normal(0.8, 1.2)
    marks: int = _stream()  # where the freckles and moles are
    # Hair
    hair_tone: float = _uniform(0.0, 1.0)
    hair_volume: float = _normal(0.075, 0.022)
    hair_length: float = _uniform(-0.8, 1.0)  # long above 0.25
    hairline: float = _normal(-0.66, 0.055)
    widows_peak: float = _normal(0.01, 0.035)
    recede: float = _normal(0.05, 0.05)
    parting: float = _normal(0.0, 0.45)
    sideburn: float = _normal(0.02, 0.12)
    stubble: float = _normal(-0.25, 0.45)  # none below 0
    moustache: float = _normal(-0.8, 0.7)
    beard: float = _normal(-0.9, 0.7)


@dataclasses.dataclass(frozen=True)
class Shot:
    """One picture: everything that says nothing of who is in it."""

    # Pose and framing
    yaw: float = _normal(0.0, 0.19)
    pitch: float = _normal(0.0, 0.09)
    roll: float = _normal(0.0, 0.035)
    zoom: float = _normal(1.0, 0.025)
    shift_x: float = _normal(0.0, 0.018)
    shift_y: float = _normal(0.0, 0.018)
    # Light
    light_azimuth: float = _normal(0.0, 0.45)
    light_elevation: float = _normal(0.45, 0.25)
    light: float = _normal(0.72, 0.11)
    ambient: float = _normal(0.48, 0.07)
    rim: float = _normal(0.06, 0.10)
    light_warmth: float = _normal(0.0, 0.06)
    gloss: float = _normal(0.10, 0.06)
    # Expression
    smile: float = _normal(0.15, 0.35)
    mouth_open: float = _normal(-0.12, 0.22)  # closed below 0
    brow_raise: float = _normal(0.0, 0.012)
    brow_frown: float = _normal(0.0, 0.03)
    eye_open: float = _normal(0.95, 0.12)
    gaze_x: float = _normal(0.0, 0.28)
    gaze_y: float = _normal(0.0, 0.16)
    # The same person on another day
    tan: float = _normal(0.0, 0.04)
    fullness: float = _normal(0.0, 0.012)  # weight, in half widths
    make_up: float = _normal(-0.15, 0.25)  # none below 0
    shave: float = _normal(0.0, 0.25)
    new_hair: bool = _chance(0.25)
    hair_length: float = _uniform(-0.8, 1.0)
    hair_volume: float = _normal(0.0, 0.03)
    fringe: float = _normal(-0.12, 0.10)  # none below 0
    hair_dye: float = _normal(0.0, 0.06)
    # Covered
    glasses: bool = _chance(0.14)
    dark_lenses: bool = _chance(0.20)
    rim_shape: float = _uniform(0.0, 1.0)
    rim_tone: float = _uniform(0.0, 1.0)
    hat: bool = _chance(0.04)
    scarf: bool = _chance(0.04)
    hand: bool = _chance(0.04)
    lock: bool = _chance(0.06)
    side: float = _uniform(-1.0, 1.0)  # of the hand and the lock of hair
    # Surroundings and camera
    scene: int = _stream()
    exposure: float = _normal(1.0, 0.10)
    contrast: float = _normal(1.0, 0.10)
    gamma: float = _normal(1.0, 0.10)
    cast_blue: float = _normal(1.0, 0.05)
    cast_red: float = _normal(1.0, 0.05)
    saturation: float = _normal(0.95, 0.14)
    grey: bool = _chance(0.06)
    blur: float = _normal(0.25, 0.35)  # pixels at 112 rows; none below 0.3
    motion: float = _normal(-0.6, 1.1)  # pixels at 112 rows; none below 1
    motion_angle: float = _uniform(0.0, np.pi)
    noise: float = _normal(0.016, 0.010)
    grain: int = _stream()
    quality: float = _uniform(35.0, 95.0)  # of the JPEG file


def draw_identity(seed, person):
    """The person'th Identity of a seed; each depends on nothing but the two numbers."""
    return _draw(Identity, np.random.SeedSequence([seed, 0, person]))


def draw_shot(seed, person, image):
    """The Shot of a person's image'th picture; depends on nothing but the three numbers."""
    return _draw(Shot, np.random.SeedSequence([seed, 1, person, image]))


def neutral_shot(**changes):
    """A studio portrait: every property at its mean, nothing covered, and no noise."""
    means = {}
    for field in dataclasses.fields(Shot):
        kind, first, second = field.metadata["draw"]
        means[field.name] = {
            "normal": lambda a, b: a,
            "uniform": lambda a, b: (a + b) / 2,
            "chance": lambda a, b: False,
            "stream": lambda a, b: 0,
        }[kind](first, second)
    plain = dict(smile=0.0, eye_open=1.0, blur=0.0, noise=0.0, quality=100.0)
    return Shot(**{**means, **plain, **changes})


def _draw(kind, sequence):
    rng = np.random.Generator(np.random.PCG64(sequence))
    values = {}
    for field in dataclasses.fields(kind):
        how, first, second = field.metadata["draw"]
        if how == "normal":
            value = first + second * float(np.clip(rng.standard_normal(), -REACH, REACH))
        elif how == "uniform":
            value = float(rng.uniform(first, second))
        elif how == "chance":
            value = bool(rng.random() < first)
        else:
            value = int(rng.integers(2**31))
        values[field.name] = value
    return kind(**values)
