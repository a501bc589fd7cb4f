"""Run CMake with its output in a log, its progress on the terminal, and its first error told."""

import re
import subprocess

from amcaffe.errors import BuildError

LOG_NAME = "amcaffe-build.log"


def logged(command, environment, log, title):
    """Run a command with its output in the log and its progress on the terminal."""
    from tqdm import tqdm

    print("$ " + " ".join(command), flush=True)
    reached = told = 0  # per cent; told is the last printed where there is no terminal for a bar
    bar = tqdm(total=100, desc=title, disable=None, bar_format="{l_bar}{bar}| {elapsed}")
    with (
        bar,
        open(log, "a") as file,
        subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        ) as process,
    ):
        try:
            for line in process.stdout:
                file.write(line)
                done = percentage(line)
                if done is None or done <= reached:
                    continue
                bar.update(done - reached)
                reached = done
                if bar.disable and done >= told + 10:
                    print(f"{title}: {done} %", flush=True)
                    told = done
        except BaseException:
            process.terminate()
            raise
    if process.returncode:
        raise BuildError(
            f"{title} failed: {' '.join(command)}",
            found="\n            ".join(first_error(log.read_text(errors="replace")).splitlines()),
            hint=f"the whole log: {log}",
        )


def first_error(text):
    """The first error of a CMake, compiler or linker log, with the lines that explain it.

    Args: text: the log.
    Returns: str of up to 8 lines; the last lines where no error is recognised.
    """
    lines = text.splitlines()
    patterns = (
        r"\berror\b:|^CMake Error",
        r"undefined reference|cannot find -l|Error \d+$",
        "FAILED",
    )
    for pattern in patterns:
        for number, line in enumerate(lines):
            if re.search(pattern, line):
                return "\n".join(lines[number : number + 8])
    return "\n".join(lines[-8:])


def percentage(line):
    """Progress in whole per cent from a line of ninja ("[3/112]") or make ("[ 12%]")."""
    steps = re.match(r"\[(\d+)/(\d+)\]", line)
    if steps:
        return 100 * int(steps[1]) // int(steps[2])
    percent = re.match(r"\[\s*(\d+)%\]", line)
    return int(percent[1]) if percent else None
