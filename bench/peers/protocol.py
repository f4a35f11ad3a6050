"""What every peer in Python says on its standard output, one JSON document a line.

First {"versions", "idle_mib", "warm_ms", ...} when it is ready; then for each line "K" on standard input, K runs and
{"ms": [K times], "peak_mib"}. Memory is the peak since the warm-up began, in MiB; `idle_mib` is what the process held
with its libraries loaded, before it built anything.
"""
import json
import sys
import time


def _status(key):
    with open("/proc/self/status") as file:
        line = next(line for line in file if line.startswith(key))
    return int(line.split()[1]) / 1024


def idle_mib():
    """Resident memory now; the peak is counted anew from here."""
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")
    return _status("VmRSS:")


def timed(run):
    start = time.perf_counter()
    run()
    return (time.perf_counter() - start) * 1e3


# What takes longer than this is warm after two runs.
SLOW_MS = 1000


def serve(run, idle, versions, **facts):
    """Warms up, then runs on demand until standard input ends."""
    warm = [timed(run) for _ in range(2)]
    if warm[-1] < SLOW_MS:
        warm.append(timed(run))
    facts = {"versions": versions, "idle_mib": idle, "warm_ms": warm[-1], **facts}
    print(json.dumps(facts), flush=True)
    for line in sys.stdin:
        times = [timed(run) for _ in range(int(line))]
        print(json.dumps({"ms": times, "peak_mib": _status("VmHWM:")}), flush=True)
