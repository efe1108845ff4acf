from pathlib import Path

import pytest

from avatar.voice import marks
from streaming import newroom, roomfile
from streaming.errors import RoomFileError
from streaming.rehearse import rehearse
from tests.streaming.test_music import song

ROOMS = Path(__file__).parents[2] / "rooms"
GOOD = """
title: Museum
language: en
host: {name: Ann, persona: Calm., greeting: Hello., refusal: I do not know.}
documents: docs
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "a.md").write_text("# A\n\nText.\n")
    return tmp_path


def write(folder: Path, text: str) -> Path:
    path = folder / "Museum_one.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_example_room_is_valid() -> None:
    room = roomfile.load(ROOMS / "legal-assistant.yaml")
    assert room.id == "legal-assistant"
    assert room.language == "zh"


def test_paths_are_relative_to_the_file_and_the_id_is_its_name(folder: Path) -> None:
    room = roomfile.load(write(folder, GOOD))
    assert room.id == "museum-one"
    assert room.documents == (folder / "docs").resolve()
    assert room.title == {"zh": "Museum", "en": "Museum"}


def test_hosts_are_as_addresses_have_them(folder: Path) -> None:
    room = roomfile.load(write(folder, GOOD + "fetch_from: [Wiki.intranet, 10.0.0.5:9000, '[FD00::5]']"))
    assert room.fetch_from == ["wiki.intranet", "10.0.0.5:9000", "[fd00::5]"]


def test_a_text_in_one_language_stands_for_the_other(folder: Path) -> None:
    room = roomfile.load(write(folder, GOOD.replace("name: Ann", "name: {zh: 安}")))
    assert room.host.name == {"zh": "安", "en": "安"}


def test_what_the_host_says_by_default_has_no_mark_that_is_none(folder: Path) -> None:
    said = roomfile.load(write(folder, GOOD)).host.model_dump(exclude={"name", "persona"})
    lines = [
        line for texts in said.values() if isinstance(texts, dict) for one in texts.values() for line in listed(one)
    ]
    assert len(lines) > 40
    assert [line for line in lines if marks.unknown(line)] == []


def listed(one: str | list[str]) -> list[str]:
    return one if isinstance(one, list) else [one]


def test_a_host_has_a_voice_of_their_own(folder: Path) -> None:
    voices = roomfile.load(write(folder, GOOD.replace("name: Ann", "name: Bo, pack: bo"))).voices
    assert voices["zh"][0].voice == "zm_yunjian"
    assert voices["en"][0].engine == "kokoro"
    assert roomfile.load(write(folder, GOOD)).voices["en"][0].engine == "hibari"


def test_a_pack_is_named_or_found_beside_the_file(folder: Path) -> None:
    assert roomfile.load(write(folder, GOOD)).host.pack == "lin"
    (folder / "ann.pack").touch()
    room = roomfile.load(write(folder, GOOD.replace("name: Ann", "name: Ann, pack: ann.pack")))
    assert room.host.pack == str((folder / "ann.pack").resolve())


def test_a_background_is_a_colour_or_found_beside_the_file(folder: Path) -> None:
    (folder / "wall.png").touch()
    for given, meant in (("green", "green"), ("'#102030'", "#102030"), ("wall.png", str(folder / "wall.png"))):
        room = roomfile.load(write(folder, GOOD.replace("name: Ann", f"name: Ann, background: {given}")))
        assert room.host.background == meant


def test_recordings_and_the_keys_program_are_found_beside_the_file(folder: Path) -> None:
    program = folder / "key.sh"
    program.write_text("#!/bin/sh\necho abc\n")
    program.chmod(0o755)
    pushes = "push: [{url: 'rtmp://a.example/live', key_command: [./key.sh, one]}, {name: two, key_command: [echo]}]\n"
    room = roomfile.load(write(folder, GOOD + pushes + "recording: {minutes: 5}\n"))
    assert room.recording is not None
    assert room.recording.folder == folder.resolve() / "recordings"
    first, second = room.push
    assert first.key_command == [str(program.resolve()), "one"]
    assert first.shown == "a.example"
    assert second.key_command is not None
    assert Path(second.key_command[0]).is_absolute()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (GOOD.replace("title", "titel"), "titel: unknown key; did you mean 'title'"),
        (GOOD.replace("Hello.", "'[happy] Hello.'"), r"host\.greeting.*there is no delivery mark \[happy\]"),
        (GOOD.replace("greeting", "greting"), r"host\.greting: unknown key; did you mean 'greeting'"),
        (GOOD + "limits: {questions: many}", "limits.questions: .*integer"),
        (GOOD + "limits: {questions: 0}", "limits.questions: .*greater"),
        (GOOD + "llm: {base_url: localhost}", r"llm\.0\.base_url"),
        (GOOD + "push: [{url: 'http://a.example/live'}]", r"push\.0\.url"),
        (GOOD + "push: [{name: a}]", "give a url, or a key_command"),
        (GOOD + "push: [{url: 'rtmp://a/b', key: abc}]", r"push\.0\.key: unknown key; did you mean 'key_env'"),
        (GOOD + "push: [{url: 'rtmp://a/b', key_env: A, key_command: [b]}]", "not both"),
        (GOOD + "push: [{url: 'rtmp://a/b'}, {url: 'rtmp://a/c'}]", "the same name"),
        (GOOD + "push: [{url: 'rtmp://a/b', name: recording}]", "one is called recording"),
        (GOOD + "push: [{url: 'rtmp://a/b', key_command: [./docs]}]", "no program that can be run"),
        (GOOD + "push: [{url: 'rtmp://a/b', key_command: [./nothing.sh]}]", "no program that can be run"),
        (GOOD + "push: [{url: 'rtmp://a/b', key_command: [no-such-program]}]", "no program that can be run"),
        (GOOD + "recording: {hours: 1}", "hours: unknown key; allowed here: folder, keep_gb, minutes"),
        (GOOD + "recording: {minutes: 0}", "recording.minutes: .*greater"),
        (GOOD.replace("language: en", "language: fr"), "language: .*'zh' or 'en'"),
        (GOOD + "voices: {zh: {engine: hibari}, en: {engine: hibari}}", "hibari speaks English only"),
        (GOOD + "voices: {zh: {engine: kokoro}}", "no voice for it"),
        (GOOD + "voices: {en: []}", r"voices\.en: .*at least 1 item"),
        (GOOD + "voices: {en: [{engine: hibari}, {voice: x}]}", r"voices\.en\.1\.engine"),
        (GOOD + "lexicon: {单先生: shàn xiān}", "“单先生” has 3 characters .* 2 syllables"),
        (GOOD + "lexicon: {重庆: /tʂʰʊŋ/}", "IPA is for words in Latin letters"),
        (GOOD.replace("name: Ann", "name: Ann, acknowledgements: {en: Hm}"), "acknowledgements.en: .*list"),
        (GOOD.replace("docs", "nowhere"), "there is no folder"),
        (GOOD.replace("name: Ann", "name: {}"), "host.name: .*at least 1 item"),
        (GOOD.replace("name: Ann", "name: {fr: Ann}"), "host.name.fr"),
        (GOOD.replace("name: Ann", "name: Ann, pack: ann"), "host.pack: there is no host 'ann' .*lin.* and no file"),
        (GOOD.replace("name: Ann", "name: Ann, background: blu.png"), "host.background: .*#rrggbb"),
        (GOOD + "picture: 1920x1200", "picture: .*1080x1920"),
        (GOOD + "fetch_from: [https://wiki.intranet]", r"fetch_from\.0: .*write wiki\.intranet"),
        ("title: [unclosed", "not YAML"),
        ("- a\n- b\n", "must be a mapping"),
        ("", "must be a mapping"),
    ],
)
def test_mistakes_are_named_with_what_would_be_right(folder: Path, text: str, message: str) -> None:
    with pytest.raises(RoomFileError, match=message):
        roomfile.load(write(folder, text))


def test_a_voice_is_one_or_several_and_its_files_are_found_beside_the_room(folder: Path) -> None:
    (folder / "anna.wav").touch()
    several = "voices: {zh: {engine: kokoro}, en: [{engine: coqui, options: {reference: anna.wav}}, {engine: hibari}]}"
    room = roomfile.load(write(folder, GOOD + several))
    assert [voice.shown for voice in room.voices["zh"]] == ["voice kokoro"]
    assert [voice.engine for voice in room.voices["en"]] == ["coqui", "hibari"]
    assert room.voices["en"][0].options == {"reference": str(folder / "anna.wav")}


def test_lines_and_words_of_ones_own(folder: Path) -> None:
    own = GOOD.replace("name: Ann", "name: Ann, acknowledgements: {en: [Hm., '[nod]Right.']}, reassurances: {}")
    room = roomfile.load(
        write(folder, own + "lexicon: {单先生: shàn xiān sheng, Kokoro: /kəˈkɔɹoʊ/, 12348: 一二三四八}")
    )
    assert room.host.acknowledgements == {"en": ["Hm.", "[nod]Right."]}
    assert room.host.reassurances == {}
    assert room.lexicon["Kokoro"] == "/kəˈkɔɹoʊ/"


def test_music_is_found_beside_the_file_and_looked_into(folder: Path) -> None:
    (folder / "songs").mkdir()
    first = song(folder / "songs" / "a.ogg", 0.5, 48_000, "libopus")
    second = song(folder / "b.wav", 0.5)
    played = "programme: {segments: {song: {music: MUSIC, card: {title: A song}}}}\n"
    programme = roomfile.load(write(folder, GOOD + played.replace("MUSIC", "[songs/a.ogg, b.wav]"))).programme
    assert programme is not None
    assert programme.segments["song"].music == [first.resolve(), second.resolve()]
    assert programme.segments["song"].level_db == -12
    (folder / "text.ogg").write_text("This is no music.")
    key = r"programme\.segments\.song\.music: "
    with pytest.raises(RoomFileError, match=key + r"there is no file .*gone\.ogg"):
        roomfile.load(write(folder, GOOD + played.replace("MUSIC", "gone.ogg")))
    with pytest.raises(RoomFileError, match=key + r".*text\.ogg cannot be read as sound: .*; give .* OGG, MP3"):
        roomfile.load(write(folder, GOOD + played.replace("MUSIC", "[b.wav, text.ogg]")))


def test_a_rehearsal_of_a_room_with_music(folder: Path) -> None:
    song(folder / "a.wav", 65.0, 8000, channels=1)
    room = write(folder, GOOD + "programme: {segments: {song: {music: a.wav}}}\n")
    shown = rehearse(room, None, 0.5, 1)
    assert "♪ a.wav (1:05)" in shown
    assert "1 × music 4%" in shown


def test_a_missing_file_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(RoomFileError, match="everhost new"):
        roomfile.load(tmp_path / "no.yaml")


def test_a_new_room_where_nothing_may_be_written_or_with_an_odd_folder(folder: Path) -> None:
    (folder / "file").write_text("")
    with pytest.raises(RoomFileError, match="cannot be written"):
        newroom.create("my-room", folder / "docs", "en", folder / "file" / "rooms")
    odd = folder / 'my "docs": #1'
    odd.mkdir()
    (odd / "a.md").write_text("# A\n\nText.\n")
    room = roomfile.load(newroom.create("odd", odd, "en", folder / "rooms"))
    assert room.documents == odd.resolve()


def test_a_new_room_from_a_folder_of_markdown(folder: Path) -> None:
    path = newroom.create("my-room", folder / "docs", "en", folder / "rooms")
    room = roomfile.load(path)
    assert (room.id, room.language, room.documents) == ("my-room", "en", (folder / "docs").resolve())
    with pytest.raises(RoomFileError, match="exists already"):
        newroom.create("my-room", folder / "docs", "en", folder / "rooms")
    with pytest.raises(RoomFileError, match="cannot name a room"):
        newroom.create("My Room", folder / "docs", "en", folder / "rooms")
    (folder / "empty").mkdir()
    with pytest.raises(RoomFileError, match="no document"):
        newroom.create("other", folder / "empty", "en", folder / "rooms")
    with pytest.raises(RoomFileError, match="there is no folder"):
        newroom.create("other", folder / "nowhere", "en", folder / "rooms")


def test_an_option_of_a_voice_may_be_a_text_that_no_file_is_named(folder: Path) -> None:
    for text in ("Speak as a friend does." * 20, "~nobody/x"):
        voice = f"{GOOD}voices: {{en: {{engine: remote, options: {{instructions: {text!r}}}}}}}\n"
        (folder / "room.yaml").write_text(voice, "utf-8")
        assert roomfile.load(folder / "room.yaml").voices["en"][0].options == {"instructions": text}
