"""The shell script `selftest` of a bundle: what has to hold before its Python can start."""

_SCRIPT = """\
#!/bin/sh
# Tells whether this bundle works on this machine; --help shows what else it can run.
# First what the bundle's own Python needs to start at all.
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd) || exit 1
refuse() { echo "selftest: $1" >&2; exit 1; }

machine=$(uname -m)
[ "$machine" = "@machine@" ] || refuse "this machine is $machine, the bundle is for @machine@"
[ -x "@loader@" ] || refuse "this system has no GNU C library (no @loader@), the bundle needs one"
have=$(getconf GNU_LIBC_VERSION 2>/dev/null) || have=$(ldd --version 2>/dev/null | head -n 1)
have=${have##* }
case $have in
  [0-9]*.[0-9]*)
    older=$(printf '%s\\n' "$have" "@glibc@" | sort -V | head -n 1)
    [ "$older" = "@glibc@" ] || refuse "this system's C library is glibc $have, the bundle needs\\
 @glibc@ or newer: build and bundle on an older system"
    ;;
  *) echo "selftest: cannot tell this system's glibc version; the bundle needs @glibc@" >&2 ;;
esac
exec "$here/bin/python" -I "$here/tests/selftest.py" "$@"
"""


def launcher(machine, loader, glibc):
    """The script's text.

    Args:
        machine: as `uname -m` says it. loader: path of the dynamic loader.
        glibc: the version that the bundle needs, such as "2.36".
    """
    values = {"machine": machine, "loader": loader, "glibc": glibc}
    text = _SCRIPT
    for name, value in values.items():
        text = text.replace(f"@{name}@", value)
    return text
