"""The machine that a figure was measured on."""

import os
import platform


def machine() -> str:
    return f"{os.cpu_count()} cores, {platform.machine()}, load {os.getloadavg()[0]:.1f}"
