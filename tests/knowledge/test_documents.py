from pathlib import Path

import pytest

from knowledge.errors import DocumentError
from knowledge.folder import MAX_TEXT_BYTES, parse_document, read_folder

LAW = """---
title: 劳动合同
language: zh
---
# 劳动合同

开头的话。

## 试用期

上限如下：

- 一个月；
- 二个月。

### 工资

不低于百分之八十。

## 法条

**第四十七条** 经济补偿按年限支付。

月工资是平均工资。

第四十八条 继续履行。

```
# 不是标题
```
"""


def test_a_passage_a_section_and_an_article() -> None:
    document = parse_document("law.md", LAW.encode())
    assert document.title == "劳动合同"
    assert [(p.locator, p.text) for p in document.passages] == [
        ("", "开头的话。"),
        ("试用期", "上限如下：\n\n- 一个月；\n- 二个月。"),
        ("试用期 › 工资", "不低于百分之八十。"),
        ("法条 › 第四十七条", "**第四十七条** 经济补偿按年限支付。\n\n月工资是平均工资。"),
        ("法条 › 第四十八条", "第四十八条 继续履行。\n\n```\n# 不是标题\n```"),
    ]
    assert {p.language for p in document.passages} == {"zh"}


def test_text_is_verbatim_also_with_windows_line_ends() -> None:
    for passage in parse_document("law.md", LAW.replace("\n", "\r\n").encode()).passages:
        assert all(block in LAW for block in passage.text.split("\n\n"))


def test_comments_and_rules_are_no_text() -> None:
    passages = parse_document("a.md", "一。\n<!-- 编者注 -->\n\n二。\n\n---\n\n三。\n\n\n四。".encode()).passages
    assert [p.text for p in passages] == ["一。", "二。", "三。\n\n四。"]


def test_long_sections_are_cut_between_paragraphs_and_lose_nothing() -> None:
    paragraphs = [f"第{n}段。" + "很长的内容，" * 30 + "完。" for n in range(12)]
    passages = parse_document("a.md", ("# 题\n\n" + "\n\n".join(paragraphs)).encode()).passages
    assert len(passages) > 3
    assert "\n\n".join(p.text for p in passages).split("\n\n") == paragraphs


def test_one_endless_paragraph_is_cut_between_sentences() -> None:
    text = "".join(f"这是第{n}句不长不短的话。" for n in range(300))
    passages = parse_document("a.md", text.encode()).passages
    assert "".join(p.text for p in passages) == text
    assert max(len(p.text) for p in passages) <= 900


def test_the_id_holds_while_the_content_does() -> None:
    before = {p.text: p.id for p in parse_document("law.md", LAW.encode()).passages}
    after = {p.text: p.id for p in parse_document("law.md", LAW.replace("八十", "九十").encode()).passages}
    assert len(before.keys() & after.keys()) == 4
    assert all(before[text] == after[text] for text in before.keys() & after.keys())


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"a\x00b", "NUL"),
        (b"\n\n", "no text"),
        (b"---\ntitle: [\n---\ntext", "front matter"),
    ],
)
def test_bad_documents_say_why(content: bytes, reason: str) -> None:
    with pytest.raises(DocumentError, match=reason):
        parse_document("bad.md", content)


def test_a_bad_file_is_named_and_the_others_are_read(tmp_path: Path) -> None:
    outside = tmp_path / "secret.md"
    outside.write_text("# secret\n\nnot for this room")
    folder = tmp_path / "documents"
    (folder / "sub").mkdir(parents=True)
    (folder / ".git").mkdir()
    (folder / ".git" / "hidden.md").write_text("hidden")
    (folder / "good.md").write_text("# Good\n\nText.")
    (folder / "sub" / "inner.md").write_text("Text without a heading.")
    (folder / "binary.md").write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x07\x80\0\0\x04\x38")
    (folder / "old.doc").write_bytes(b"\xd0\xcf\x11\xe0")
    (folder / "picture.png").write_bytes(b"\x89PNG")
    (folder / "zopy.md").write_text("# Good\n\nText.")
    (folder / "huge.md").write_bytes(b"a" * (MAX_TEXT_BYTES + 1))
    (folder / "link.md").symlink_to(outside)
    (folder / "dangling.md").symlink_to(tmp_path / "nowhere.md")
    read = read_folder(folder)
    assert [d.source for d in read.documents] == ["good.md", "sub/inner.md"]
    assert {s.source for s in read.skipped} == {"binary.md", "huge.md", "link.md", "dangling.md", "old.doc", "zopy.md"}


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match="nowhere"):
        read_folder(tmp_path / "nowhere")
