"""What deploy/ has is so: each file against the code that it is for, and all of it together, for real."""

import asyncio
import configparser
import contextlib
import json
import os
import re
import shlex
import shutil
import signal
import ssl
import subprocess
import sys
import time
import tomllib
import urllib.parse
import urllib.request
from argparse import Namespace
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
import websockets
import yaml
from aioice import turn
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.rtcconfiguration import RTCIceTransportPolicy
from av.video.frame import VideoFrame

from knowledge.folder import MAX_BYTES
from streaming import comments, metrics, network, passes
from streaming.cli import _parser
from streaming.operator import VARIABLE
from streaming.tls import lan_addresses, self_signed
from streaming.whep_http import MAX_OFFER, SDP
from tests.streaming.conftest import MODELS_S, Shared, ending, free_port
from tests.streaming.test_turn import relayed

pytestmark = pytest.mark.timeout(4000)  # the first run on a machine fetches models

PROJECT: Final = Path(__file__).parents[2]
DEPLOY: Final = PROJECT / "deploy"
RULES: Final = DEPLOY / "prometheus"
OPERATIONS: Final = PROJECT / "docs" / "operations.md"
GATEWAYS: Final = ("gateway-a", "gateway-b")
DONE_S: Final = 60

ENVIRONMENT: Final = {
    "EVERHOST_OPERATOR_TOKEN": "o" * 32,
    "EVERHOST_VIEWER_KEY": "v" * 32,
    "REDIS_PASSWORD": "r" * 32,
    "TURN_PASSWORD": "t" * 32,
    "GRAFANA_PASSWORD": "g" * 32,
    "PUBLIC_IP": "203.0.113.7",
    "LOCAL_IP": "192.0.2.7",
    "ROOMS_FOLDER": "../rooms",
    "ROOMS": "legal-assistant.yaml museum-guide.yaml",
}


def interpolated(text: str, environment: Mapping[str, str]) -> str:
    """As Docker Compose does it, of what is used here. Raises LookupError with the message of ``${NAME:?message}``."""

    def value(match: re.Match[str]) -> str:
        if match[0] == "$$":
            return "$"
        name, how, what = match[1], match[2], match[3]
        if how == ":?" and not environment.get(name):
            raise LookupError(f"{name}: {what}")
        return environment.get(name) or what or ""

    return re.sub(r"\$\$|\$\{(\w+)(?:(:[-?])([^}]*))?\}", value, text)


def compose(environment: Mapping[str, str] = ENVIRONMENT) -> dict[str, Any]:
    stack: dict[str, Any] = yaml.safe_load(interpolated((DEPLOY / "compose.yaml").read_text(), environment))
    return stack


def services() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = compose()["services"]
    return found


def served(command: str) -> Namespace:
    """The options of ``everhost …``, as everhost reads them."""
    program, *arguments = shlex.split(command)
    assert Path(program).name == "everhost"
    options = _parser().parse_args(arguments)
    assert options.run.__name__ == "_serve"
    return options


