"""What goes into a bundle: pure planning, from a built tree and this environment to a Plan."""

import platform
import re
from dataclasses import dataclass, field
from pathlib import Path

from amcaffe import __version__
from amcaffe.bundle.closure import find_closure
from amcaffe.bundle.elf import C_LIBRARY, DRIVER, Elf, Loader, is_elf, read_elf
from amcaffe.bundle.interpreter import collect_python
from amcaffe.bundle.launcher import launcher
from amcaffe.bundle.packages import packages_of
from amcaffe.bundle.tree_files import collect_tree
from amcaffe.errors import BuildError
from amcaffe.host.cmake_cache import read_cache
from amcaffe.host.commit import commit_of
from amcaffe.progress import Progress

FORMAT = 1
LIBRARIES = "lib"  # where the shared libraries lie in a bundle
HERE = Path(__file__).parent


@dataclass
class Plan:
    """A bundle to be written.

    root: the Caffe tree.
    files: {place: file}; links: {place: what the link says}; texts: {place: str}.
    elfs: {place: Elf} of the files that the loader reads.
    origins: {place: where the file comes from, in words}.
    facts: what the manifest says of the whole.
    notes: lines for the user.
    """

    root: Path
    files: dict[str, Path] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    elfs: dict[str, Elf] = field(default_factory=dict)
    origins: dict[str, str] = field(default_factory=dict)
    facts: dict[str, object] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def size(self):
        """Bytes of all files."""
        return sum(file.stat().st_size for file in self.files.values())


def plan_bundle(root):
    """The Plan of a bundle of the built tree `root` and the running Python.

    Raises: BuildError: something is not built, or a shared library is not found.
        TreeError: no tree. InputError: a damaged file.
    """
    tree = collect_tree(root)
    plan = Plan(Path(root).resolve())
    python = collect_python(plan.root / "python")
    plan.files = {**python.files, **tree.files}
    plan.links = dict(python.links)
    plan.files["tests/selftest.py"] = HERE / "selftest.py"
    for place, file in plan.files.items():
        if is_elf(file):
            elf = read_elf(file)
            if elf:
                plan.elfs[place] = elf
    loader = plan.elfs["bin/caffe"].interpreter
    if loader is None:
        raise BuildError(f"{plan.files['bin/caffe']} is no program of this system", hint="rebuild")
    _add_libraries(plan, Loader(loader))
    _add_origins(plan)
    _state_facts(plan, python, tree, loader)
    return plan


def _add_libraries(plan, loader):
    inside = {file.resolve() for file in plan.files.values()}
    # Caffe's own programs first: where names clash, they get what they were linked with.
    places = sorted(plan.elfs, key=lambda place: (not place.startswith("bin/"), place))
    with Progress("libraries", len(places), "files") as progress:
        closure = find_closure(
            [plan.files[place] for place in places],
            loader,
            lambda path: path.resolve() in inside,
            lambda: progress.update(1),
        )
    _require_own(plan, closure)
    for name, file in sorted(closure.libraries.items()):
        place = f"{LIBRARIES}/{name}"
        plan.files[place], plan.elfs[place] = file, read_elf(file)
    for name, taken, other in closure.clashes:
        plan.notes.append(f"{name}: took {taken}, and not {other}, which is another file")


def _require_own(plan, closure):
    """Refuse programs that load another tree's libcaffe, as those of a copied tree do."""
    files = {place: file for place, file in plan.files.items() if "/caffe/_caffe" in place}
    files.update((n, p) for n, p in closure.libraries.items() if n.startswith("libcaffe.so"))
    for name, file in files.items():
        if plan.root not in file.resolve().parents:
            raise BuildError(
                f"{plan.root}: what was built there takes {Path(name).name} from elsewhere",
                found=str(file.resolve()),
                expected=f"a file in {plan.root}: was the tree copied or moved after its build?",
                hint=f"remove {plan.root / 'build'}, then python -m amcaffe.build {plan.root}",
            )


def _add_origins(plan):
    """Where the libraries and programs come from, and the licences of those packages."""
    asked = [plan.files[p] for p in plan.elfs if p.startswith((f"{LIBRARIES}/lib", "bin/"))]
    packages = packages_of(asked)
    named = {}
    for place, file in plan.files.items():
        package = packages.get(file)
        if package:
            plan.origins[place] = f"{package.name} {package.version}"
            named[package.name] = package
    for name, package in named.items():
        for licence in package.licences:
            plan.files[f"licenses/{name}/{licence.name}"] = licence
    plan.facts["packages"] = {name: named[name].version for name in sorted(named)}


def _state_facts(plan, python, tree, loader):
    glibc = max(elf.glibc for elf in plan.elfs.values())
    cuda = re.findall(r"^lib/libcudart\.so\.(\d+)$", "\n".join(plan.elfs), re.MULTILINE)
    plan.facts.update(
        {
            "format": FORMAT,
            "amcaffe bundle": __version__,
            "machine": platform.machine(),
            "loader": loader,
            "glibc": ".".join(map(str, glibc)),
            "python": platform.python_version(),
            "python packages": dict(sorted(python.versions.items())),
            "packages folder": python.packages,
            "caffe": _caffe(plan.root),
            "gpu": bool(cuda),
            "cuda": int(cuda[0]) if cuda else None,
            "elf files": sorted(plan.elfs),
            "c library": C_LIBRARY.pattern,
            "driver": DRIVER.pattern,
            "tests": tree.tests,
        }
    )
    needs = [plan.facts[name] for name in ("machine", "loader", "glibc")]
    plan.texts["selftest"] = launcher(*needs)


def _caffe(root):
    """Commit and options of the tree, as far as they are known."""
    cache = read_cache(root)
    known = ("CPU_ONLY", "BLAS", "CMAKE_BUILD_TYPE", "CMAKE_CUDA_ARCHITECTURES")
    options = {
        name: value
        for name, value in cache.items()
        if name in known or name.startswith(("USE_", "CUDA_ARCH")) and "-" not in name
    }
    return {"commit": commit_of(root), "options": dict(sorted(options.items()))}
