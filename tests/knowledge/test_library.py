"""The library: what changes in the folder is taken in, while questions are answered."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from knowledge.embedding import Encoders
from knowledge.library import Library
from tests.knowledge.test_answerer import WordCounts


async def opened(tmp_path: Path) -> Library:
    (tmp_path / "docs").mkdir(exist_ok=True)
    (tmp_path / "docs" / "a.md").write_text("# 租房\n\n## 押金\n\n押金应当退还。")
    library = await Library.open(tmp_path / "docs", tmp_path / "index.db", WordCounts())
    await library.filled()
    return library


async def first(library: Library, question: str) -> str:
    hits = (await library.search(question, language="zh")).hits
    return hits[0].passage.text if hits else ""


async def test_what_changes_is_taken_in(tmp_path: Path) -> None:
    library = await opened(tmp_path)
    (tmp_path / "docs" / "b.csv").write_text("问题,答案\n几点开门,九点开门。\n")
    (tmp_path / "docs" / "c.pdf").write_bytes(b"no pdf")
    assert await library.refresh() == 1
    await library.filled()
    assert await first(library, "几点开门") == "九点开门。"
    assert [one.source for one in library.skipped] == ["c.pdf"]
    assert [(one.source, one.passages, one.embedded) for one in await library.listed()] == [
        ("a.md", 1, 1),
        ("b.csv", 1, 1),
    ]
    (tmp_path / "docs" / "b.csv").unlink()
    (tmp_path / "docs" / "c.pdf").unlink()
    assert await library.refresh() == 1
    assert await first(library, "几点开门") != "九点开门。"
    assert library.skipped == ()
    assert await library.refresh() == 0
    await library.aclose()


async def test_what_was_heard_is_written_in_the_words_of_the_documents(tmp_path: Path) -> None:
    library = await opened(tmp_path)
    assert library.mended("鸭金什么时候退") == "押金什么时候退"
    assert library.mended("你叫什么明子") == "你叫什么名字"  # which no document says
    (tmp_path / "docs" / "b.md").write_text("# 继承\n\n遗嘱应当由遗嘱人亲笔书写。")
    await library.refresh()
    assert library.mended("一主怎么写") == "遗嘱怎么写"
    await library.aclose()
    again = await opened(tmp_path)  # from the index as it is
    assert again.mended("一主怎么写") == "遗嘱怎么写"
    await again.aclose()


async def test_the_folder_is_watched(tmp_path: Path) -> None:
    library = await opened(tmp_path)
    watching = asyncio.create_task(library.watch(0.01))
    await asyncio.sleep(0.05)
    (tmp_path / "docs" / "a.md").write_text("# 租房\n\n## 押金\n\n押金最多两个月。")
    async with asyncio.timeout(5):
        while await first(library, "押金") != "押金最多两个月。":
            await asyncio.sleep(0.01)
    (tmp_path / "docs").rename(tmp_path / "away")
    await asyncio.sleep(0.1)
    assert not watching.done()
    assert await first(library, "押金") == "押金最多两个月。"
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
    await library.aclose()


async def test_synonyms_of_the_folder(tmp_path: Path) -> None:
    library = await opened(tmp_path)
    (tmp_path / "docs" / "synonyms.yaml").write_text("- [押金, 保证金, N+1]\n")
    await library.refresh()
    for question in ("保证金退吗", "n+1是什么"):
        hits = (await library.search(question, language="zh")).hits
        assert hits[0].coverage > 0.2
    await library.aclose()


def test_a_kill_in_the_middle_leaves_what_was_done(tmp_path: Path) -> None:
    folder = tmp_path / "docs"
    folder.mkdir()
    for n in range(400):
        (folder / f"{n:03d}.md").write_text(
            "\n\n".join(f"## 第{k}节\n\n这是第{n}份文件的第{k}段话。" for k in range(30))
        )
    program = (
        "import asyncio, sys; from pathlib import Path; from knowledge.library import Library\n"
        "from tests.knowledge.test_answerer import WordCounts\n"
        f"asyncio.run(Library.open(Path({str(folder)!r}), Path({str(tmp_path / 'index.db')!r}), WordCounts()))"
    )
    for _ in range(2):
        process = subprocess.Popen([sys.executable, "-c", program], cwd=Path(__file__).parents[2])
        deadline = time.monotonic() + 60
        while not (tmp_path / "index.db-wal").exists() or (tmp_path / "index.db-wal").stat().st_size < 100_000:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()

    async def reopened() -> None:
        from knowledge.index import Index

        index = Index(tmp_path / "index.db", Encoders.name)
        listed = index.listed()
        assert {one.passages for one in listed} == {30}
        index.close()
        library = await Library.open(folder, tmp_path / "index.db", WordCounts())
        assert len(await library.listed()) == 400
        await library.aclose()

    asyncio.run(reopened())
