"""What makes a person and what makes a picture, each drawn from its own seeded stream.

Lengths are in units of half a face's height (chin at about +1, crown at about
-1.15); x points right in the picture, y down, z to the camera. Angles are radians.
"""

import dataclasses

import numpy as np

REACH = 2.2  # traits stay within this many spreads of their mean


def _normal(mean, spread, **by_kind):
    """by_kind: how far a kind of `kinds_of`, where it is 1, moves the mean."""
    return dataclasses.field(metadata={"draw": ("normal", mean, spread), "by_kind": by_kind})


def _uniform(low, high):
    return dataclasses.field(metadata={"draw": ("uniform", low, high)})


def _chance(probability):
    return dataclasses.field(metadata={"draw": ("chance", probability, None)})


def _stream():
    return dataclasses.field(metadata={"draw": ("stream", None, None)})


@dataclasses.dataclass(frozen=True)
class Identity:
    """One person: what stays the same in every picture."""

    # Kind: what real people differ in first, and what many traits go along with
    man: bool = _chance(0.5)
    age: float = _uniform(-1.0, 1.0)  # from 20 years to 75
    descent: float = _uniform(0.0, 1.0)  # low: African, middle: European, high: East Asian
    # Head
    width: float = _normal(0.70, 0.062, man=0.010, asian=0.025)  # half, at the cheekbones
    crown: float = _normal(1.14, 0.075)  # height above the origin
    chin: float = _normal(1.00, 0.075, man=0.025)  # height below the origin
    depth: float = _normal(0.80, 0.050)
    jaw: float = _normal(2.9, 0.675, man=0.25)  # squareness: 2 is oval, 3.4 is square
    chin_point: float = _normal(0.62, 0.108, man=-0.04)  # 0.5 is round, 0.8 is pointed
    taper: float = _normal(0.0, 0.061, age=0.015)  # positive: wide below, narrow above
    cheek: float = _normal(0.045, 0.043, man=-0.005, asian=0.015)  # how far cheekbones stand out
    chin_boss: float = _normal(0.055, 0.046, man=0.008)
    cleft: float = _normal(0.0, 0.015)
    fold: float = _normal(0.22, 0.162, age=0.15)  # nasolabial fold, darkness
    wrinkles: float = _normal(0.0, 0.180, age=0.45)  # none below 0
    # Eyes
    eye_y: float = _normal(-0.08, 0.041)
    eye_x: float = _normal(0.325, 0.039)  # half the distance between the eyes
    eye_width: float = _normal(0.162, 0.022)
    eye_height: float = _normal(0.076, 0.016, man=-0.004, age=-0.006, asian=-0.012)
    eye_tilt: float = _normal(0.05, 0.106, age=-0.03, asian=0.05)
    eye_skew: float = _normal(0.0, 0.230)  # where along the lid the eye is highest
    iris: float = _normal(0.074, 0.004)
    iris_tone: float = _normal(0.60, 0.300, african=-0.52, asian=-0.52)  # see skin.IRIS
    crease: float = _normal(0.034, 0.018, asian=-0.012)  # from the upper lid to its fold
    socket: float = _normal(0.085, 0.049, asian=-0.02)  # depth of the eye socket
    lashes: float = _normal(0.5, 0.275, man=-0.15)
    bags: float = _normal(0.10, 0.108, age=0.07)
    # Brows
    brow_y: float = _normal(0.185, 0.037, man=-0.018)  # above the eye
    brow_width: float = _normal(0.205, 0.033)
    brow_thickness: float = _normal(0.038, 0.018, man=0.008)
    brow_arch: float = _normal(0.040, 0.034, man=-0.010)
    brow_tilt: float = _normal(0.02, 0.131)
    brow_gap: float = _normal(0.0, 0.033)
    brow_density: float = _normal(0.72, 0.150, man=0.05, age=-0.08)
    brow_ridge: float = _normal(0.030, 0.031, man=0.014)
    # Nose
    nose_y: float = _normal(0.30, 0.051, age=0.012)  # the tip
    nose_width: float = _normal(0.130, 0.030, man=0.006, african=0.035, asian=0.012)
    nose_bridge: float = _normal(0.060, 0.021, african=0.010)
    nose_height: float = _normal(0.215, 0.070, man=0.010, african=-0.030, asian=-0.035)
    nose_root: float = _normal(0.075, 0.048, african=-0.020, asian=-0.030)
    nose_tip: float = _normal(0.075, 0.024, african=0.008)
    nose_bump: float = _normal(0.0, 0.032)
    nostrils: float = _normal(0.034, 0.011, african=0.006)
    nose_bend: float = _normal(0.0, 0.015)
    # Mouth
    mouth_y: float = _normal(0.555, 0.044)
    mouth_width: float = _normal(0.255, 0.043)
    upper_lip: float = _normal(0.044, 0.019, man=-0.004, age=-0.009, african=0.022)
    lower_lip: float = _normal(0.064, 0.022, man=-0.004, age=-0.007, african=0.024)
    bow: float = _normal(0.35, 0.300)  # depth of the cupid's bow
    mouth_corners: float = _normal(0.0, 0.020, age=-0.008)  # up is positive
    mouth_bend: float = _normal(0.0, 0.013)
    lip_tone: float = _normal(0.42, 0.216, man=-0.07)
    philtrum: float = _normal(0.012, 0.010)
    # Ears
    ear_y: float = _normal(0.07, 0.044)
    ear_height: float = _normal(0.235, 0.037, age=0.012)
    ear_out: float = _normal(0.085, 0.046)
    # Skin
    skin_tone: float = _normal(0.76, 0.140, african=-0.56, asian=-0.08)  # see skin.SKIN
    skin_warmth: float = _normal(0.0, 0.035)
    blush: float = _normal(0.07, 0.075)
    freckles: float = _normal(-0.45, 0.500)  # none below 0
    moles: float = _normal(0.3, 1.100)
    marks: int = _stream()  # where the freckles and moles are
    make_up: float = _normal(-0.10, 0.250, man=-0.40)  # the habit; none below 0
    # Hair
    hair_tone: float = _normal(0.52, 0.280, african=-0.46, asian=-0.46)  # see skin.HAIR
    grey: float = _normal(-0.15, 0.350, age=0.55)  # none below 0
    hair_volume: float = _normal(0.080, 0.043)
    hair_length: float = _normal(-0.05, 0.500, man=-0.55)  # long above 0.25
    hairline: float = _normal(-0.66, 0.081)
    widows_peak: float = _normal(0.01, 0.050)
    recede: float = _normal(0.05, 0.050, man=0.03, age=0.04)
    bald: float = _normal(-0.65, 0.400, man=0.40, age=0.45)  # none below 0
    glasses: bool = _chance(0.14)  # the habit
    rim_shape: float = _uniform(0.0, 1.0)
    rim_tone: float = _uniform(0.0, 1.0)
    parting: float = _normal(0.0, 0.688)
    sideburn: float = _normal(0.02, 0.175)
    stubble: float = _normal(-0.50, 0.400, man=0.45)  # none below 0
    moustache: float = _normal(-1.1, 0.600, man=0.55)
    beard: float = _normal(-1.2, 0.600, man=0.55)


