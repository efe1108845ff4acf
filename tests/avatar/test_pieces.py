"""A clause made piece by piece is the clause: heard, told and shown as if it were made at once."""

from itertools import pairwise
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

from avatar.actor import Actor
from avatar.bench.seams import seams
from avatar.speech import Phoneme, SpeechChunk, Word, joined
from avatar.voice import graph
from avatar.voice.alignment import Aligned
from avatar.voice.clauses import Clause
from avatar.voice.marks import TextMark
from avatar.voice.pieces import pieces

RATE, FRAME = 24_000, 0.025


def aligned(lengths: list[int], pause: float = 0.3) -> Aligned:
    """Words of so many frames of 25 ms, of two phones each."""
    edges = np.cumsum([0, *lengths]) * FRAME
    words = tuple(Word(f"w{i}", float(a), float(b)) for i, (a, b) in enumerate(pairwise(edges)))
    halves = [(w.start, (w.start + w.end) / 2, w.end) for w in words]
    phonemes = [p for a, m, b in halves for p in (Phoneme("m", a, m), Phoneme("a", m, b))]
    return Aligned(0.0, float(edges[-1]), (*phonemes, Phoneme("", float(edges[-1]), float(edges[-1]) + pause)), words)


def tone(a: float, b: float) -> np.ndarray[Any, np.dtype[np.float32]]:
    at = np.arange(round(a * RATE), round(b * RATE)) / RATE
    return (0.2 * np.sin(2 * np.pi * 220 * at)).astype(np.float32)


def made(clause: Clause, of: Aligned) -> list[SpeechChunk]:
    return list(pieces(clause, of, tone, RATE))


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(4, 40), min_size=1, max_size=30))
def test_pieces_together_are_the_clause(lengths: list[int]) -> None:
    of = aligned(lengths)
    text = " ".join(w.text for w in of.words)
    chunks = made(Clause(text, pause=0.3), of)
    [whole] = joined(chunks)
    assert (whole.text, whole.rate, whole.rest) == (text, 48_000, 0.0)
    assert [c.text for c in chunks[1:]] == [""] * (len(chunks) - 1)
    assert whole.seconds == pytest.approx(of.phonemes[-1].end, abs=1e-4)
    for ours, theirs in ((whole.words, of.words), (whole.phonemes, of.phonemes)):
        assert [x.start for x in ours] == pytest.approx([x.start for x in theirs], abs=1e-4)
        assert [x.end for x in ours] == pytest.approx([x.end for x in theirs], abs=1e-4)
    left = whole.seconds
    for chunk in chunks:
        left -= chunk.seconds
        assert chunk.rest == pytest.approx(max(0.0, left), abs=1e-4)
        assert chunk.phonemes[0].start == 0.0
        assert chunk.phonemes[-1].end == pytest.approx(chunk.seconds, abs=1e-4)
    spoken = round(of.end * 48_000)
    at = np.arange(spoken) / 48_000
    wanted = 0.2 * np.sin(2 * np.pi * 220 * at)
    inner = slice(480, spoken - 480)
    np.testing.assert_allclose(whole.pcm[:spoken][inner], wanted[inner], atol=1e-3)
    assert not whole.pcm[spoken:].any()


def test_a_long_clause_comes_in_pieces_that_grow_and_a_short_one_whole() -> None:
    chunks = made(Clause("…"), aligned([8] * 60))
    assert 0.5 < chunks[0].seconds < 1.0
    assert chunks[1].seconds < chunks[-2].seconds
    assert len(made(Clause("好"), aligned([8, 8]))) == 1


def test_pieces_that_differ_a_little_meet_without_a_click() -> None:
    """As int8 arithmetic makes them differ."""
    level = iter([1.0, 0.8] * 20)
    chunks = list(pieces(Clause("…"), aligned([8] * 60), lambda a, b: tone(a, b) * next(level), RATE))
    steps = np.abs(np.diff(np.concatenate([c.pcm for c in chunks])))
    assert steps.max() < 1.3 * 0.2 * 2 * np.pi * 220 / 48_000