def promtool(*arguments: str | Path) -> str:
    program = shutil.which("promtool")
    assert program is not None, "promtool is missing: ./.ci/packages prometheus"
    done = subprocess.run([program, *arguments], cwd=RULES, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def alerts() -> list[dict[str, Any]]:
    groups = yaml.safe_load((RULES / "alerts.yml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def dashboard() -> dict[str, Any]:
    board: dict[str, Any] = json.loads((DEPLOY / "grafana" / "dashboards" / "everhost.json").read_text())
    return board


def queries() -> list[str]:
    """What the dashboard asks Prometheus, for all gateways and rooms."""
    board = dashboard()
    asked = [target["expr"] for panel in board["panels"] for target in panel.get("targets", [])]
    asked += [one["expr"] for one in board["annotations"]["list"]]
    return [one.replace("$__rate_interval", "1m").replace("$instance", ".*").replace("$room", ".*") for one in asked]


def names_in(expression: str) -> set[str]:
    return set(re.findall(r"\b(?:everhost|process)_[a-z_]+\b", re.sub(r'"[^"]*"', '""', expression)))


# Docker Compose


def test_gateways_are_begun_with_options_that_there_are() -> None:
    options = {name: served(services()[name]["command"]) for name in GATEWAYS}
    for name, one in options.items():
        service = services()[name]
        assert one.rooms == [Path("legal-assistant.yaml"), Path("museum-guide.yaml")]
        assert one.host == "127.0.0.1"
        assert one.address == f"http://127.0.0.1:{one.port}"
        assert f"http://127.0.0.1:{one.port}/readyz" in service["healthcheck"]["test"][-1]
        assert network.address(one.announce) == ENVIRONMENT["PUBLIC_IP"]
        assert "everhost:/var/lib/everhost" in service["volumes"]
        assert one.data.is_relative_to("/var/lib/everhost")
        assert {VARIABLE, passes.VARIABLE} <= service["environment"].keys()
        redis = urllib.parse.urlsplit(service["environment"]["EVERHOST_REDIS"])
        assert (redis.hostname, redis.port, redis.password) == ("127.0.0.1", 6379, ENVIRONMENT["REDIS_PASSWORD"])
    a, b = options.values()
    assert a.data != b.data
    targets = yaml.safe_load((RULES / "prometheus.yml").read_text())["scrape_configs"][0]["static_configs"][0][
        "targets"
    ]
    assert targets == [f"127.0.0.1:{one.port}" for one in (a, b)]


def test_udp_ports_are_each_somebodys_own() -> None:
    stack = services()
    ranges = [network.udp_ports(served(stack[name]["command"]).udp_ports) for name in GATEWAYS]
    relays = turn_options(stack)
    ranges.append(range(int(relays["min-port"][0]), int(relays["max-port"][0]) + 1))
    assert len({port for ports in ranges for port in ports}) == sum(map(len, ranges))


def turn_options(stack: Mapping[str, Any]) -> dict[str, list[str]]:
    options: dict[str, list[str]] = {}
    for argument in stack["coturn"]["command"]:
        name, _, value = argument.lstrip("-").partition("=")
        options.setdefault(name, []).append(value)
    return options


def test_viewers_are_told_of_the_turn_server_that_there_is() -> None:
    stack = services()
    options = turn_options(stack)
    servers = network.ice_servers(stack["gateway-a"]["environment"]["EVERHOST_ICE_SERVERS"])
    assert [f"{server.username}:{server.credential}" for server in servers] == options["user"]
    assert {url.split("?")[0].partition(":")[2] for server in servers for url in server.urls} == {
        f"{ENVIRONMENT['PUBLIC_IP']}:{options['listening-port'][0]}"
    }
    # To anywhere else it would be a relay for whoever reads the page.
    assert options["denied-peer-ip"] == ["0.0.0.0-255.255.255.255"]
    assert set(options["allowed-peer-ip"]) == {ENVIRONMENT["PUBLIC_IP"], ENVIRONMENT["LOCAL_IP"]}


@pytest.mark.parametrize("missing", sorted(ENVIRONMENT.keys() - {"ROOMS_FOLDER"}))
def test_nothing_starts_without(missing: str) -> None:
    with pytest.raises(LookupError, match=rf"{missing}: .*deploy/\.env"):
        compose({name: value for name, value in ENVIRONMENT.items() if name != missing})


def test_the_example_names_all_that_is_to_be_filled_in_and_no_secret() -> None:
    lines = (DEPLOY / ".env.example").read_text().splitlines()
    given = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    assert given.keys() == ENVIRONMENT.keys()
    assert {name for name, value in given.items() if value} == {"ROOMS_FOLDER", "ROOMS"}
    assert set(re.findall(r"\$\{(\w+)", (DEPLOY / "compose.yaml").read_text())) == given.keys()
    assert (DEPLOY / given["ROOMS_FOLDER"] / given["ROOMS"]).is_file()
    assert ".env" in (DEPLOY / ".gitignore").read_text().split()


@pytest.mark.parametrize("name", services())
def test_a_service_is_pinned_bounded_and_watched(name: str) -> None:
    service = services()[name]
    image, _, tag = service["image"].rpartition(":")
    assert image, "no version"
    assert re.match(r"v?\d+\.\d+\.\d+", tag)
    if image == "everhost":
        version = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]["version"]
        assert tag == version
        assert (DEPLOY / service["build"] / "Dockerfile").is_file()
    assert service["network_mode"] == "host"
    assert service["restart"] == "unless-stopped"
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["logging"]["options"].keys() == {"max-size", "max-file"}
    assert service["healthcheck"]["test"][0] in ("CMD", "CMD-SHELL")
    for volume in service.get("volumes", []):
        source = volume.partition(":")[0]
        if source.startswith("."):
            assert (DEPLOY / source).exists()
        else:
            assert source in compose()["volumes"]


def test_redis_keeps_what_it_is_told() -> None:
    command = services()["redis"]["command"][-1]
    assert "--appendonly yes --appendfsync always" in command
    assert ENVIRONMENT["REDIS_PASSWORD"] not in command, "seen by everybody on the machine"


def test_grafana_finds_its_datasource_and_dashboard() -> None:
    grafana, provisioning = services()["grafana"], DEPLOY / "grafana" / "provisioning"
    (source,) = yaml.safe_load((provisioning / "datasources" / "prometheus.yaml").read_text())["datasources"]
    assert f"--web.listen-address={urllib.parse.urlsplit(source['url']).netloc}" in services()["prometheus"]["command"]
    (provider,) = yaml.safe_load((provisioning / "dashboards" / "everhost.yaml").read_text())["providers"]
    places = dict(volume.removesuffix(":ro").split(":") for volume in grafana["volumes"])
    assert places["./grafana/dashboards"] == provider["options"]["path"]
    home = Path(grafana["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"])
    assert (DEPLOY / "grafana" / "dashboards" / home.relative_to(provider["options"]["path"])).is_file()


# systemd

UNIT: Final = DEPLOY / "everhost.service"


def unit() -> dict[str, list[str]]:
    """The lines of its section Service; a key may be there several times."""
    section = UNIT.read_text().partition("[Service]")[2].partition("[Install]")[0]
    lines = [line.split("=", 1) for line in section.splitlines() if line and not line.startswith("#")]
    found: dict[str, list[str]] = {}
    for key, value in lines:
        found.setdefault(key, []).append(value)
    return found


def test_the_unit_is_an_ini_file_with_the_three_sections() -> None:
    parser = configparser.RawConfigParser(strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(UNIT)
    assert parser.sections() == ["Unit", "Service", "Install"]


def test_the_unit_begins_a_gateway_with_options_that_there_are() -> None:
    service = unit()
    settings = dict(word.split("=", 1) for line in service["Environment"] for word in shlex.split(line))
    example = (DEPLOY / "everhost.env.example").read_text()
    for name in re.findall(r"\$\{?(\w+)", service["ExecStart"][0]):
        assert name in settings, "systemd would warn of it"
        assert name in example
    (command,) = service["ExecStart"]
    options = served(re.sub(r"\$\{?(\w+)\}?", lambda match: settings[match[1]], command))
    assert (options.host, options.port) == ("127.0.0.1", 8080)
    assert len(network.udp_ports(options.udp_ports)) == 1000
    assert options.data.is_relative_to("/var/lib/" + service["StateDirectory"][0])
    assert options.rooms[0].is_relative_to("/var/lib/everhost/rooms")
    assert (PROJECT / "rooms" / options.rooms[0].name).is_file()
    caches = [settings["XDG_CACHE_HOME"], settings["NUMBA_CACHE_DIR"]]
    assert all(cache.startswith("/var/cache/" + service["CacheDirectory"][0]) for cache in caches)


def test_the_unit_lets_everhost_do_what_it_needs() -> None:
    service = unit()
    assert service["Restart"] == ["always"]
    assert "OOMPolicy" in service, "an engine that the kernel kills would be the end of the room"
    assert service["KillMode"] == ["mixed"]
    assert "MemoryDenyWriteExecute" not in service, "the renderer is compiled at run time"
    families = service["RestrictAddressFamilies"][0].split()
    assert {"AF_INET", "AF_INET6", "AF_UNIX", "AF_NETLINK"} == set(families)
    # A stage asks for 5 less than it was given.
    assert int(service["LimitNICE"][0]) <= int(service["Nice"][0]) - 5


def test_systemd_understands_the_unit(tmp_path: Path) -> None:
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd-analyze is missing; it comes with systemd")
    copy = tmp_path / UNIT.name
    copy.write_text(UNIT.read_text().replace("/opt/everhost/.venv/bin/everhost", sys.executable))
    verified = subprocess.run([program, "verify", copy], capture_output=True, text=True, timeout=60)
    assert (verified.returncode, verified.stderr) == (0, "")
    exposed = subprocess.run(
        [program, "security", "--offline=yes", "--threshold=20", "--no-pager", copy],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert exposed.returncode == 0, exposed.stdout[-500:]


# Prometheus and Grafana, against the code


@pytest.mark.real
def test_rules_and_configuration_are_what_prometheus_takes() -> None:
    assert f"{len(alerts())} rules found" in promtool("check", "config", "prometheus.yml")


@pytest.mark.real
def test_alerts_fire_when_they_should_and_only_then() -> None:
    promtool("test", "rules", "alerts_test.yml", "alerts_day_test.yml")


def test_each_alert_is_tested_to_fire_and_to_be_silent() -> None:
    tests = [test for name in ("alerts_test.yml", "alerts_day_test.yml") for test in _tests(name)]
    fires = {
        re.search(r'alertname="(\w+)"', sample["labels"])[1]  # type: ignore[index]
        for test in tests
        for one in test["promql_expr_test"]
        for sample in one.get("exp_samples", [])
    }
    assert fires == {rule["alert"] for rule in alerts()}
    well = tests[0]
    assert all("exp_samples" not in one for one in well["promql_expr_test"])
    series = {name for one in well["input_series"] for name in names_in(one["series"])}
    assert series == {name for rule in alerts() for name in names_in(rule["expr"])}


def _tests(name: str) -> list[dict[str, Any]]:
    tests: list[dict[str, Any]] = yaml.safe_load((RULES / name).read_text())["tests"]
    return tests


def test_each_alert_says_what_to_do_and_where_to_read_on() -> None:
    for docs in (OPERATIONS, OPERATIONS.with_suffix(".zh.md")):
        headings = re.findall(r"^### (\w+)$", docs.read_text(), re.MULTILINE)
        assert headings == [rule["alert"] for rule in sorted(alerts(), key=lambda rule: headings.index(rule["alert"]))]
    for rule in alerts():
        assert rule["labels"]["severity"] in ("critical", "warning")
        assert rule["annotations"].keys() == {"summary", "description", "runbook"}
        assert rule["annotations"]["runbook"] == f"docs/operations.md#{rule['alert'].lower()}"


def exported() -> set[str]:
    """All that metrics.py has, whatever rooms there are; a fleet's tables, too."""
    shown = re.findall(r"^# TYPE (\w+)", metrics.render([]).decode(), re.MULTILINE)
    fleet = [f"everhost_{name}" for name in metrics._OF_LEASES]
    fleet += [f"everhost_{name}_total" for name in metrics._COUNTED_OF_LEASES]
    return {*shown, *fleet}


def test_metrics_that_are_asked_for_exist() -> None:
    there = exported()
    there |= {f"{name}{part}" for name in there for part in ("_bucket", "_count", "_sum")}
    asked = [rule["expr"] for rule in alerts()] + queries()
    assert {name for one in asked for name in names_in(one)} <= there


def test_the_dashboard_is_one_that_grafana_keeps_as_it_is() -> None:
    board = dashboard()
    panels = board["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert [one["name"] for one in board["templating"]["list"]] == ["datasource", "instance", "room"]
    rows = [panel["title"] for panel in panels if panel["type"] == "row"]
    assert rows == [
        "On air", "Questions", "Voice and face", "Viewers and network", "Engines", "Moderation", "Fleet", "Gateways",
    ]  # fmt: skip
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not cells & taken, panel["title"]
        taken |= cells
        if panel["type"] != "row":
            assert panel["description"]
            assert panel["fieldConfig"]["defaults"]["unit"]
            assert all(target["datasource"]["uid"] == "${datasource}" for target in panel["targets"])
    # A connection is somebody's: it is on no panel, and queries with it are joined.
    assert "connection" not in json.dumps(board).replace("peer_connections", "")


def test_thresholds_on_the_dashboard_are_the_alerts() -> None:
    expressions = {rule["alert"].lower(): rule["expr"] for rule in alerts()}
    compared = 0
    for panel in dashboard()["panels"]:
        about = re.search(r"docs/operations\.md#(\w+)", panel.get("description", ""))
        if about is None or panel["type"] != "timeseries":
            continue
        bounds = re.findall(r"(?:[<>]=?) (-?[\d.]+)", expressions[about[1]])
        marks = [step["value"] for step in panel["fieldConfig"]["defaults"]["thresholds"]["steps"]][1:]
        assert all(any(float(bound) == mark for bound in bounds) for mark in marks), panel["title"]
        compared += bool(marks)
    assert compared >= 12


@pytest.mark.parametrize("docs", [OPERATIONS, OPERATIONS.with_suffix(".zh.md")], ids=str)
def test_panels_that_the_manual_names_exist(docs: Path) -> None:
    titles = {panel["title"] for panel in dashboard()["panels"]}
    named = re.findall(r"(?<!\*)\*([A-Z][^*\n]+)\*(?!\*)", docs.read_text())
    assert named
    assert set(named) <= titles


# All of it, for real


@dataclass(frozen=True)
class Stack:
    folder: Path
    gateways: tuple[str, str]
    """Their addresses, host:port."""
    proxy: str
    prometheus: str
    environment: dict[str, str]
    turn: str
    """Servers, as viewers are told of them."""
    processes: dict[str, subprocess.Popen[bytes]]
    """The gateways', by their addresses."""

    def ask(self, path: str, **arguments: str) -> Any:
        """Of Prometheus's API."""
        url = f"http://{self.prometheus}/api/v1/{path}?{urllib.parse.urlencode(arguments)}"
        with urllib.request.urlopen(url, timeout=20) as answer:
            told = json.load(answer)
        assert told["status"] == "success", told
        return told["data"]

    def value(self, query: str) -> list[float]:
        return [float(one["value"][1]) for one in self.ask("query", query=query)["result"]]


ROOM: Final = """
title: Test
language: en
host: {pack: lin, name: Lin, persona: Calm., greeting: Hello., refusal: I do not know that.}
documents: documents
llm: {base_url: "http://127.0.0.1:9/v1", model: none}
hearing: {engine: openai, options: {base_url: "http://127.0.0.1:9/v1", model: none}}
recording: {folder: ../recordings, minutes: 60}
label: {spoken: false}
"""


def until(what: str, done: Callable[[], Any], seconds: float, log: Path) -> None:
    deadline = time.monotonic() + seconds
    with contextlib.suppress(EOFError):
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                if done():
                    return
            time.sleep(0.25)
    raise AssertionError(f"{what}: not so within {seconds:g} s:\n{log.read_text(errors='replace')[-3000:]}")


@contextlib.contextmanager
def running(
    log: Path, command: list[str], environment: Mapping[str, str] | None = None, **more: Any
) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("ab") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out, env={**os.environ, **(environment or {})}, **more)
    with ending(process, 20):
        yield process


@pytest.fixture(scope="module")
def stack(shared: Shared, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """What compose.yaml describes, without containers: its commands, on free ports and in a folder of its own."""
    for program in ("prometheus", "redis-server", "turnserver", "nginx"):
        assert shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin"), f"{program} is missing: see make test"
    shared.end()  # two more stages are enough for two slow cores
    folder = tmp_path_factory.mktemp("stack")
    own = next(iter(lan_addresses()), "127.0.0.1")
    environment = {**ENVIRONMENT, "PUBLIC_IP": own, "LOCAL_IP": own, "ROOMS": "test.yaml"}
    (folder / "rooms" / "documents").mkdir(parents=True)
    (folder / "rooms" / "test.yaml").write_text(ROOM)
    (folder / "rooms" / "documents" / "opening.md").write_text("# Opening hours\n\nThe museum opens at nine o'clock.\n")
    ports = {port: free_port() for port in (3478, 6379, 8080, 8081, 9090, 443)}

    def placed(text: str) -> str:
        """With free ports, and folders that may be written."""
        for port, free in ports.items():
            text = re.sub(rf"(?<![\d.]){port}(?!\d)", str(free), text)
        return text.replace("/var/lib/everhost", str(folder / "data")).replace("--dir /data", f"--dir {folder}")

    text = placed(interpolated((DEPLOY / "compose.yaml").read_text(), environment))
    parts = yaml.safe_load(text)["services"]
    with contextlib.ExitStack() as on:
        log = folder / "redis.log"
        on.enter_context(running(log, parts["redis"]["command"], parts["redis"]["environment"]))
        ping = ["redis-cli", "-p", str(ports[6379]), "ping"]
        logged_in = {**os.environ, **parts["redis"]["environment"]}
        until("Redis", lambda: b"PONG" in subprocess.run(ping, capture_output=True, env=logged_in).stdout, DONE_S, log)
        options = [one.replace("=/tmp/", f"={folder}/") for one in parts["coturn"]["command"]]
        on.enter_context(running(folder / "coturn.log", ["turnserver", *options], cwd=folder))
        gateways = (f"127.0.0.1:{ports[8080]}", f"127.0.0.1:{ports[8081]}")
        processes = {}
        for name, gateway in zip(GATEWAYS, gateways, strict=True):
            _, *arguments = shlex.split(parts[name]["command"])
            command = [sys.executable, "-m", "streaming.cli", *arguments]
            surroundings = {**parts[name]["environment"], "PYTHONPATH": str(PROJECT), "PYTHONUNBUFFERED": "1"}
            log = folder / f"{name}.log"
            processes[gateway] = on.enter_context(running(log, command, surroundings, cwd=folder / "rooms"))
        for name, gateway in zip(GATEWAYS, gateways, strict=True):
            until(f"{name} is well", partial(well, gateway, processes[gateway]), MODELS_S, folder / f"{name}.log")
        on.enter_context(nginx(folder, placed(snippet())))
        on.enter_context(prometheus(folder, f"127.0.0.1:{ports[9090]}", placed))
        here = f"127.0.0.1:{ports[9090]}"
        servers = parts["gateway-a"]["environment"]["EVERHOST_ICE_SERVERS"]
        yield Stack(folder, gateways, f"127.0.0.1:{ports[443]}", here, environment, servers, processes)


def well(gateway: str, process: subprocess.Popen[bytes]) -> bool:
    """As docs/operations.md has one wait for it."""
    if process.poll() is not None:
        raise EOFError(f"{gateway} has ended")
    with urllib.request.urlopen(f"http://{gateway}/healthz", timeout=5) as answer:
        loaded = '"missing":[]' in answer.read().decode()
    with urllib.request.urlopen(f"http://{gateway}/readyz", timeout=5) as answer:
        return loaded and answer.status == 200


def snippet() -> str:
    """nginx's, from the manual."""
    (found,) = re.findall(r"```nginx\n(.*?)```", OPERATIONS.read_text(), re.DOTALL)
    return str(found)


@contextlib.contextmanager
def nginx(folder: Path, server: str) -> Iterator[None]:
    identity = self_signed(folder, ["127.0.0.1"])
    server = server.replace("/etc/ssl/everhost.crt", str(identity.certificate))
    server = re.sub(
        r"listen +(\d+)", r"listen 127.0.0.1:\1", server.replace("/etc/ssl/everhost.key", str(identity.key))
    )
    temporary = "\n".join(
        f"{what}_temp_path {folder}/nginx-{what};" for what in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    configuration, log = folder / "nginx.conf", folder / "nginx.log"
    configuration.write_text(
        f"daemon off; master_process off; pid {folder}/nginx.pid; error_log stderr;\n"
        f"events {{}}\nhttp {{ access_log off;\n{temporary}\n{server}\n}}\n"
    )
    program = shutil.which("nginx") or "/usr/sbin/nginx"
    with running(log, [program, "-p", str(folder), "-c", str(configuration)]):
        yield


@contextlib.contextmanager
def prometheus(folder: Path, address: str, placed: Callable[[str], str]) -> Iterator[None]:
    """With the rules and the configuration that there are."""
    own, log = folder / "prometheus", folder / "prometheus.log"
    shutil.copytree(RULES, own)
    (own / "prometheus.yml").write_text(placed((RULES / "prometheus.yml").read_text()))
    command = services()["prometheus"]["command"]
    command = [one.replace("/etc/prometheus", str(own)).replace("=/prometheus", f"={own}/data") for one in command]
    command = [re.sub(r"(--web\.listen-address)=.*", rf"\1={address}", one) for one in command]

    def ready() -> bool:
        with urllib.request.urlopen(f"http://{address}/-/ready", timeout=5) as answer:
            return bool(answer.status == 200)

    with running(log, ["prometheus", *command]):
        until("Prometheus", ready, DONE_S, log)
        yield


@pytest.mark.real
def test_prometheus_watches_both_gateways_and_finds_nothing_wrong(stack: Stack) -> None:
    log = stack.folder / "prometheus.log"
    until("both are scraped", lambda: stack.value("sum(up)") == [2.0], DONE_S, log)
    targets = stack.ask("targets")["activeTargets"]
    assert {one["labels"]["instance"]: one["health"] for one in targets} == dict.fromkeys(stack.gateways, "up")

    def evaluated() -> bool:
        rules = [rule for group in stack.ask("rules")["groups"] for rule in group["rules"]]
        assert len(rules) == len(alerts())
        assert not [rule for rule in rules if rule["health"] == "err"]
        return all(rule["health"] == "ok" for rule in rules)

    until("rules are looked at", evaluated, DONE_S, log)
    assert stack.value("sum by (room) (everhost_room_held)") == [1.0]
    assert stack.value("max by (room) (everhost_on_air)") == [1.0]
    assert [one["labels"] for one in stack.ask("alerts")["alerts"] if one["state"] == "firing"] == []


@pytest.mark.real
@pytest.mark.parametrize("query", sorted({*queries(), *(rule["expr"] for rule in alerts())}))
def test_prometheus_takes_each_query(stack: Stack, query: str) -> None:
    stack.ask("query", query=query)


@pytest.mark.real
async def test_a_viewer_comes_through_the_proxy_and_the_relay(stack: Stack) -> None:
    """Over HTTPS, from a network that lets nobody but the TURN server through, to whichever gateway has the room."""
    if stack.environment["LOCAL_IP"] == "127.0.0.1":
        pytest.skip("this machine is in no network: coturn relays to no loopback address")
    trusting = ssl.create_default_context()
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    async with (
        httpx.AsyncClient(base_url=f"https://{stack.proxy}", verify=trusting) as client,
        websockets.connect(f"wss://{stack.proxy}/rooms/test/ws", ssl=trusting, proxy=None) as socket,
    ):
        welcome = json.loads(await socket.recv())
        assert welcome["type"] == "welcome"
        servers = network.ice_servers(json.dumps(welcome["ice_servers"]))
        connection = RTCPeerConnection(RTCConfiguration(list(servers), iceTransportPolicy=RTCIceTransportPolicy.RELAY))
        try:
            offer = await relayed(connection)
            whep = f"/rooms/test/whep?viewer={welcome['viewer']}"
            answer = await client.post(whep, content=offer, headers={"content-type": SDP})
            assert answer.status_code == 201, answer.text
            await connection.setRemoteDescription(RTCSessionDescription(answer.text, "answer"))
            (video,) = (one.track for one in connection.getReceivers() if one.track.kind == "video")
            async with asyncio.timeout(30):
                for _ in range(48):
                    assert isinstance(await video.recv(), VideoFrame)
            await socket.send('{"type":"ask","id":"c1","text":"When does the museum open?"}')
            async with asyncio.timeout(60):
                while json.loads(await socket.recv())["type"] != "speech.started":
                    pass
            log = stack.folder / "prometheus.log"
            seen = "sum(everhost_viewer_sent_packets_total) > 0 and sum(everhost_first_sound_seconds_count) > 0"
            await asyncio.to_thread(until, "the viewer is counted", lambda: stack.value(seen), DONE_S, log)
        finally:
            await connection.close()


class Hearer(asyncio.DatagramProtocol):
    def __init__(self) -> None:
        self.refused: asyncio.Queue[Exception] = asyncio.Queue()

    def error_received(self, exc: Exception) -> None:
        self.refused.put_nowait(exc)


@pytest.mark.real
async def test_the_relay_goes_to_gateways_and_nowhere_else(stack: Stack) -> None:
    (server,) = network.ice_servers(stack.turn)
    address = next(url for url in server.urls if url.startswith("turn:")).split("?")[0].split(":")
    transport, hearer = await turn.create_turn_endpoint(
        Hearer, (address[1], int(address[2])), username=server.username, password=server.credential
    )
    try:
        for elsewhere in ("198.51.100.1", "127.0.0.1", "10.0.0.1"):
            transport.sendto(b"?", (elsewhere, 9))
            async with asyncio.timeout(10):
                assert "403" in str(await hearer.refused.get())
        transport.sendto(b"?", (stack.environment["LOCAL_IP"], 9))
        await asyncio.sleep(0.5)
        assert hearer.refused.empty()
    finally:
        transport.close()
        await asyncio.sleep(0.2)


@pytest.mark.real
async def test_the_proxy_lets_pass_what_may(stack: Stack) -> None:
    token = {"authorization": f"Bearer {stack.environment['EVERHOST_OPERATOR_TOKEN']}"}
    async with httpx.AsyncClient(base_url=f"https://{stack.proxy}", verify=False, headers=token) as client:  # noqa: S501
        for path in ("/metrics", "/healthz", "/readyz", "/api/fleet"):
            assert (await client.get(path)).status_code == 403
        assert (await client.get("/rooms/test")).status_code == 200
        # Each body as long as the gateway takes it, and none that is longer.
        comment, document = b"x" * comments._MAX_BYTES, b"x" * (MAX_BYTES // 8)
        assert (await client.post("/rooms/test/comments", content=comment)).status_code == 422
        assert (await client.post("/rooms/test/comments", content=comment * 2)).status_code == 413
        assert (await client.put("/rooms/test/documents/a.exe", content=document)).status_code == 422
        assert (await client.post("/rooms/test/whep", content=b"v" * MAX_OFFER)).status_code == 415
        assert (await client.post("/rooms/test/whep", content=b"v" * (MAX_OFFER + 1))).status_code == 413
    assert int(re.search(r"client_max_body_size (\d+)m;[^}]*\}\n +location ~ \^/\(", snippet())[1]) * 2**20 >= MAX_BYTES  # type: ignore[index]


@pytest.mark.real
def test_a_gateway_that_ends_gives_its_room_to_the_other(stack: Stack) -> None:
    """SIGTERM, as Docker and systemd send it; the last of these tests, since it is not begun again."""
    runs, other = sorted(stack.gateways, key=lambda one: "\neverhost_on_air{" not in metrics_of(one))
    process, begun = stack.processes[runs], time.monotonic()
    process.terminate()
    until(
        "the other has the room", lambda: "\neverhost_on_air{" in metrics_of(other), 15, stack.folder / "gateway-a.log"
    )
    process.wait(20)
    took = time.monotonic() - begun
    assert took < int(services()["gateway-a"]["stop_grace_period"].removesuffix("s"))
    assert took < int(unit()["TimeoutStopSec"][0])
    assert process.returncode in (0, -signal.SIGTERM), "what Docker and systemd take for an end that was asked for"


def metrics_of(gateway: str) -> str:
    with urllib.request.urlopen(f"http://{gateway}/metrics", timeout=5) as answer:
        return str(answer.read().decode())
