"""The room file: one YAML file a room, parsed once into frozen objects; everything inside sees only these."""

import contextlib
import difflib
import os
import re
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any, Final, Literal, get_args
from urllib.parse import urlsplit

import yaml
from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, ValidationError, model_validator

from avatar.hosts import HOSTS, voices_of
from avatar.voice import lexicon
from streaming import feelings
from streaming.errors import RoomFileError
from streaming.labels import Labels
from streaming.moderation.policy import Policy
from streaming.parts import Part, Text, one_or_more
from streaming.programme.rundown import Rundown, Segment
from streaming.saying import Spoken, sayable

Language = Literal["zh", "en"]
LANGUAGES: Final[tuple[Language, ...]] = ("zh", "en")

ACKNOWLEDGEMENTS: Final[dict[Language, list[str]]] = {
    "zh": [
        "好的，我来看一下。",
        "[点头]这个问题问得好，我查一查。",
        "嗯，让我想一想。",
        "收到，我看看资料里怎么说。",
        "好，稍等，我核对一下。",
        "明白，这个我帮您找找。",
        "嗯，我翻一下资料。",
        "[点头]好的，请稍等。",
    ],
    "en": [
        "[nod] Sure, let me have a look.",
        "Good question. Let me check.",
        "Let me think about that for a moment.",
        "All right, let me see what the documents say.",
        "[nod] One moment, I will look that up.",
        "Okay, let me find that for you.",
        "Let me check that before I answer.",
        "Right, just a second.",
    ],
}
REASSURANCES: Final[dict[Language, list[str]]] = {
    "zh": ["资料有点多，再给我一点时间。", "我还在核对，马上就好。", "快了，我想说得准确一些。", "请再稍等一下。"],
    "en": [
        "I am still reading; it will not be long.",
        "Almost there. I want to get this right.",
        "There is a lot on this. One more moment, please.",
        "Bear with me a little longer.",
    ],
}
AGAIN: Final[dict[Language, list[str]]] = {
    "zh": [
        "这个刚才也有朋友问过，我再说一遍。",
        "刚讲过这一条，再给您说一次。",
        "[微笑]又有朋友问到这个了。",
        "好，这个我再讲一遍。",
    ],
    "en": [
        "Somebody asked this a moment ago; here it is again.",
        "I have just answered this one, so once more.",
        "[warm] This question again.",
        "Let me say this once more.",
    ],
}

ATTENDING: Final[dict[Language, str]] = {"zh": "[点头]我在，您请说。", "en": "[nod] Yes? I am listening."}
CUT_OFF: Final[dict[Language, str]] = {
    "zh": "[抱歉]不好意思，刚才断了一下。",
    "en": "[sorry] Sorry, we were cut off for a moment.",
}
FAREWELL: Final[dict[Language, str]] = {"zh": "[温和]再见，欢迎再来。", "en": "[warm] Goodbye. Do come again."}

Line = Annotated[str, Field(min_length=1, max_length=200)]
Remark = Annotated[Line, AfterValidator(sayable)]
"""One line that the host says."""


def _host(given: str) -> str:
    if not re.fullmatch(r"([A-Za-z0-9_.-]+|\[[0-9A-Fa-f:]+\])(:[0-9]{1,5})?", given):
        raise ValueError(f"'{given}' is no host; write wiki.intranet, or with a port 10.0.0.5:9000 or '[fd00::5]:9000'")
    return given.lower()


Place = Annotated[str, AfterValidator(_host)]
"""A host as it stands in addresses, with or without a port."""


