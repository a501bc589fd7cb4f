"""Image lists from a folder of people, one sub-folder a person, split by identity."""

from pathlib import Path

from amcaffe import cli
from amcaffe.dataset.people import (
    SHOWN,
    broken_images,
    counted,
    find_people,
    require_readable,
    without,
)
from amcaffe.dataset.splits import (
    BROKEN,
    holdout_count,
    require_apart,
    split_by_identity,
    write_lists,
)


def main(argv):
    parser = cli.parser(
        "dataset",
        "Lists of the images of a folder of people.",
        "python -m amcaffe.dataset lists data/faces data/lists --holdout-fraction 0.25",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    lists = commands.add_parser(
        "lists",
        help="a folder of people, one sub-folder a person, to train.txt and test.txt",
        description="Write OUT/train.txt and OUT/test.txt (`path label` a line, paths relative to\n"
        "DIR, labels from 0 in each) and OUT/identities.txt (label, split, name). No person\n"
        "is in both lists.",
        epilog="example:\n  python -m amcaffe.dataset lists data/faces data/lists --holdout 10",
        formatter_class=parser.formatter_class,
    )
    lists.add_argument("dir", metavar="DIR", help="the folder of people")
    lists.add_argument("out", metavar="OUT", help="the folder for the lists")
    amount = lists.add_mutually_exclusive_group()
    amount.add_argument("--holdout", type=int, metavar="N", help="people kept for the test")
    amount.add_argument(
        "--holdout-fraction",
        type=float,
        default=0.25,
        metavar="F",
        help="share of the people kept for the test (%(default)s)",
    )
    lists.add_argument(
        "--seed", type=int, default=1, metavar="S", help="of the draw of people (%(default)s)"
    )
    lists.add_argument(
        "--min-images",
        type=int,
        default=2,
        metavar="K",
        help="leave out people with fewer images (%(default)s; 1 keeps all)",
    )
    lists.add_argument(
        "--skip-broken",
        action="store_true",
        help=f"leave out images that cannot be read, and name them in OUT/{BROKEN} (path, tab, "
        "reason), where --min-images counts the others; default: refuse them",
    )
    args = parser.parse_args(argv)
    require_apart(args.dir, args.out)
    people, broken = find_people(args.dir, args.min_images), {}
    if args.skip_broken:
        broken = broken_images(args.dir, people)
        people = without(people, broken, args.min_images)
    _tell_skipped(people.skipped, args.min_images)
    if args.holdout is None:
        holdout = holdout_count(len(people.images), args.holdout_fraction)
    else:
        holdout = args.holdout
    train, test = split_by_identity(list(people.images), holdout, args.seed)
    if not args.skip_broken:
        require_readable(args.dir, people)
    write_lists(args.out, people, train, test, broken)
    if broken:
        print(f"{Path(args.out) / BROKEN}: {counted(broken, 'image')} left out, not readable")
    for split, names in (("train", train), ("test", test)):
        if not names:
            continue
        count = sum(len(people.images[name]) for name in names)
        print(f"{Path(args.out) / split}.txt: {len(names)} people, {count} images")
    print(Path(args.out) / "identities.txt")


def _tell_skipped(skipped, least):
    """Who is left out: the first by name, and how many more there are."""
    for name, count in skipped[:SHOWN]:
        images = "image" if count == 1 else "images"
        print(f"left out {name}: {count} {images}, fewer than {least}")
    if len(skipped) > SHOWN:
        print(f"and {len(skipped) - SHOWN} more people with fewer than {least} images")
