"""The hosts that come with everhost, and any other pack by its path."""

from pathlib import Path
from typing import Final

from avatar.errors import PackError
from avatar.mesh_renderer import MeshRenderer
from avatar.pack import load_pack

HOSTS: Final[tuple[str, ...]] = ("lin",)
"""Names of the hosts that are part of the package."""
SUFFIX: Final = ".pack"


def load_host(name_or_path: str, width: int = 1920, height: int = 1080) -> MeshRenderer:
    """The renderer of a host, by name or by the path of a pack.

    Raises:
        PackError: no such host, a broken pack, or one made for another picture size.
    """
    pack = load_pack(_find(name_or_path))
    if (pack.width, pack.height) != (width, height):
        raise PackError(f"host {pack.name!r} is made for {pack.width}x{pack.height}, not {width}x{height}")
    return MeshRenderer(pack)


def _find(name_or_path: str) -> Path:
    if name_or_path in HOSTS:
        return Path(__file__).with_name(name_or_path + SUFFIX)
    path = Path(name_or_path).expanduser()
    if path.is_file():
        return path
    raise PackError(f"there is no host {name_or_path!r}: use {', '.join(HOSTS)}, or the path of a pack file")
