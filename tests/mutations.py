"""Breaks the code in one place at a time, and says which of the tests meant for it notice.

    python tests/mutations.py [WORD ...]       all, or those whose line below holds a word

Each is made in a copy of the checkout; the tests named with it are run there, first without any of
them. One that no test notices ends the run in status 1. tests/python/test_mutations.py keeps the
list current: what is replaced has to stand in its file, once.

A fault that a test could not see belongs here with the test that sees it now. The layers' are not
here: they need a build of Caffe for each.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]
COPIED = ("python", "tests/python", "prototxt", "pyproject.toml")


@dataclass(frozen=True)
class Mutation:
    """`old` in python/amcaffe/`file` becomes `new`; `tests`, under tests/python, notice."""

    file: str
    old: str
    new: str
    tests: tuple[str, ...]


def mutation(file, old, new, *tests):
    return Mutation(f"python/amcaffe/{file}", old, new, tuple(f"tests/python/{t}" for t in tests))


_ARCHIVES = "fetch/test_archives.py::"
_REFUSED = f"{_ARCHIVES}test_what_would_write_or_lead_out_is_refused_and_nothing_is_written"
_CLIMBING = f"{_ARCHIVES}test_links_that_climb_out_are_refused_even_where_nothing_goes_through_them"
_PLACEMENT = "prototxt/test_placement.py::"
_NUMBERS = "prototxt/test_prototxt.py::test_impossible_values_are_refused_by_name"
_DRAWS = "protocols/test_intervals.py::test_every_draw_finds_its_own_threshold"
_ANEW = "extract/test_extract.py::test_work_begins_anew_where_a_file_of_the_same_name_has_changed"
_EXTRACTED = "extract/test_extract.py::test_the_summary_counts_the_seconds_and_images_of_a_second"
_CARRIED = (
    "extract/test_extract.py::test_a_resumed_run_adds_up_the_seconds_and_its_speed_is_its_own"
)
_TRAINED = "train/test_train.py::test_metrics_and_report_count_the_images_of_a_second"
_RESUMED = "train/test_train.py::test_seconds_of_a_resumed_run_go_on_from_those_before"
_ROW = "data/test_metrics.py::test_a_row_has_the_images_of_a_second_and_the_seconds_so_far"
_ROWS = "data/test_metrics.py::test_a_resumed_run_counts_on_from_the_seconds_of_the_rows_that_stay"
_LINES = "test_progress.py::test_a_line_says_how_far_it_is_counted_from_where_it_went_on"
_BAND = "report/test_report.py::test_the_roc_plot_shades_rates_of_fewer_than_thirty_false_accepts"
_STATE = "train/test_train_state.py::"
_LOADED = "nets/test_loading.py::"
_LOT = "protocols/test_drawn_pairs.py::test_who_gives_a_pair_more_is_drawn_and_not_always_the_first"

MUTATIONS = (
    # What an unpacked archive may hold.
    mutation(
        "fetch/archives.py",
        'target = links.get("/".join(real))',
        "target = None",
        _CLIMBING,
    ),
    mutation(
        "fetch/archives.py",
        "        if above in found and not found[above].isdir():\n",
        "        if False:\n",
        _REFUSED,
    ),
    mutation(
        "fetch/archives.py",
        'if member.linkname.startswith("/") or ".." in member.linkname.split("/"):',
        "if False:",
        _REFUSED,
    ),
    mutation("fetch/archives.py", "member.name = member.name[len(top) + 1 :]", "pass", _REFUSED),
    mutation(
        "fetch/archives.py",
        "MOST_LINKS = 40",
        "MOST_LINKS = 41",
        f"{_ARCHIVES}test_as_many_links_may_be_led_through_as_the_system_follows",
    ),
    mutation(
        "fetch/archives.py",
        "            _require_end(archive)\n",
        "",
        f"{_ARCHIVES}test_a_damaged_tarball_is_refused_before_anything_is_written",
    ),
    # What is rendered.
    mutation(
        "prototxt/placement.py",
        "    if not overwrite:\n",
        "    if False:\n",
        f"{_PLACEMENT}test_other_options_do_not_overwrite_the_committed_files",
    ),
    mutation(
        "prototxt/placement.py",
        "    atomic_set({folder / name: text for name, text in written.items()})\n",
        "    from amcaffe.data.files import atomic_write\n\n"
        "    for name, text in written.items():\n        atomic_write(folder / name, text)\n",
        f"{_PLACEMENT}test_a_set_that_cannot_be_written_whole_is_not_written",
    ),
    mutation("nets/experiment.py", "INT32 >> (len(UNITS[self.depth]) - 1)", "INT32", _NUMBERS),
    mutation(
        "nets/text.py",
        'return struct.unpack("f", struct.pack("f", value))[0]',
        "return value",
        _NUMBERS,
    ),
    mutation("nets/experiment.py", "all(_whole(step) for step in self.steps)", "True", _NUMBERS),
    # Intervals.
    mutation(
        "protocols/intervals.py",
        "    while false[-1] <= allowed:\n",
        "    while False:\n",
        _DRAWS,
    ),
    mutation(
        "protocols/intervals.py",
        "    while false[-1] <= allowed:\n",
        "    if false[-1] <= allowed:\n",
        _DRAWS,
    ),
    # What an interrupted extraction may go on with, and what it counts.
    mutation(
        "extract/extraction.py",
        'for name in ("net", "weights"):',
        'for name in ("weights",):',
        _ANEW,
    ),
    mutation(
        "extract/extraction.py",
        'for name in ("net", "weights"):',
        'for name in ("net",):',
        _ANEW,
    ),
    mutation(
        "extract/extraction.py",
        "began, before = time.perf_counter(), partial.seconds",
        "began, before = time.perf_counter(), 0.0",
        _CARRIED,
    ),
    mutation(
        "extract/extraction.py",
        "round(read / (partial.seconds - before), 3)",
        "round(read / partial.seconds, 3)",
        _CARRIED,
    ),
    mutation(
        "extract/extraction.py",
        "read += len(readable)",
        "read += len(readable) // 2",
        _EXTRACTED,
        _CARRIED,
    ),
    mutation(
        "extract/extraction.py",
        "math.floor(Fraction(str(options.max_bad)) * len(paths))",
        "math.floor(options.max_bad * len(paths))",
        "extract/test_extract.py::test_a_share_is_counted_as_it_was_typed",
    ),
    mutation(
        "extract/partial.py",
        "self.done, self.seconds, self.unreadable = done, seconds, unreadable",
        "self.done, self.seconds, self.unreadable = done, 0.0, unreadable",
        _CARRIED,
    ),
    mutation("extract/partial.py", '"seconds": self.seconds,', '"seconds": 0.0,', _CARRIED),
    # What a resumed training draws, and what it counts.
    mutation(
        "train/training.py",
        "            parameters.random_seed += earlier[0].iteration\n",
        "            pass\n",
        "train/test_train.py::test_a_resumed_run_does_not_draw_the_images_of_its_start_again",
    ),
    mutation(
        "train/loop.py",
        "rate = round(iterations * self.images / metrics.seconds, 3)",
        "rate = round(done * self.images / metrics.seconds, 3)",
        _RESUMED,
    ),
    mutation(
        "train/loop.py",
        "self.images = solver.net.blobs[source].data.shape[0] * parameters.iter_size",
        "self.images = solver.net.blobs[source].data.shape[0]",
        _TRAINED,
    ),
    mutation(
        "data/metrics.py",
        'self.seconds = float(kept[-1]["seconds"]) if kept else 0.0',
        "self.seconds = 0.0",
        _ROWS,
        _RESUMED,
    ),
    mutation(
        "data/metrics.py",
        '"images_per_second": f"{images / seconds:.4g}"',
        '"images_per_second": f"{images / self.seconds:.4g}"',
        _ROW,
        _TRAINED,
    ),
    # What is drawn and told.
    mutation("protocols/roc.py", "NOISY: ClassVar[int] = 30 ", "NOISY: ClassVar[int] = 3 ", _BAND),
    mutation("progress.py", "        self._done += n\n", "", _LINES),
    mutation(
        "progress.py",
        "what, total, unit, initial\n",
        "what, total, unit, 0\n",
        _LINES,
    ),
    mutation(
        "protocols/drawn_pairs.py",
        "free, added = rng.choice(free, total, replace=False), 1",
        "free, added = free[:total], 1",
        _LOT,
    ),
    # What a list is taken for.
    mutation(
        "data/text_lists.py",
        "if even > sum(map(len, high)) / 2 and",
        "if",
        "data/test_lists.py::test_western_letters_are_not_taken_for_gbk",
    ),
    mutation(
        "data/pair_checks.py",
        "_FEW < share < 1 - _FEW",
        "False",
        "data/test_pairs.py::test_folders_of_days_are_not_taken_for_people",
    ),
    mutation(
        "extract/listed.py",
        "(labels[::2] == labels[1::2]).all()",
        "True",
        "extract/test_extract.py::test_an_unusable_list_is_refused",
    ),
    # State is no weight.
    mutation(
        "nets/loading.py",
        "return not state or (not schedules_begin and found.type in (None, target.type))",
        "return True",
        f"{_LOADED}test_a_schedule_begins_whether_or_not_the_file_has_a_count",
        f"{_LOADED}test_a_layer_of_state_alone_begins_too",
    ),
    mutation(
        "nets/loading.py",
        "same = not schedules_begin and",
        "same = not schedules_begin or",
        f"{_LOADED}test_a_schedule_begins_whether_or_not_the_file_has_a_count",
    ),
    mutation(
        "nets/loading.py",
        "count = min(len(state), len(own)) if same else 0",
        "count = 0",
        f"{_LOADED}test_a_test_takes_the_state_that_the_file_has",
    ),
    mutation(
        "nets/loading.py",
        "for name, one in shapes.items() if name not in fresh",
        "for name, one in shapes.items()",
        f"{_LOADED}test_a_fresh_layer_is_not_taken_whatever_its_shape",
        f"{_STATE}test_other_people_need_a_fresh_classifier",
    ),
    mutation(
        "nets/weights.py",
        "        if self.type is None and any(",
        "        if False and any(",
        "nets/test_weights.py::test_a_classifier_fits_with_and_without_a_count_and_never_with_a_bias",
    ),
    mutation(
        "nets/hdf5.py",
        "kind.set_size(len(text) + 1)",
        "kind.set_size(len(text))",
        "nets/test_hdf5.py::test_a_solvers_state_is_read_and_led_to_its_weights",
    ),
    mutation(
        "train/training.py",
        "    if earlier:\n        raise InputError(",
        "    if False:\n        raise InputError(",
        f"{_STATE}test_resume_where_no_snapshot_fits_names_each_and_touches_nothing",
        f"{_STATE}test_resume_where_all_snapshots_are_cut_touches_nothing",
    ),
    mutation(
        "train/loop.py",
        "                snapshots.check(written,",
        "                snapshots.Snapshot(written,",
        f"{_STATE}test_an_old_snapshot_stays_until_a_whole_newer_one_is_there",
    ),
    mutation(
        "train/snapshots.py",
        "if one.iteration <= newest and _is_file",
        "if _is_file",
        f"{_STATE}test_snapshots_that_are_no_pairs_or_not_of_this_run_are_kept",
    ),
    mutation(
        "train/solver_file.py",
        "        parameters.random_seed = secrets.randbelow(_SEEDS)\n",
        "        pass\n",
        f"{_STATE}test_the_seed_that_was_drawn_repeats_the_run",
    ),
    mutation(
        "train/data_check.py",
        "    if lacking > 0:\n",
        "    if False:\n",
        "train/test_train_data.py::test_labels_that_leave_outputs_alone_are_told",
    ),
    mutation(
        "extract/extraction.py",
        "    digest.update(stamp_of(paths).encode())\n",
        "",
        _ANEW,
    ),
)


def main(words):
    chosen = [m for m in MUTATIONS if all(word in repr(m) for word in words)]
    tests = sorted({test for m in chosen for test in m.tests})
    with tempfile.TemporaryDirectory(prefix="amcaffe-mutations-") as folder:
        for name in COPIED:
            source, copy = CHECKOUT / name, Path(folder, name)
            copy.parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, copy, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(source, copy)
        outcome, why = run_tests(folder, tests)
        if outcome != "passed":
            sys.exit(f"without any of them, the tests have {outcome}: {why}")
        unnoticed = [m for m in chosen if not noticed(folder, m)]
    print(f"{len(chosen) - len(unnoticed)} of {len(chosen)} noticed")
    return bool(unnoticed)


def noticed(folder, m):
    """Whether each of the mutation's tests turns red; says so."""
    path = Path(folder, m.file)
    before = path.read_text()
    path.write_text(before.replace(m.old, m.new))
    print(f"{m.file}: {m.old.strip()}  ->  {m.new.strip() or 'nothing'}")
    outcomes = [run_tests(folder, [test]) for test in m.tests]
    path.write_text(before)
    for test, (outcome, why) in zip(m.tests, outcomes):
        print(f"  {outcome}  {test}  {why}", flush=True)
    return all(outcome == "failed" for outcome, _ in outcomes)


def run_tests(folder, tests):
    """("passed", "failed", "skipped" or "an error", the first line of what was seen)"""
    paths = [f"{folder}/python", os.environ.get("PYTHONPATH", "")]
    done = subprocess.run(
        [sys.executable, "-B", "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))},
        capture_output=True,
        text=True,
    )
    seen = re.search(r"^E +(.*)", done.stdout, re.M) or re.search(r"^SKIPPED.*", done.stdout, re.M)
    skipped = done.returncode == 0 and "SKIPPED" in done.stdout
    outcome = {0: "skipped" if skipped else "passed", 1: "failed"}.get(done.returncode, "an error")
    return outcome, seen[seen.lastindex or 0] if seen else done.stderr.strip()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
