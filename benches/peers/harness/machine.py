"""What a measurement must say of where and when it was taken."""

import datetime
import os
import platform
from pathlib import Path


def machine():
    """Date, CPU, how many of them this process may use, system, and the load before anything ran."""
    return {
        "date": datetime.date.today().isoformat(),
        "cpu": cpu_name(),
        "cpus": len(os.sched_getaffinity(0)),
        "system": f"{platform.system()} {platform.release().split('-')[0]}",
        "load": os.getloadavg()[0],
    }


def cpu_name():
    """Its name, with family and model where the name says too little, as in virtual machines."""
    fields = {}
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        name, _, value = line.partition(":")
        fields.setdefault(name.strip(), value.strip())
    if "model name" not in fields:
        return platform.machine()
    return f"{fields['model name']}, family {fields.get('cpu family', '?')} model {fields.get('model', '?')}"


def stolen():
    """CPU seconds that a hypervisor has given to others since the system's start, of all CPUs; 0 where nobody counts them."""
    try:
        times = Path("/proc/stat").read_text(encoding="utf-8").split("\n", 1)[0].split()
        return int(times[8]) / os.sysconf("SC_CLK_TCK")
    except (OSError, IndexError, ValueError):
        return 0.0