@dataclasses.dataclass(frozen=True)
class Shot:
    """One picture: everything that says nothing of who is in it."""

    # Pose and framing
    yaw: float = _normal(0.0, 0.27)
    pitch: float = _normal(0.0, 0.13)
    roll: float = _normal(0.0, 0.035)
    zoom: float = _normal(1.0, 0.025)
    shift_x: float = _normal(0.0, 0.012)
    shift_y: float = _normal(0.0, 0.012)
    # Light
    light_azimuth: float = _normal(0.0, 0.65)
    light_elevation: float = _normal(0.50, 0.28)
    light: float = _normal(0.76, 0.15)
    ambient: float = _normal(0.48, 0.09)
    rim: float = _normal(0.06, 0.10)
    light_warmth: float = _normal(0.02, 0.08)
    gloss: float = _normal(0.10, 0.06)
    # Expression
    smile: float = _normal(0.25, 0.45)
    mouth_open: float = _normal(-0.12, 0.30)  # closed below 0
    brow_raise: float = _normal(0.0, 0.012)
    brow_frown: float = _normal(0.0, 0.03)
    eye_open: float = _normal(0.95, 0.12)
    gaze_x: float = _normal(0.0, 0.28)
    gaze_y: float = _normal(0.0, 0.16)
    # The same person on another day
    tan: float = _normal(0.0, 0.04)
    fullness: float = _normal(0.0, 0.012)  # weight, in half widths
    make_up: float = _normal(0.0, 0.15)  # more than the habit
    shave: float = _normal(0.0, 0.25)
    new_hair: bool = _chance(0.25)
    hair_length: float = _normal(0.0, 0.35)  # longer than usual
    hair_volume: float = _normal(0.0, 0.03)
    fringe: float = _normal(-0.12, 0.10)  # none below 0
    hair_dye: float = _normal(0.0, 0.06)
    # Covered
    glasses: bool = _chance(0.05)  # against the habit
    dark_lenses: bool = _chance(0.10)
    hat: bool = _chance(0.03)
    scarf: bool = _chance(0.01)
    hand: bool = _chance(0.03)
    lock: bool = _chance(0.03)
    side: float = _uniform(-1.0, 1.0)  # of the hand and the lock of hair
    # Surroundings and camera
    scene: int = _stream()
    exposure: float = _normal(1.10, 0.13)
    contrast: float = _normal(1.03, 0.11)
    gamma: float = _normal(0.97, 0.11)
    cast_blue: float = _normal(0.98, 0.07)
    cast_red: float = _normal(1.02, 0.07)
    saturation: float = _normal(0.95, 0.14)
    grey: bool = _chance(0.03)
    blur: float = _normal(0.25, 0.35)  # pixels at 112 rows; none below 0.3
    motion: float = _normal(-0.6, 1.1)  # pixels at 112 rows; none below 1
    motion_angle: float = _uniform(0.0, np.pi)
    noise: float = _normal(0.010, 0.007)
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


def kinds_of(values):
    """What the means of the traits go by: {name: float}, of the kind drawn so far.

    man and age are in [-1, 1] and 0 in the mean; african and asian are shares in [0, 1].
    """
    if not {"man", "age", "descent"} <= values.keys():
        return {}
    return {
        "man": 1.0 if values["man"] else -1.0,
        "age": values["age"],
        "african": min(max((0.38 - values["descent"]) / 0.16, 0.0), 1.0),
        "asian": min(max((values["descent"] - 0.66) / 0.10, 0.0), 1.0),
    }


def _draw(kind, sequence):
    rng = np.random.Generator(np.random.PCG64(sequence))
    values = {}
    for field in dataclasses.fields(kind):
        how, first, second = field.metadata["draw"]
        if how == "normal":
            value = first + second * float(np.clip(rng.standard_normal(), -REACH, REACH))
            if field.metadata["by_kind"]:
                kinds = kinds_of(values)
                value += sum(by * kinds[name] for name, by in field.metadata["by_kind"].items())
        elif how == "uniform":
            value = float(rng.uniform(first, second))
        elif how == "chance":
            value = bool(rng.random() < first)
        else:
            value = int(rng.integers(2**31))
        values[field.name] = value
    return kind(**values)