class Host(Part):
    name: Text
    pack: str = "lin"
    """A host that comes with everhost, or the path of a pack file."""
    background: str | None = None
    """"green" for a chroma key, a colour as "#rrggbb", or the path of a picture; the host's own set otherwise."""
    persona: Text
    """Who the host is and how they speak."""
    greeting: Spoken
    refusal: Spoken
    """Said when the documents do not cover a question."""
    farewell: Spoken = Field(default_factory=lambda: dict(FAREWELL))
    """Said to a visitor who says goodbye."""
    attending: Spoken = Field(default_factory=lambda: dict(ATTENDING))
    """Said to a visitor who has said the wake word and nothing else yet."""
    cut_off: Spoken = Field(default_factory=lambda: dict(CUT_OFF))
    """Said when the picture or everhost itself broke off and is there again."""
    acknowledgements: dict[Language, list[Remark]] = Field(default_factory=lambda: dict(ACKNOWLEDGEMENTS))
    """Said at once when an answer needs a moment; never one twice in a row. None for a language: nothing is said."""
    reassurances: dict[Language, list[Remark]] = Field(default_factory=lambda: dict(REASSURANCES))
    """Said when it takes long."""
    again: dict[Language, list[Remark]] = Field(default_factory=lambda: dict(AGAIN))
    """Said before an answer that was given a few minutes ago."""
    feelings: bool = True
    """Whether the host feels what an answer says, where no mark says how: sorry for bad news, serious in warnings."""

    def answers(self, text: str, language: Language) -> str:
        """A sentence of an answer as it is said: with the mark of its feeling."""
        if not self.feelings:
            return text
        sorry = text == self.refusal[language]
        return feelings.marked(text, language, by_default="sorry" if sorry else None)


class Llm(Part):
    """Which language model writes the answers. Without ``base_url``, the embedded one."""

    base_url: str | None = Field(default=None, pattern=r"^https?://")
    """An OpenAI-compatible server: "https://api.deepseek.com/v1"."""
    model: str = "qwen2.5-coder-1.5b"
    api_key_env: str | None = None
    """The environment variable that holds the key; the key itself never stands in a file."""
    timeout_s: float = Field(default=60.0, gt=0)
    """Silence after which a server is given up, and the next of the list asked."""


class Voice(Part):
    engine: str
    """An installed back-end: kokoro (Mandarin, English), hibari (English)."""
    voice: str | None = None
    """Which of the engine's voices, or a mix: "zf_xiaobei:0.7+zf_xiaoyi:0.3"; its default otherwise."""
    options: dict[str, str | float | bool] = Field(default_factory=dict)
    """Further arguments of the engine."""

    @property
    def shown(self) -> str:
        """Its name, in messages and logs."""
        return f"voice {self.engine}" + (f" {self.voice}" if self.voice else "")


Llms = Annotated[list[Llm], Field(min_length=1), BeforeValidator(one_or_more)]
Voices = Annotated[list[Voice], Field(min_length=1), BeforeValidator(one_or_more)]
"""In the order of preference: when one fails in the middle of an answer, the next goes on."""


def _default_voices(room: dict[str, Any]) -> dict[Language, list[Voice]]:
    """Those of the host that the room shows."""
    host = room.get("host")
    return {
        language: [Voice(engine=engine, voice=voice)]
        for language, (engine, voice) in voices_of(host.pack if host else "").items()
    }


def _sayable(words: dict[str, str]) -> dict[str, str]:
    for written, said in words.items():
        lexicon.kind(written, said)
    return words


def _texts(words: Any) -> Any:
    """YAML takes 12348 for a number; here it is a word like others."""
    return {str(written): said for written, said in words.items()} if isinstance(words, dict) else words


Words = Annotated[dict[Line, Line], BeforeValidator(_texts), AfterValidator(_sayable)]


Microphones = Literal["push", "one", "open"]


class Turns(Part):
    """How long a speaker may be silent before their question is taken to be over, in seconds. A hall wants more."""

    complete_s: float = Field(default=0.5, ge=0.3, le=5)
    """After a whole question,"""
    open_s: float = Field(default=0.9, ge=0.3, le=5)
    """after what may be all or not,"""
    hanging_s: float = Field(default=2.0, ge=0.3, le=10)
    """and after half a sentence."""


