"""The hosts that come with everhost, and any other pack by its path."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from avatar.errors import AvatarError, PackError, StudioError

if TYPE_CHECKING:
    from avatar.gpu.renderer import BatchRenderer
    from avatar.mesh_renderer import MeshRenderer

HOSTS: Final[tuple[str, ...]] = ("lin", "bo", "mimi")
"""Names of the hosts that are part of the package."""
Voices = dict[Literal["zh", "en"], tuple[str, str | None]]
_VOICES: Final[Voices] = {"zh": ("kokoro", "zf_xiaobei"), "en": ("hibari", None)}
_VOICES_OF: Final[dict[str, Voices]] = {
    "bo": {"zh": ("kokoro", "zm_yunjian"), "en": ("kokoro", "bm_george")},
    "mimi": {"zh": ("kokoro", "zf_xiaoyi"), "en": ("hibari", None)},
}
SUFFIX: Final = ".pack"


def load_host(
    name_or_path: str, width: int = 1920, height: int = 1080, background: str | Path | None = None
) -> "MeshRenderer":
    """The renderer of a host, by name or by the path of a pack.

    ``background`` is "green", "#rrggbb" or the path of a picture; the pack's own where it is None.

    Raises:
        PackError: no such host, a broken pack, no view of this size, or a background that is none.
    """
    # Only here, since who merely asks which hosts there are need not load what draws them.
    from avatar.mesh_renderer import MeshRenderer
    from avatar.pack import load_pack

    return MeshRenderer(load_pack(pack_path(name_or_path)), width, height, background)


def load_batch(
    name_or_path: str,
    width: int = 1920,
    height: int = 1080,
    backgrounds: Sequence[str | Path | None] = (None,),
    device: str = "cuda",
) -> "BatchRenderer":
    """What draws a host many times at once on ``device``, as torch names it; else as :func:`load_host`.

    Raises:
        PackError: as :func:`load_host`, or no such device.
        AvatarError: torch is not installed.
    """
    from avatar.pack import load_pack

    try:
        from avatar.gpu.renderer import BatchRenderer
    except ImportError as error:
        raise AvatarError(f"drawing on {device!r} needs torch ({error}): pip install 'everhost[gpu]'") from error
    return BatchRenderer(load_pack(pack_path(name_or_path)), width, height, backgrounds, device)


def pack_path(name_or_path: str) -> Path:
    """Where a host's pack lies. Raises :class:`PackError` when there is none."""
    if name_or_path in HOSTS:
        return Path(__file__).with_name(name_or_path + SUFFIX)
    path = _at(name_or_path)
    if path.is_file():
        return path
    raise PackError(f"there is no host {name_or_path!r}: use {', '.join(HOSTS)}, or the path of a pack file")


def spec_path(name_or_path: str) -> Path:
    """Where a host's file lies, of which its pack is built. Raises :class:`StudioError` when there is none."""
    if name_or_path in described():
        return Path(__file__).with_name(name_or_path + ".yaml")
    path = _at(name_or_path)
    if path.suffix in {".yaml", ".yml"} and path.is_file():
        return path
    names = ", ".join(described())
    raise StudioError(f"there is no host's file {name_or_path!r}: use {names}, or the path of a .yaml file")


def _at(path: str) -> Path:
    try:
        return Path(path).expanduser()
    except RuntimeError:  # ~ of somebody who is not there
        return Path(path)


def voices_of(name_or_path: str) -> Voices:
    """The engine and the voice of it that go with a host, a language each, where nobody has chosen others."""
    return _VOICES_OF.get(name_or_path, _VOICES)


def described() -> list[str]:
    """Names of the hosts whose files come with everhost, also of those whose packs must be built first."""
    return sorted(file.stem for file in Path(__file__).parent.glob("*.yaml"))
