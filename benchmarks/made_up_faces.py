"""Are made-up people to a net that was trained on real ones what real people are to it?

    eval "$(make -s env)"
    python benchmarks/made_up_faces.py --net FILE --weights FILE --real FOLDER [--people 300]

Draws made-up people at 112x112 and takes as many real ones by chance from a folder of aligned
112x112 images, a sub-folder a person, of those with 4 images or more; as many images of each, or
all where there are fewer. The net's features of both give the cosines of all pairs, of one person
(genuine) and of two (impostor). They are shown as they are, and less the mean of their set: a net
that has only seen photographs finds all drawings a little alike, and the second plot is without
what all images of a set have in common.

Writes made_up_faces.json ({set: {people, images, as_they_are, less_the_mean}}, the last two as
bench.likeness.figures has them), made_up_faces.png, and prints a table. Images and features stay
in OUT/made_up_faces and are used again; features of another net or other drawings are not.
"""

import argparse
import hashlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np

from amcaffe import cli
from amcaffe.data.features import load_features
from amcaffe.data.files import atomic_set, atomic_write
from amcaffe.data.lists import image_list_text
from amcaffe.errors import InputError, StepError
from amcaffe.faces.folder import drawing, make_faces, picture_path
from amcaffe.report.drawing import DASHES, Drawing
from bench.likeness import FAR, centred, figures, pairs_of

SIDE = 112  # of the images, in pixels
FEWEST = 4  # images of a real person who is taken
VIEWS = {"as_they_are": lambda features: features, "less_the_mean": centred}


def main(argv):
    options = _parser().parse_args(argv)
    if options.people < 2 or options.images < 2:
        raise InputError(
            "--people and --images are 2 or more",
            found=f"{options.people} and {options.images}",
            expected="pairs of one person and of two",
        )
    real = _real_images(options.real, options.people, options.images, options.seed)
    work = options.out / "made_up_faces"
    drawn = work / f"faces-{drawing()}-{options.seed}-{options.people}x{options.images}"
    make_faces(drawn, options.people, options.images, (SIDE, SIDE), options.seed)
    made_up = [
        (picture_path("", person, image).as_posix(), person)
        for person in range(options.people)
        for image in range(options.images)
    ]
    found, scores = {}, {}
    for name, root, images in (("real", options.real, real), ("made-up", drawn, made_up)):
        features = _features(work, root, images, options)
        scores[name] = {
            view: pairs_of(of(features.matrix), features.labels) for view, of in VIEWS.items()
        }
        found[name] = {
            "people": len(set(features.labels.tolist())),
            "images": len(features.labels),
            **{view: figures(*pairs) for view, pairs in scores[name].items()},
        }
    stem = options.out / "made_up_faces"
    atomic_set(
        {
            stem.with_suffix(".json"): json.dumps(found, indent=1) + "\n",
            stem.with_suffix(".png"): plot(scores).png(),
        }
    )
    print(table(found), end="")


def table(found):
    """Markdown of what main writes into the JSON."""
    head = ["images", "genuine", "impostor", "d'", "AUC", f"TAR at FAR {FAR:g}"]
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    for view in VIEWS:
        for name, of in found.items():
            f = of[view]
            spread = (
                "{mean:.3f} +- {std:.3f}".format(**f[kind]) for kind in ("genuine", "impostor")
            )
            rest = (
                f"{f['d_prime']:.2f}",
                f"{f['auc']:.4f}",
                f"{100 * f[f'tar_at_far_{FAR:g}']:.1f} %",
            )
            title = f"{name}, {view.replace('_', ' ')}"
            lines.append(f"| {' | '.join([title, *spread, *rest])} |")
    return "\n".join(lines) + "\n"