_WAKE_SYLLABLES: Final = 2
_WAKE_WORDS: Final = 2
"""A wake word has so many characters, or words, at least."""


def _tellable(word: str) -> str:
    han = len(re.findall("[\u4e00-\u9fff]", word))
    if han < _WAKE_SYLLABLES and (han or len(word.split()) < _WAKE_WORDS):
        raise ValueError(
            f"“{word}” is too short to be told from other words; put a greeting before it, as in “hello Mei”"
        )
    return word


class Hearing(Part):
    engine: str = "whisper"
    """An installed back-end: whisper, or openai for any server that speaks OpenAI's /v1/audio/transcriptions."""
    model: str | None = None
    """One of the engine's: whisper-base, or the folder of one in CTranslate2's format; or a server's."""
    options: dict[str, str | float | bool] = Field(default_factory=dict)
    """Further arguments of the engine: device: cuda, base_url: http://…"""
    partials: bool = True
    """Show viewers what was understood so far while they speak; a server is asked once more for each."""
    microphones: Microphones = "push"
    """"push": viewers hold a button while they speak, any number at once; "one": so, and one at a time; "open": the
    host listens all the time and may be interrupted, for a kiosk that one visitor stands before."""
    wake_words: list[Annotated[Line, AfterValidator(_tellable)]] = Field(default_factory=list, max_length=10)
    """Where the host listens all the time: what a visitor says first, "hello Mei", 小梅, before anything else is heard.
    None: whoever speaks is heard."""
    turns: Turns = Turns()
    terms: dict[Language, list[str]] = Field(default_factory=dict)
    """Names and terms viewers are likely to say, at most about fifty a language: they guide the recognition."""

    @model_validator(mode="after")
    def _waits_for_none(self) -> "Hearing":
        if self.wake_words and not self.hands_free:
            raise ValueError("wake_words are for rooms that listen without a button: set microphones: open as well")
        return self

    @property
    def hands_free(self) -> bool:
        """Whether the host listens all the time, to whoever stands there."""
        return self.microphones == "open"

    @property
    def stored(self) -> str | None:
        """The model's name in the store; None when there is nothing to be fetched."""
        if self.engine != "whisper" or (self.model is not None and Path(self.model).is_dir()):
            return None
        return self.model or "whisper-base"

    @property
    def vocabulary(self) -> dict[Language, str]:
        """The terms as the recognizer takes them."""
        return {language: ", ".join(words) for language, words in self.terms.items()}


class Limits(Part):
    questions: int = Field(default=50, ge=1, le=10_000)
    """Questions that may wait in the room."""
    per_viewer: int = Field(default=3, ge=1)
    """Questions one viewer may have waiting."""
    per_minute: int = Field(default=12, ge=1, le=100)
    """Questions one viewer may ask in a minute."""
    characters: int = Field(default=500, ge=10, le=4000)
    expire_s: float = Field(default=300, gt=0)
    """A question not begun for so long is told so and dropped."""


class Cards(Part):
    """What is shown beside the host; segments of the programme have cards of their own."""

    sources: bool = False
    """While an answer is spoken, where it is from."""


class Push(Part):
    """A live platform that the room is pushed to."""

    name: str | None = Field(default=None, pattern=r"^[\w.-]{1,40}$")
    """In health, metrics and logs; the address's host otherwise."""
    url: str | None = Field(default=None, pattern=r"^rtmps?://[^/\s]+/\S+$")
    """Without the stream key: "rtmp://push.example.com/live"."""
    key_env: str | None = None
    """The environment variable that holds the stream key; the key itself never stands in a file."""
    key_command: list[str] | None = Field(default=None, min_length=1)
    """A program that prints the stream key, or the whole address; run at every connection, since keys expire."""

    @property
    def shown(self) -> str:
        """Its name."""
        return self.name or urlsplit(self.url or "").hostname or "push"

    @model_validator(mode="after")
    def _leads_somewhere(self) -> "Push":
        if self.key_env is not None and self.key_command is not None:
            raise ValueError("give key_env or key_command, not both")
        if self.url is None and self.key_command is None:
            raise ValueError("give a url, or a key_command that prints the whole address")
        return self


