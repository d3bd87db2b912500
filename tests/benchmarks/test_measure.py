"""What a command is measured by: its seconds, its status, what it says, and the memory of all of its processes together."""

import sys

from benchmarks.measure import measured

MIB = 1 << 20
_HOLD = "held = bytearray(b'x' * (80 << 20)); time.sleep(1.5)"
_TWO = (
    "import subprocess, sys, time; "
    f"other = subprocess.Popen([sys.executable, '-c', \"import time; {_HOLD}\"]); {_HOLD}; other.wait(); print('done')"
)


def test_measured__is_the_peak_of_all_processes_together(tmp_path):
    done = measured([sys.executable, "-c", _TWO], log=tmp_path / "log")
    assert (done.exit_status, done.output) == (0, "done\n")
    assert 160 * MIB < done.peak_bytes < 320 * MIB
    assert done.seconds > 1.5


def test_measured__what_failed_says_so_in_its_log(tmp_path):
    done = measured([sys.executable, "-c", "import sys; sys.exit('no')"], log=tmp_path / "log")
    assert (done.exit_status, (tmp_path / "log").read_text()) == (1, "no\n")