def plot(scores):
    """Drawing of {set: {view: (genuine, impostor)}}: the shares of the cosines, a plot a view."""
    edges = np.linspace(-1, 1, 101)

    def draw(figure, theme):
        for axes, view in zip(figure.subplots(1, len(VIEWS), sharey=True), VIEWS):
            for number, (name, of) in enumerate(scores.items()):
                for kind, pairs, dash in zip(("genuine", "impostor"), of[view], DASHES):
                    share = np.histogram(pairs, edges)[0] / len(pairs)
                    axes.plot(
                        (edges[1:] + edges[:-1]) / 2, share, color=theme.colours[number],
                        linestyle=dash, linewidth=1.6, label=f"{name}, {kind}",
                    )  # fmt: skip
            axes.set_title(view.replace("_", " "))
            axes.set_xlabel("cosine")
            axes.set_xlim(-0.6, 1)
            axes.set_ylim(0)
        figure.axes[0].set_ylabel("share of the pairs, per 0.02")
        figure.axes[0].legend(loc="upper left")

    return Drawing((8, 3.2), draw)


def _real_images(root, people, images, seed):
    """(path below root, number of the person) of a sample of a folder of people."""
    if not root.is_dir():
        raise InputError(f"--real {root}: no such folder", expected="a sub-folder a person")
    folders = {path.name: sorted(path.glob("*.jpg")) for path in sorted(root.iterdir())}
    names = [name for name, files in folders.items() if len(files) >= FEWEST]
    if len(names) < people:
        raise InputError(
            f"--real {root}: too few people with {FEWEST} images (.jpg) or more",
            found=len(names),
            expected=f"{people} (--people)",
        )
    rng = np.random.Generator(np.random.PCG64(seed))
    sample = []
    for person, at in enumerate(rng.permutation(len(names))[:people]):
        files = folders[names[at]]
        chosen = sorted(rng.permutation(len(files))[:images])
        sample += [(files[i].relative_to(root).as_posix(), person) for i in chosen]
    return sample


def _features(work, root, images, options):
    """Features (amcaffe.data.features) of the images, extracted where they are not there yet."""
    paths, labels = zip(*images)
    text = image_list_text(work / "list.txt", paths, labels)
    made_of = [text, str(root.resolve()), options.input, options.blob]
    made_of += [
        hashlib.sha256(file.read_bytes()).hexdigest() for file in (options.net, options.weights)
    ]
    key = hashlib.sha256("\n".join(made_of).encode()).hexdigest()[:12]
    listing, stem = work / f"list-{key}.txt", work / f"features-{key}"
    if not stem.with_suffix(".npy").exists():
        work.mkdir(parents=True, exist_ok=True)
        atomic_write(listing, text)
        command = [
            sys.executable, "-m", "amcaffe.extract", listing, stem, "--root", root,
            "--net", options.net, "--weights", options.weights,
            "--blob", options.blob, "--input", options.input,
        ]  # fmt: skip
        status = subprocess.run([*map(str, command)]).returncode
        if status == cli.INTERRUPTED:
            raise KeyboardInterrupt
        if status:
            raise StepError(
                f"the extraction ended with status {status}; its message is above", status
            )
    return load_features(stem)


def _parser():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--net", type=Path, required=True, metavar="FILE", help="deploy prototxt")
    parser.add_argument("--weights", type=Path, required=True, metavar="FILE", help="caffemodel")
    parser.add_argument("--real", type=Path, required=True, metavar="FOLDER", help="aligned images")
    parser.add_argument("--blob", default="fc1", help="the feature [fc1]")
    parser.add_argument(
        "--input", default="rgb,127.5,0.0078125", metavar="TEXT", help="as extract's [%(default)s]"
    )
    parser.add_argument("--people", type=int, default=300, metavar="N", help="of each kind [300]")
    parser.add_argument("--images", type=int, default=5, metavar="M", help="of a person [5]")
    parser.add_argument("--seed", type=int, default=1, metavar="S", help="[1]")
    parser.add_argument("--out", type=Path, default=Path("build/bench"), help="[build/bench]")
    return parser


if __name__ == "__main__":
    sys.exit(cli.run("made_up_faces", main))