def test_an_emphasized_word_rises_where_it_is_even_across_a_piece() -> None:
    of = aligned([20] * 8)
    text = " ".join(w.text for w in of.words)
    at = text.index("w2")
    marks = (TextMark("emphasis", "strong", at, at + 5), TextMark("gesture", "nod", text.index("w5"), text.index("w5")))
    [plain] = joined(made(Clause(text), of))
    chunks = made(Clause(text, marks=marks), of)
    [stressed] = joined(chunks)
    assert [(m.kind, m.at) for m in stressed.marks] == [("emphasis", of.words[2].start), ("gesture", of.words[5].start)]
    assert not any(m.at < 0 or m.at > c.seconds for c in chunks for m in c.marks)
    for word, rises in zip(of.words, [False, False, True, True, False, False, False, False], strict=True):
        inside = slice(round((word.start + 0.06) * 48_000), round((word.end - 0.06) * 48_000))
        ratio = np.sqrt(np.mean(stressed.pcm[inside] ** 2) / np.mean(plain.pcm[inside] ** 2))
        assert ratio == pytest.approx(10 ** (2.5 / 20) if rises else 1.0, rel=0.02)


def test_the_face_takes_pieces_for_one_phrase() -> None:
    """The head comes to rest at the end of a phrase, not at that of a piece."""
    chunks = made(Clause("…"), aligned([8] * 60))
    [whole] = joined(chunks)

    def faces(said: list[SpeechChunk]) -> np.ndarray[Any, np.dtype[np.float32]]:
        actor, at = Actor(3), 48_000
        for chunk in said:
            actor.say(chunk, at)
            at += len(chunk.pcm)
        return np.array([actor.frame(t)["jawOpen"] for t in range(at // 1000 + 40)])

    np.testing.assert_allclose(faces(chunks), faces([whole]), atol=0.03)


def test_seams_are_between_clauses_and_not_between_pieces() -> None:
    chunks = made(Clause("…", pause=0.0), aligned([8] * 60, pause=0.0))
    found = seams([*chunks, *chunks])
    assert (found.clauses, found.jumps, found.clicks, found.gaps) == (2, 0, 0, 0)


# Graphs, opened up


def network() -> onnx.ModelProto:
    """y = (x + 1) − the mean of that, over a doubled x."""
    nodes = [
        helper.make_node("Mul", ["x", "two"], ["doubled"]),
        helper.make_node("Add", ["doubled", "one"], ["more"]),
        helper.make_node("ReduceMean", ["more"], ["mean"], keepdims=1),
        helper.make_node("Sub", ["more", "mean"], ["y"]),
    ]
    inside = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None])],
        [
            helper.make_tensor("two", TensorProto.FLOAT, [], [2.0]),
            helper.make_tensor("one", TensorProto.FLOAT, [], [1.0]),
        ],
    )
    return helper.make_model(inside, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def ran(model: onnx.ModelProto, **feed: Any) -> list[Any]:
    from pathlib import Path

    from avatar.voice.session import Session

    return Session(model, Path("tiny.onnx")).run({k: np.array(v, np.float32) for k, v in feed.items()})


def test_a_graph_taken_apart_and_put_together_does_the_same() -> None:
    whole = network()
    first = graph.part(whole, {"x": "x"}, {"middle": "more"})
    second = graph.part(whole, {"middle": "more"}, {"y": "y"})
    [middle] = ran(first, x=[1, 2, 3])
    np.testing.assert_array_equal(middle, [3, 5, 7])
    np.testing.assert_array_equal(ran(second, middle=middle)[0], ran(whole, x=[1, 2, 3])[0])
    with pytest.raises(KeyError):
        graph.part(whole, {"middle": "doubled"}, {"y": "nothing"})


def test_what_a_graph_averages_can_be_told_and_given() -> None:
    whole = network()
    assert graph.means(whole) == ["mean"]
    y, mean = ran(graph.told(whole, ["mean"]), x=[1, 2, 3])
    assert float(mean[0]) == 5.0
    given_mean = graph.given(whole, ["mean"])
    np.testing.assert_array_equal(ran(given_mean, x=[1, 2, 3], mean=mean)[0], y)
    np.testing.assert_array_equal(ran(given_mean, x=[3], mean=mean)[0], y[2:])