class Recording(Part):
    folder: Path = Path("recordings")
    minutes: float = Field(default=60, ge=0.1, le=1440)
    """Length of a file."""
    keep_gb: float = Field(default=100, gt=0)
    """The oldest files are deleted beyond that. An hour has 1.4 GB at most, at 3 Mbit/s."""


class Video(Part):
    """How the picture is encoded; the defaults suit two cores."""

    encoder: Literal["auto", "x264", "nvenc"] = "auto"
    """"auto" takes the GPU's where there is one that works."""
    preset: Literal["ultrafast", "superfast", "veryfast", "faster", "fast", "medium"] = "superfast"
    """x264's."""
    kbps: int = Field(default=3000, ge=500, le=20_000)
    """At most; a quiet picture takes less."""
    depth: int = Field(default=4, ge=1, le=24)
    """Ticks (1/48 s) between a tick and its release: latency, and what an encoder may take for a key frame."""
    understudy: bool = True
    """A second stage stands by for when the first fails: 185 MB of memory, and a session of a GPU's encoder."""


class RoomFile(Part):
    """A room. Paths in it are relative to the file."""

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")
    """The room's name in addresses; by default the file's name."""
    title: Text
    language: Language = "zh"
    """The room's first language: what the host speaks unasked."""
    host: Host
    picture: Literal["1920x1080", "1080x1920"] = "1920x1080"
    """What goes on air: landscape, or portrait for live rooms on phones."""
    documents: Path
    """Folder of Markdown the host answers from."""
    fetch_from: list[Place] = Field(default_factory=list)
    """Hosts without a public address that operators may have documents fetched from: those of an intranet."""
    disclaimer: Text | None = None
    suggestions: dict[Language, list[str]] = Field(default_factory=dict)
    """Questions offered on the page."""
    llm: Llms = Field(default_factory=lambda: [Llm()])
    """Asked in this order; when all fail, the documents are quoted."""
    voices: dict[Language, Voices] = Field(default_factory=_default_voices)
    lexicon: Words = Field(default_factory=dict)
    """How words are said: pinyin ("单先生: shàn xiān sheng"), IPA ("Kokoro: /kəˈkɔɹoʊ/") or other words."""
    hearing: Hearing = Hearing()
    programme: Rundown | None = None
    """What the host says when nobody asks; none: they wait."""
    cards: Cards = Cards()
    limits: Limits = Limits()
    approve_first: bool = False
    """No question is answered before an operator has let it pass, as some platforms want it."""
    moderation: Policy = Policy()
    """What is not taken, and not said."""
    label: Labels = Labels()
    """How the room says that it is AI."""
    video: Video = Video()
    push: list[Push] = Field(default_factory=list)
    recording: Recording | None = None
    private: bool = False
    """Viewers need a pass; see :mod:`streaming.passes`."""
    single_gateway: bool = False
    """Go on when the fleet's Redis cannot be reached: no other gateway runs this room anyway."""

    @property
    def size(self) -> tuple[int, int]:
        """Of the picture: width and height."""
        width, height = self.picture.split("x")
        return int(width), int(height)

    @property
    def shows_cards(self) -> bool:
        segments = self.programme.segments.values() if self.programme else ()
        return self.cards.sources or any(segment.card for segment in segments)

    @model_validator(mode="after")
    def _pushes_differ(self) -> "RoomFile":
        names = [push.shown for push in self.push]
        if len({*names, "recording"}) < len(names) + 1:
            raise ValueError("two pushes have the same name, or one is called recording; give each a 'name' of its own")
        return self

    @model_validator(mode="after")
    def _speaks_its_language(self) -> "RoomFile":
        if self.language not in self.voices:
            raise ValueError(f"the room speaks {self.language} but 'voices' has no voice for it")
        for language, voices in self.voices.items():
            if language != "en" and any(voice.engine == "hibari" for voice in voices):
                raise ValueError(f"voices.{language}: hibari speaks English only; use kokoro")
        return self


