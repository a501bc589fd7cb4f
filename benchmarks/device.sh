#!/usr/bin/env bash
# What a machine with a GPU and no network makes of a build: tests, sanitizers and benchmarks in
# five minutes, and a table of them last.
#
#     python benchmarks/device_pack.py --python PYTHON   # where there is a network: see its head
#     bash benchmarks/device.sh build/device/pack.tar.xz # on the machine, from any folder
#
# Status 1: something failed or ran out of its time. What cannot run says why, and fails nothing.
#   OUT                where the logs and figures stay [build/device/out]
#   DEVICE_PYTHON      the Python that has PyTorch there [python3]
#   DEVICE_SECONDS     for everything [300]
#   LD_LIBRARY_PATH, CUDA_HOME  further places of cuBLAS, cuRAND, cuDNN and NCCL, which are looked
#                      for in that Python's packages and among the system's libraries
set -euo pipefail
begin=$SECONDS

die() { echo "device.sh: $*" >&2; exit 2; }

[ $# -eq 1 ] || die "one argument is expected: the archive that benchmarks/device_pack.py made"
[ -f "$1" ] || die "$1: there is no such archive (benchmarks/device_pack.py makes it)"
python=${DEVICE_PYTHON:-python3}
command -v "$python" >/dev/null || die "no $python here: DEVICE_PYTHON names one"
out=${OUT:-build/device/out}
mkdir -p "$out"
out=$(cd "$out" && pwd)

folder=$(mktemp -d "${TMPDIR:-/tmp}/amcaffe-device.XXXXXX")
trap 'rm -rf "$folder"' EXIT
unpack='import sys, tarfile; tarfile.open(sys.argv[1]).extractall(sys.argv[2])'
"$python" -W ignore -c "$unpack" "$1" "$folder" || die "$1 cannot be unpacked by $python"

export PYTHONPATH="$folder/python:$folder/benchmarks:$folder/pycaffe"
export GLOG_logtostderr=1 PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
status=0
"$python" -m device.run "$folder" "$out" \
  --seconds "$((${DEVICE_SECONDS:-300} - (SECONDS - begin)))" || status=$?
exit "$status"
