import json

import pytest

from streaming import protocol as say


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("{", "bad_json"),
        ("", "bad_json"),
        ("[]", "unknown_type"),
        ("null", "unknown_type"),
        ("{}", "unknown_type"),
        ('{"type":"sing","id":"a"}', "unknown_type"),
        ('{"type":"ask","id":"a"}', "bad_message"),
        ('{"type":"ask","text":"hi"}', "bad_message"),
        ('{"type":"ask","id":"","text":"hi"}', "bad_message"),
        ('{"type":"ask","id":"a","text":5}', "bad_message"),
        ('{"type":"ask","id":"a","text":"hi","language":"fr"}', "bad_message"),
        ('{"type":"choose","id":"a"}', "bad_message"),
        ('{"type":"choose","id":"a","storyline":7}', "bad_message"),
        ('{"type":"ask","id":"a","text":"' + "x" * 2_000_000 + '"}', "too_large"),
    ],
)
def test_bad_messages_get_a_code_and_a_reason(text: str, code: str) -> None:
    with pytest.raises(say.Malformed) as caught:
        say.parse(text)
    assert caught.value.code == code
    assert len(str(caught.value)) > 10


def test_good_messages_are_taken_and_unknown_keys_ignored() -> None:
    ask = say.parse('{"type":"ask","id":"c1","text":"问","name":"甲","future":1}')
    assert ask == say.Ask(type="ask", id="c1", text="问", name="甲")
    assert isinstance(say.parse('{"type":"talk.start","id":"v","language":"zh"}'), say.TalkStart)
    assert say.parse('{"type":"choose","id":"s1","storyline":null}') == say.Choose(
        type="choose", id="s1", storyline=None
    )
    assert isinstance(say.parse('{"type":"interrupt","id":"c1"}'), say.Interrupt)


def test_what_the_room_sends_says_for_whom() -> None:
    done = say.AnswerDone("c1", "q1", "好。", (say.Cited(1, "法", "第十九条", "引"),), False)
    assert json.loads(say.encode(done, "viewer")) == {
        "type": "answer.done",
        "to": "viewer",
        "id": "c1",
        "question": "q1",
        "text": "好。",
        "citations": [{"n": 1, "title": "法", "locator": "第十九条", "quote": "引"}],
        "refused": False,
    }