LIVE: Final = (
    "title",
    "host",
    "disclaimer",
    "fetch_from",
    "suggestions",
    "cards",
    "limits",
    "approve_first",
    "moderation",
    "programme",
)
"""What may be edited while the room is on air; of the host, what they say."""


def edited(now: RoomFile, then: RoomFile) -> tuple[RoomFile, list[str]]:
    """A room on air as its file has it then, as far as that can be without a restart; and what cannot."""
    still = {"pack": now.host.pack, "background": now.host.background}
    changes = {key: getattr(then, key) for key in LIVE} | {"host": then.host.model_copy(update=still)}
    taken = now.model_copy(update=changes)
    left = [key for key in type(then).model_fields if getattr(taken, key) != getattr(then, key)]
    return taken, left


def load(path: Path) -> RoomFile:
    """Read a room file. Raises :class:`RoomFileError`, which names every mistake and what would be right."""
    try:
        data = yaml.safe_load(path.read_text("utf-8"))
    except FileNotFoundError:
        raise RoomFileError(f"there is no room file {path}; 'everhost new NAME --docs FOLDER' makes one") from None
    except (OSError, UnicodeDecodeError) as error:
        raise RoomFileError(f"{path} cannot be read: {error}") from error
    except yaml.YAMLError as error:
        raise RoomFileError(f"{path} is not YAML: {error}") from error
    if not isinstance(data, dict):
        raise RoomFileError(f"{path} must be a mapping with at least title, host and documents")
    data.setdefault("id", path.stem.lower().replace("_", "-"))
    try:
        room = RoomFile.model_validate(data)
    except ValidationError as error:
        lines = "\n".join(f"  {line}" for line in map(_explain, error.errors()))
        raise RoomFileError(f"{path} has {error.error_count()} mistake(s):\n{lines}") from None
    documents = (path.parent / room.documents).resolve()
    if not documents.is_dir():
        raise RoomFileError(f"{path}: documents: there is no folder {documents}")
    for name, segment in (room.programme.segments if room.programme else {}).items():
        for source in segment.topic:
            if not (documents / source).exists():
                raise RoomFileError(f"{path}: programme.segments.{name}.topic: there is no {documents / source}")
    found: dict[str, Any] = {"documents": documents, "host": _found(room.host, path)}
    if room.programme is not None:
        segments = {
            name: _playable(name, _pictured(name, segment, path), path)
            for name, segment in room.programme.segments.items()
        }
        found["programme"] = room.programme.model_copy(update={"segments": segments})
    found["push"] = [_runnable(push, path) for push in room.push]
    if room.hearing.model is not None and (folder := (path.parent / room.hearing.model).resolve()).is_dir():
        found["hearing"] = room.hearing.model_copy(update={"model": str(folder)})
    found["voices"] = {language: [_located(v, path) for v in voices] for language, voices in room.voices.items()}
    if room.recording is not None:
        folder = (path.parent / room.recording.folder.expanduser()).resolve()
        found["recording"] = room.recording.model_copy(update={"folder": folder})
    return room.model_copy(update=found)


def load_all(paths: Iterable[Path]) -> dict[str, RoomFile]:
    """The rooms of one gateway by their ids, in this order. Raises :class:`RoomFileError`, also for one id twice."""
    rooms: dict[str, RoomFile] = {}
    for path in paths:
        room = load(path)
        if rooms.setdefault(room.id, room) is not room:
            raise RoomFileError(f"two of these rooms have the same id, {room.id}; give one another 'id' in its file")
    return rooms


