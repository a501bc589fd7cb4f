"""Merge proto/toadd.proto into a tree's caffe.proto: text to text, marked, and undoable."""

import itertools
import re
from dataclasses import dataclass
from typing import Dict, List

from amcaffe.errors import TreeError
from amcaffe.install.edits import BEGIN, END, Span
from amcaffe.proto_parse import parse

NAME = "proto"
FREELY_NUMBERED = "LayerParameter"
HOSTS = (FREELY_NUMBERED, "InnerProductParameter")
BLOCK_START = 4001


@dataclass
class Merge:
    """What a merge does: spans of caffe.proto, the field numbers used, and what was there."""

    spans: List[Span]
    numbers: Dict[str, Dict[str, int]]
    present: List[str]


def merge(path, text, addition_path, addition, recorded):
    """Plan the merge.

    Args:
        path, text: the tree's caffe.proto.
        addition_path, addition: toadd.proto.
        recorded: {message: {field: number}} of an earlier installation into this tree;
            a field keeps its number for as long as it is free.
    Returns: Merge.
    Raises: TreeError: a message or field is there with another meaning, a field number
        that cannot be moved is taken, or one of the texts cannot be read.
    """
    ours, _ = parse(addition_path, addition)
    theirs, other_names = parse(path, text)
    plan = Merge([], {}, [])
    whole = []
    for name, message in ours.items():
        if name in HOSTS:
            _merge_fields(plan, path, text, theirs.get(name), addition, message, recorded)
        elif name in other_names:
            raise TreeError(f"{path}: {name} is there as something else than a message")
        elif name not in theirs:
            whole.append(_definition(addition, message))
        elif theirs[name].meaning() == message.meaning():
            plan.present.append(f"message {name}")
        else:
            there = theirs[name]
            raise TreeError(
                f"{path}:{_line(text, there.start)}: the tree has another message {name}",
                found=_show(text[there.start : there.close + 1]),
                expected=_show(addition[message.start : message.close + 1]),
                hint="nothing was changed; these layers cannot be installed beside that message",
            )
    if whole:
        block = f"\n{BEGIN}: {NAME}\n" + "\n\n".join(whole) + f"\n{END}"
        block = block + "\n" if text.endswith("\n") else "\n" + block
        plan.spans.append(Span(NAME, len(text), len(text), block))
    return plan


def _merge_fields(plan, path, text, host, addition, message, recorded):
    if host is None:
        raise TreeError(f"{path} has no message {message.name}", hint="nothing was changed")
    numbers = plan.numbers.setdefault(message.name, {})
    lines, added = [], set()
    for field in message.fields.values():
        there = host.fields.get(field.name)
        movable = message.name == FREELY_NUMBERED
        if there:
            if there.meaning != field.meaning or not (movable or there.number == field.number):
                raise TreeError(
                    f"{path}:{_line(text, there.start)}: {message.name} has another {field.name}",
                    found=_show(text[there.start : there.end]),
                    expected=_show(addition[field.start : field.end]),
                    hint="nothing was changed; these layers cannot be installed beside that field",
                )
            numbers[field.name] = there.number
            plan.present.append(f"field {message.name}.{field.name} = {there.number}")
            continue
        if movable:
            kept = recorded.get(message.name, {})
            number = _free_number(host, message, numbers, kept, field)
        else:
            number = field.number
            _require_free(path, text, host, field)
        numbers[field.name] = number
        added.add(number)
        lines.append(_renumbered(addition, field, number))
    if lines:
        plan.spans.append(_before_brace(text, host, lines))
        plan.spans += _next_id(text, host, added)


def _require_free(path, text, host, field):
    holder = host.taken(field.number)
    if holder:
        at = host.fields[holder].start if holder in host.fields else host.start
        raise TreeError(
            f"{path}:{_line(text, at)}: {host.name} uses number {field.number} for {holder}",
            found=f"{holder} = {field.number}",
            expected=f"{field.name} = {field.number}, which models trained elsewhere carry",
            hint="nothing was changed; this fork's inner product cannot take `normalize`",
        )


def _free_number(host, message, given, recorded, field):
    """The number a field gets: its recorded one, its own, or the first free of our block."""
    kept = recorded.get(field.name)
    for number in (kept, field.number):
        if number and not host.taken(number) and number not in given.values():
            return number
    promised = {one.number for one in message.fields.values()} | set(recorded.values())
    return next(
        number
        for number in itertools.count(BLOCK_START)
        if not host.taken(number) and number not in given.values() and number not in promised
    )


def _before_brace(text, host, lines):
    """The marked block right before a message's closing brace."""
    line_start = text.rfind("\n", 0, host.close) + 1
    block = f"  {BEGIN}: {NAME}\n" + "\n".join(lines) + f"\n  {END}\n"
    if text[line_start : host.close].strip():
        return Span(NAME, host.close, host.close, "\n" + block)
    return Span(NAME, line_start, line_start, block)


def _next_id(text, host, added):
    """Where the host's comment on its next free number names one that is now used: the next."""
    used = added | {field.number for field in host.fields.values()}
    spans = []
    pattern = re.escape(host.name) + r" next available [\w-]*\s*ID: (\d+)"
    for match in re.finditer(pattern, text):
        number = int(match.group(1))
        if number in added:
            number = next(n for n in itertools.count(number) if n not in used)
            spans.append(Span(NAME, match.start(1), match.end(1), str(number)))
    return spans


def _comment_above(text, start):
    """The comment lines right above the line that holds text[start]."""
    above, lines = [], text[:start].split("\n")[:-1]
    while lines and lines[-1].lstrip().startswith("//"):
        above.insert(0, lines.pop())
    return above


def _definition(text, message):
    lines = _comment_above(text, message.start) + [text[message.start : message.close + 1]]
    return "\n".join(lines)


def _renumbered(text, field, number):
    trailing = re.compile(r"[ \t]*//[^\n]*").match(text, field.end)
    end = trailing.end() if trailing else field.end
    own = f"  {text[field.start : field.number_start]}{number}{text[field.number_end : end]}"
    return "\n".join(_comment_above(text, field.start) + [own])


def _line(text, at):
    return text.count("\n", 0, at) + 1


def _show(definition):
    return "".join(f"\n    | {line.rstrip()}" for line in definition.splitlines())
