"""CUDA's two additions to C++'s grammar, written as plain C++ for g++.

Launches, `Kernel<T><<<grid, block>>>(arguments)`, become calls of cuda_emulation::Launch, and
variables in shared memory become references to memory of the block that runs. All else (the
keywords, the built-in variables and functions) is macros and functions of include/cuda_runtime.h.
Every line stays where it is, so that compilers and AddressSanitizer name the .cu file's lines.

A kernel that is a template has to be launched with its arguments written out, as Caffe does.
"""

import re

# A name with its template arguments, the inner ones of which may be templates once more. In
# Caffe's macros a name has ## in it, and lines end in a backslash.
_SPACE = r"(?:\s|\\\n|//[^\n]*\n)*"
_KERNEL = rf"[\w:#]+{_SPACE}(?:<(?:[^<>;{{}}]|<[^<>;{{}}]*>)*>)?"
_LAUNCH = re.compile(rf"({_KERNEL})({_SPACE})<<<(.*?)>>>", re.DOTALL)
_SHARED = re.compile(r"(\bextern\s+)?\b__shared__\s+([^;]*);")
_ALIGNMENT = re.compile(r"\b(?:__align__|alignas)\s*\((?:[^()]|\([^()]*\))*\)\s*")
_DECLARATION = re.compile(r"(.*?\S)\s*\b(\w+)\s*((?:\[[^\]]*\]\s*)*)", re.DOTALL)


class RewriteError(Exception):
    """A piece of CUDA that this does not know how to write in C++."""


def rewrite(text, name):
    """The text of a .cu file, or of a header with launches, as C++.

    Args:
        name: what compilers shall call the file.
    Raises: RewriteError: a launch or a shared variable of a form that is not known here.
    """
    text = _LAUNCH.sub(_launch, text)
    if "<<<" in text:
        line = text[: text.index("<<<")].count("\n") + 1
        raise RewriteError(f"{name}:{line}: a launch that is not `Kernel<T><<<...>>>(...)`")
    text = _SHARED.sub(lambda match: _shared(match, name), text)
    return f'#line 1 "{name}"\n{text}'


def _launch(match):
    kernel, space, configuration = match.groups()
    plain = " ".join(kernel.replace("\\\n", " ").split())
    return f'::cuda_emulation::Launch("{plain}", {kernel},{space} {configuration})'


def _shared(match, name):
    dynamic, declaration = match.groups()
    parts = _DECLARATION.fullmatch(_ALIGNMENT.sub("", declaration).strip())
    if not parts or re.search(r"[=,](?![^<]*>)", declaration):
        raise RewriteError(f"{name}: write `{match[0]}` as one variable without a value")
    kind, variable, sizes = parts.groups()
    lines = "\n" * (match[0].count("\n") - kind.count("\n") - sizes.count("\n"))
    if dynamic:
        return (
            f"{kind}* const {variable} = "
            f"static_cast<{kind}*>(::cuda_emulation::DynamicShared());{lines}"
        )
    return (
        f"typedef {kind} {variable}_shared{sizes}; static char {variable}_key; "
        f"{variable}_shared& {variable} = "
        f"::cuda_emulation::Shared<{variable}_shared>(&{variable}_key);{lines}"
    )
