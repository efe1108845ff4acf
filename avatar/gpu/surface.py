"""The colours of the mesh, looked up and laid over many pictures: as :mod:`avatar.render.surface`."""

from dataclasses import dataclass

import torch
from torch import Tensor

from avatar.gpu.eyes import Eyes
from avatar.gpu.outlines import AROUND, Shares
from avatar.gpu.pose import Posed
from avatar.gpu.raster import NOTHING
from avatar.render.edges import FULL
from avatar.render.raster import UV_BITS, UV_MASK
from avatar.render.surface import SEAM

_CORNERS = ((0, 0), (0, 1), (1, 0), (1, 1))


@dataclass(frozen=True, slots=True)
class Lit:
    """What a mesh looks like in n pictures."""

    near: Tensor
    """(n, h, w) raster keys."""
    shares: Shares
    luma: Tensor
    """(n, A, B) and"""
    chroma: Tensor
    """(n, 2, A/2, B/2) uint8: the atlas."""
    shades: Tensor
    """(n, 2, e, f)"""
    posed: Posed

    @property
    def shape(self) -> tuple[int, int, int]:
        n, h, w = self.near.shape
        return n, h, w

    def key(self, place: Tensor) -> Tensor:
        return self.near.view(-1)[place]

    def where(self, place: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Picture, row and column of pixels."""
        _, h, w = self.shape
        return place // (h * w), place // w % h, place % w


def lay_luma(lit: Lit, eyes: Eyes, under: Tensor) -> None:
    """Lay the mesh over ``under`` (n, h, w), bytes as float32."""
    flat = under.view(-1)
    outlined, value = lit.shares.place, _outlines(lit, eyes, flat)
    place = (lit.near.view(-1) != NOTHING).nonzero()[:, 0]
    key = lit.key(place)
    picture, y, x = lit.where(place)
    flat[place] = torch.floor(_texel(lit.luma, picture, key) + 0.5)
    eye = eyes.which(key)
    some = (eye >= 0).nonzero()[:, 0]
    factor, added = eyes.light(lit.posed, lit.shades, picture[some], eye[some], x[some], y[some])
    flat[place[some]] = torch.floor((16 + (flat[place[some]] - 16) * factor + added + 0.5).clamp(0, 235))
    flat[outlined] = value


def _outlines(lit: Lit, eyes: Eyes, under: Tensor) -> Tensor:
    """The pixels on outlines, mixed with their neighbours and with what is behind."""
    place = lit.shares.place
    picture, y, x = lit.where(place)
    total, seen = torch.zeros(len(place), device=place.device), torch.zeros_like(place)
    for share, beside in _parts(lit, place, lit.shares.share):
        key = lit.key(beside)
        value, eye = _texel(lit.luma, picture, key), eyes.which(key)
        factor, added = eyes.light(lit.posed, lit.shades, picture, eye.clamp(min=0), x, y)
        value = torch.where(eye >= 0, 16 + (value - 16) * factor + added, value)
        share = torch.where(key == NOTHING, 0, share)
        total += share * value
        seen += share
    total += (FULL - seen) * under[place]
    return torch.floor(total / FULL + 0.5).clamp(0, 255)


def _parts(lit: Lit, place: Tensor, shares: Tensor) -> list[tuple[Tensor, Tensor]]:
    """What pixels consist of: how much of each neighbour, and where it is; last of themselves what is left."""
    width, rest, parts = lit.shape[2], torch.full_like(place, FULL), []
    for side, (dy, dx) in enumerate(AROUND):
        share = torch.minimum(shares[:, side], rest)
        rest = rest - share
        parts.append((share, torch.where(share > 0, place + dy * width + dx, place)))
    return [*parts, (rest, place)]


def lay_chroma(lit: Lit, eyes: Eyes, under: Tensor) -> None:
    """The same for ``under`` (n, 2, h/2, w/2)."""
    n, h, w = lit.shape
    corners = lit.near.view(n, h // 2, 2, w // 2, 2).permute(0, 1, 3, 2, 4).reshape(-1, 4)
    square = (corners != NOTHING).any(1).nonzero()[:, 0]
    keys = corners[square]
    picture, rest = square // (h * w // 4), square % (h * w // 4)
    row, column = rest // (w // 2), rest % (w // 2)
    places = ((picture * h + 2 * row) * w + 2 * column)[:, None] + torch.tensor(
        [dy * w + dx for dy, dx in _CORNERS], device=square.device
    )
    shares, outlined = lit.shares.at(places)
    u, v = keys & UV_MASK, keys >> UV_BITS & UV_MASK
    one = (keys[:, 0] != NOTHING) & (keys[:, 3] != NOTHING) & ~outlined.any(1)
    one &= ((u[:, 0] - u[:, 3] + SEAM) % (1 << 32) < 2 * SEAM) & ((v[:, 0] - v[:, 3] + SEAM) % (1 << 32) < 2 * SEAM)
    middle = _chroma_at(lit.chroma, picture, (u[:, 0] + u[:, 3]) // 2, (v[:, 0] + v[:, 3]) // 2)
    mixed = (~one).nonzero()[:, 0]
    where = picture[mixed], slice(None), row[mixed], column[mixed]
    middle[mixed] = _mixed(lit, picture[mixed], places[mixed], shares[mixed], outlined[mixed], under[where])
    eye = eyes.which(keys[:, 0])
    some = (eye >= 0).nonzero()[:, 0]
    factor, added = eyes.light(lit.posed, lit.shades, picture[some], eye[some], 2 * column[some], 2 * row[some])
    factor = factor * (1 - eyes.bleach * added).clamp(min=0)
    colour = torch.floor(middle + 0.5)
    colour[some] = torch.floor(128 + (colour[some] - 128) * factor[:, None] + 0.5)
    under[picture, :, row, column] = colour


def _mixed(
    lit: Lit, picture: Tensor, places: Tensor, shares: Tensor, outlined: Tensor, under: Tensor
) -> Tensor:  # fmt: skip
    """Chroma (m, 2) of squares that show more than one surface."""
    total, seen = torch.zeros_like(under), torch.zeros(len(under), device=under.device)
    for corner in range(len(_CORNERS)):
        own = torch.where(outlined[:, corner, None], lit.shares.share[shares[:, corner]], 0) if len(
            lit.shares.place
        ) else torch.zeros(len(under), 4, dtype=torch.int64, device=under.device)  # fmt: skip
        for share, beside in _parts(lit, places[:, corner], own):
            key = lit.key(beside)
            share = torch.where(key == NOTHING, 0, share)
            colour = _chroma_at(lit.chroma, picture, key & UV_MASK, key >> UV_BITS & UV_MASK)
            total += share[:, None] * colour
            seen += share
    return (total + (4 * FULL - seen)[:, None] * under) / (4 * FULL)


def _texel(luma: Tensor, picture: Tensor, key: Tensor) -> Tensor:
    """The atlas' luma at raster keys."""
    _, rows, columns = luma.shape
    u, v = key & UV_MASK, key >> UV_BITS & UV_MASK
    i, j = (u >> 8).clamp(max=columns - 2), (v >> 8).clamp(max=rows - 2)
    return _bilinear(luma.view(-1), (picture * rows + j) * columns + i, columns, u & 255, v & 255)


def _chroma_at(chroma: Tensor, picture: Tensor, u: Tensor, v: Tensor) -> Tensor:
    """The atlas' chroma (m, 2) at places in luma texels, 1/256."""
    _, _, rows, columns = chroma.shape
    # The middle of a chroma texel lies between two luma texels.
    u, v = (u // 2 - 64).clamp(min=0), (v // 2 - 64).clamp(min=0)
    i, j = (u >> 8).clamp(max=columns - 2), (v >> 8).clamp(max=rows - 2)
    flat, fx, fy = chroma.view(-1), u & 255, v & 255
    return torch.stack(
        [_bilinear(flat, ((2 * picture + k) * rows + j) * columns + i, columns, fx, fy) for k in range(2)], -1
    )


def _bilinear(flat: Tensor, at: Tensor, stride: int, fx: Tensor, fy: Tensor) -> Tensor:
    fx, fy = fx / 256, fy / 256
    a, b, c, d = (flat[at + step].float() for step in (0, 1, stride, stride + 1))
    upper, lower = torch.lerp(a, b, fx), torch.lerp(c, d, fx)
    return torch.lerp(upper, lower, fy)


def lay_veil(veil: Tensor, colour: tuple[int, int, int], luma: Tensor, chroma: Tensor) -> None:
    """Lay lashes of a colour over pictures."""
    luma.copy_(torch.floor(luma + (colour[0] - luma) * veil + 0.5))
    half = torch.nn.functional.avg_pool2d(veil[:, None], 2)
    hue = torch.tensor(colour[1:], dtype=torch.float32, device=luma.device)[:, None, None]
    chroma.copy_(torch.floor(chroma + (hue - chroma) * half + 0.5))