def _runnable(push: Push, path: Path) -> Push:
    """The key's program found beside the room file, or on the PATH."""
    if push.key_command is None:
        return push
    program, *arguments = push.key_command
    here = (path.parent / Path(program).expanduser()).resolve() if "/" in program else shutil.which(program)
    if here is None or not Path(here).is_file() or not os.access(here, os.X_OK):
        raise RoomFileError(f"{path}: push.key_command: {here or program} is no program that can be run")
    return push.model_copy(update={"key_command": [str(here), *arguments]})


def _pictured(name: str, segment: Segment, path: Path) -> Segment:
    """A segment whose card's picture is found beside the room file."""
    if segment.card is None or segment.card.picture is None:
        return segment
    picture = (path.parent / segment.card.picture.expanduser()).resolve()
    if not picture.is_file():
        raise RoomFileError(f"{path}: programme.segments.{name}.card.picture: there is no file {picture}")
    return segment.model_copy(update={"card": segment.card.model_copy(update={"picture": picture})})


def _playable(name: str, segment: Segment, path: Path) -> Segment:
    """A segment whose music is found beside the room file, and can be played."""
    if not segment.music:
        return segment
    from streaming import music  # only here: few rooms have any

    pieces = [(path.parent / piece.expanduser()).resolve() for piece in segment.music]
    for piece in pieces:
        key = f"{path}: programme.segments.{name}.music"
        if not piece.is_file():
            raise RoomFileError(f"{key}: there is no file {piece}")
        try:
            music.seconds(piece)
        except ValueError as error:
            raise RoomFileError(f"{key}: {error}; give a file that FFmpeg plays: OGG, MP3, FLAC, WAV") from None
    return segment.model_copy(update={"music": pieces})


def _located(voice: Voice, path: Path) -> Voice:
    """A voice whose options name files beside the room file."""

    def located(value: object) -> object:
        with contextlib.suppress(OSError, RuntimeError, ValueError):  # a text that cannot be a file's name is none
            if isinstance(value, str) and (file := path.parent / Path(value).expanduser()).exists():
                return str(file.resolve())
        return value

    return voice.model_copy(update={"options": {name: located(value) for name, value in voice.options.items()}})


def _found(host: Host, path: Path) -> Host:
    """The host with its pack and background found beside the room file."""
    background = host.background
    if background is not None and background != "green" and not re.fullmatch(r"#[0-9a-fA-F]{6}", background):
        picture = (path.parent / Path(background).expanduser()).resolve()
        if not picture.is_file():
            raise RoomFileError(
                f"{path}: host.background: there is no file {picture}; "
                "give a picture, a colour as '#rrggbb', or 'green' for a chroma key"
            )
        host = host.model_copy(update={"background": str(picture)})
    if host.pack in HOSTS:
        return host
    pack = (path.parent / Path(host.pack).expanduser()).resolve()
    if not pack.is_file():
        raise RoomFileError(
            f"{path}: host.pack: there is no host '{host.pack}' ({', '.join(HOSTS)}) and no file {pack}"
        )
    return host.model_copy(update={"pack": str(pack)})


def _explain(error: Any) -> str:
    where = ".".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden":
        known = _fields_at(error["loc"][:-1])
        close = difflib.get_close_matches(str(error["loc"][-1]), known, 1)
        hint = f"did you mean '{close[0]}'?" if close else f"allowed here: {', '.join(sorted(known))}"
        return f"{where}: unknown key; {hint}"
    return f"{where or 'room'}: {error['msg']}"


def _fields_at(location: tuple[Any, ...]) -> list[str]:
    model: type[BaseModel] = RoomFile
    for part in location:
        if (field := model.model_fields.get(str(part))) is not None:
            model = next(_models(field.annotation), model)
    return list(model.model_fields)


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    """Those in a field's type: ``dict[Language, Voice]`` holds Voice."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for one in get_args(annotation):
        yield from _models(one)
