"""Many faces drawn at once with torch: here on the cores, for what is tested is what is drawn, not how fast."""

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from avatar.bench import batch
from avatar.errors import AvatarError, PackError
from avatar.face import ARKIT, BodyPose, FaceFrame
from avatar.hosts import HOSTS, load_batch, load_host
from avatar.mesh_renderer import MeshRenderer
from avatar.pack import Pack
from avatar.picture import Picture
from tests.avatar.packs import ATLAS, HEAD_BOX, TALL, WIDE, layer, light, tiny_pack

if TYPE_CHECKING:
    from avatar.gpu.renderer import BatchRenderer

pytestmark = pytest.mark.real


@pytest.fixture(autouse=True)
def one_thread() -> None:
    """Threads that wait for each other in turns make hardly anything of two busy cores."""
    import torch

    torch.set_num_threads(1)


def faces(count: int, seed: int = 1) -> list[FaceFrame]:
    """The first at rest, others anyhow."""
    chance = np.random.default_rng(seed)
    out = [FaceFrame()]
    while len(out) < count:
        weights = chance.uniform(0, 0.7, len(ARKIT)) * (chance.random(len(ARKIT)) < 0.3)
        body = BodyPose(chance.random(), chance.uniform(-0.03, 0.03, 3).astype(np.float32))
        turn, shift = chance.uniform(-0.15, 0.15, 3), chance.uniform(-0.01, 0.01, 3)
        out.append(FaceFrame(weights.astype(np.float32), turn.astype(np.float32), shift.astype(np.float32), body))
    return out


def apart(renderer: MeshRenderer, frame: FaceFrame, drawn: np.ndarray) -> np.ndarray:
    """By how much a picture differs from a core's, in the whole of it."""
    picture = Picture(renderer.width, renderer.height)
    renderer.prepare(picture)
    renderer.draw(frame, picture)
    return np.abs(picture.data.astype(int) - drawn)


def on_cores(pack: Pack, *, wide: bool = True, **options: Any) -> "BatchRenderer":
    from avatar.gpu.renderer import BatchRenderer

    view = WIDE if wide else TALL
    return BatchRenderer(pack, view.width, view.height, device="cpu", **options)


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("size", [(1920, 1080), (1080, 1920)])
def test_hosts_look_as_a_core_draws_them(host: str, size: tuple[int, int]) -> None:
    some = faces(2)
    drawn = load_batch(host, *size, device="cpu").draw(some).numpy()
    renderer = load_host(host, *size)
    for frame, picture in zip(some, drawn, strict=True):
        differs = apart(renderer, frame, picture)
        assert (differs > batch.LEVELS).mean() < batch.PARTS
        assert 10 * np.log10(255**2 / np.square(differs).mean()) > batch.DB


def test_the_bench_holds_a_host_to_that() -> None:
    report = batch.run("lin", "cpu", (2,), judged=4)
    assert report.good
    assert report.faces == 4
    assert "rooms at 48 a second" in batch.table(report)
    assert report.costs[0].fetched >= report.costs[0].drawn > 0


def test_a_face_looks_the_same_alone_and_among_others() -> None:
    some = faces(4)
    renderer = load_batch("lin", device="cpu")
    together = renderer.draw(some).numpy()
    for frame, picture in zip(some, together, strict=True):
        alone = renderer.draw([frame]).numpy()[0].astype(int)
        assert (np.abs(alone - picture) > 1).mean() < 1e-5


def full_pack() -> Pack:
    """The tiny host with hair before and behind, a lash, light that follows the face, and eyes that mirror a lamp."""
    chance = np.random.default_rng(5)
    atlas = chance.integers(30, 220, (ATLAS // 8, ATLAS // 8)).astype(np.uint8)
    return tiny_pack(
        **layer("front", HEAD_BOX, 60, 130), **layer("back", HEAD_BOX, 90, 255), **light(2, 3, 4, 5, blocks=7),
        lash_triangles=np.array([[2, 3, 12]], np.int32), lash_uvs=np.array([[[0, 0], [8, 0], [4, 8]]], np.float32),
        gloss=np.full((2, 8, 8), 40, np.uint8),
        shade_rest=np.linspace(0.3, 1.0, 2 * 8 * 12, dtype=np.float32).reshape(2, 8, 12),
        shade_ids=np.zeros(1, np.int32), shade_scales=np.full(1, 0.05, np.float32),
        shade_steps=chance.integers(-9, 9, (1, 2, 8, 12)).astype(np.int8),
        atlas_y=np.kron(atlas, np.ones((8, 8), np.uint8)),
    )  # fmt: skip


@pytest.mark.parametrize("wide", [True, False])
def test_every_part_of_a_pack_is_drawn(wide: bool) -> None:
    pack, view = full_pack(), WIDE if wide else TALL
    some = faces(6, seed=2)
    drawn = on_cores(pack, wide=wide).draw(some).numpy()
    renderer = MeshRenderer(pack, view.width, view.height)
    for frame, picture in zip(some, drawn, strict=True):
        differs = apart(renderer, frame, picture)
        assert (differs > batch.LEVELS).mean() < 0.01  # the squares of this atlas have hard edges
        assert np.square(differs).mean() < 1


def test_each_face_stands_before_its_own_background() -> None:
    renderer = on_cores(tiny_pack(), backgrounds=(None, "green", "#ffffff"))
    drawn = renderer.draw(faces(3)[:1] * 3, behind=[2, 0, 1]).numpy()
    corners = [int(picture[0, 0]) for picture in drawn]
    assert corners == [235, 40, 129]
    same = [picture[60:80, 90:100] for picture in drawn]
    assert all((one == other).all() for one, other in pairwise(same))


def test_frames_beyond_what_a_host_is_made_for_are_held() -> None:
    wrong = FaceFrame()
    wrong.weights[:] = [float("nan"), float("inf"), -3, *[0] * 49]
    wrong.rotation[:] = (9, float("nan"), -9)
    wrong.translation[:] = float("-inf")
    drawn = on_cores(tiny_pack()).draw([wrong]).numpy()[0]
    assert (apart(MeshRenderer(tiny_pack(), WIDE.width, WIDE.height), wrong, drawn) <= 1).mean() > 0.99


def test_what_cannot_be_drawn_on_is_said() -> None:
    with pytest.raises(PackError, match=r"'cuda:99'.*'cpu' is always there"):
        load_batch("lin", device="cuda:99")
    with pytest.raises(PackError, match="'fax'"):
        load_batch("lin", device="fax")
    with pytest.raises(PackError, match="not 640x480"):
        load_batch("lin", 640, 480, device="cpu")
    with pytest.raises(PackError, match="no host 'nobody'"):
        load_batch("nobody", device="cpu")
    with pytest.raises(AvatarError, match="from 1 on"):
        batch.run("lin", "cpu", (4, 0))
