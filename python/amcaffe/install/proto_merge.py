"""Merge proto/toadd.proto into a tree's caffe.proto: text to text, marked, and undoable."""

import itertools
import re
from dataclasses import dataclass, field

from amcaffe.errors import TreeError
from amcaffe.host.proto_parse import parse
from amcaffe.install.edits import BEGIN, END, Span
from amcaffe.install.host_layers import HOST_LAYERS

NAME = "proto"
FREELY_NUMBERED = "LayerParameter"
HOSTS = (FREELY_NUMBERED, *(layer.message for layer in HOST_LAYERS))
BLOCK_START = 4001


@dataclass
class Merge:
    """What a merge does.

    spans: the edits of caffe.proto.
    numbers: {message: {field: number}} of the fields of messages that others define.
    moved: {message.field: what has its own number}, where it got another.
    present: what was there already, in words.
    """

    spans: list[Span] = field(default_factory=list)
    numbers: dict[str, dict[str, int]] = field(default_factory=dict)
    moved: dict[str, str] = field(default_factory=dict)
    present: list[str] = field(default_factory=list)


def merge(path, text, addition_path, addition, recorded, leave=()):
    """Plan the merge.

    Args:
        path, text: the tree's caffe.proto.
        addition_path, addition: toadd.proto.
        recorded: {message: {field: number}} of an earlier installation into this tree;
            a field keeps its number for as long as it is free.
        leave: names of messages that are not merged, nor the fields of their type.
    Returns: Merge.
    Raises: TreeError: a message or field is there with another meaning, or one of the
        texts cannot be read.
    """
    ours, _ = parse(addition_path, addition)
    theirs, other_names = parse(path, text)
    plan, whole = Merge(), []
    for name, message in ours.items():
        if name in leave:
            continue
        if name in HOSTS:
            wanted = [one for one in message.fields.values() if type_of(one) not in leave]
            _merge_fields(plan, path, text, theirs.get(name), addition, message, wanted, recorded)
        elif name in other_names:
            raise TreeError(f"{path}: {name} is there as something else than a message")
        elif name not in theirs:
            whole.append(_definition(addition, message))
        else:
            _complete(plan, path, text, theirs[name], addition, message)
    if whole:
        block = f"\n{BEGIN}: {NAME}\n" + "\n\n".join(whole) + f"\n{END}"
        block = block + "\n" if text.endswith("\n") else "\n" + block
        plan.spans.append(Span(NAME, len(text), len(text), block))
    return plan


def type_of(field):
    """The type of a field, as it is written."""
    return field.meaning[1]


def difference(ours, theirs):
    """Why a tree's message cannot stand for ours, or None where it can.

    It can where each field that both have is the same, with its number, and one of the two
    has all that the other has.
    """
    common = [name for name in ours.fields if name in theirs.fields]
    for name in common:
        our, their = ours.fields[name], theirs.fields[name]
        if (our.number, our.meaning) != (their.number, their.meaning):
            return f"there is `{show_field(their)}`; in ours `{show_field(our)}`"
        inner = type_of(our)
        if inner in ours.nested and _nested(ours, inner) != _nested(theirs, inner):
            return f"{inner} is another"
    if not common:
        return f"the fields are {_names(theirs)}; in ours {_names(ours)}"
    if len(common) < min(len(ours.fields), len(theirs.fields)):
        return f"there is {_names(theirs, common)}, and no {_names(ours, common)}"
    for one in ours.fields.values():
        if one.name not in theirs.fields and theirs.taken(one.number):
            return f"{theirs.taken(one.number)} has the number {one.number} of our {one.name}"
    return None


def _complete(plan, path, text, there, addition, message):
    """Add what a message of the tree lacks of ours, if it is the same message otherwise."""
    why = difference(message, there)
    if why:
        raise TreeError(
            f"{path}:{line_of(text, there.start)}: the tree has another message {message.name}: "
            f"{why}",
            found=_show(text[there.start : there.close + 1]),
            expected=_show(addition[message.start : message.close + 1]),
            hint="nothing was changed",
        )
    lines = [
        "\n".join([*_comment_above(addition, start), f"  {addition[start:end]}"])
        for name, (start, end) in message.nested.items()
        if name not in there.nested
    ]
    missing = [one for one in message.fields.values() if one.name not in there.fields]
    lines += [_renumbered(addition, one, one.number) for one in missing]
    what = f"message {message.name}"
    if missing:
        plan.spans.append(_before_brace(text, there, lines))
        what += f", without {', '.join(one.name for one in missing)}, which it got"
    plan.present.append(what)


def _merge_fields(plan, path, text, host, addition, message, wanted, recorded):
    if host is None:
        raise TreeError(f"{path} has no message {message.name}", hint="nothing was changed")
    numbers = plan.numbers.setdefault(message.name, {})
    lines, added = [], set()
    for one in wanted:
        there = host.fields.get(one.name)
        if there:
            if there.meaning != one.meaning:
                raise TreeError(
                    f"{path}:{line_of(text, there.start)}: {message.name} has another {one.name}",
                    found=_show(text[there.start : there.end]),
                    expected=_show(addition[one.start : one.end]),
                    hint="nothing was changed; these layers cannot be installed beside that field",
                )
            numbers[one.name] = there.number
            plan.present.append(f"field {message.name}.{one.name} = {there.number}")
            continue
        number = _free_number(host, message, numbers, recorded.get(message.name, {}), one)
        if number != one.number:
            holder = host.taken(one.number) or "a field of an earlier run"
            plan.moved[f"{message.name}.{one.name}"] = f"{one.number} is of {holder}"
        numbers[one.name] = number
        added.add(number)
        lines.append(_renumbered(addition, one, number))
    if lines:
        plan.spans.append(_before_brace(text, host, lines))
        plan.spans += _next_id(text, host, added)


def _free_number(host, message, given, recorded, field):
    """The number a field gets: its recorded one, its own, or the first free one after.

    In LayerParameter, where forks add most, these come from a block of ours.
    """
    kept = recorded.get(field.name)
    for number in (kept, field.number):
        if number and not host.taken(number) and number not in given.values():
            return number
    promised = {one.number for one in message.fields.values()} | set(recorded.values())
    first = BLOCK_START if message.name == FREELY_NUMBERED else field.number + 1
    return next(
        number
        for number in itertools.count(first)
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


def show_field(field):
    """A field in a line: `optional bool normalize = 7 [default=false]`."""
    label, options = field.meaning[0], "".join(field.meaning[2:])
    return f"{label} {type_of(field)} {field.name} = {field.number} {options}".rstrip()


def _names(message, but=()):
    return ", ".join(name for name in message.fields if name not in but) or "none"


def _nested(message, name):
    """The tokens of the definitions called `name` inside a message."""
    return [words for words in message.other if words[1] == name]


def line_of(text, at):
    """The number of the line that holds text[at]."""
    return text.count("\n", 0, at) + 1


def _show(definition):
    return "".join(f"\n    | {line.rstrip()}" for line in definition.splitlines())
