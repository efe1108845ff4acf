"""What Prometheus scrapes: read from the rooms at the moment it asks."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import product
from operator import attrgetter
from statistics import fmean
from typing import Final, TypeVar, get_args

from prometheus_client import CollectorRegistry, ProcessCollector, exposition
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from avatar.clock import TICKS_PER_SECOND
from streaming.engines import Need
from streaming.fleet.lease import Became
from streaming.fleet.ownership import Ownership
from streaming.moderation.policy import Outcome as Moderated
from streaming.moderation.verdict import CATEGORIES
from streaming.on_air import OnAir
from streaming.outlets.outlet import Outlet
from streaming.packets import LIGHT
from streaming.questions import Outcome
from streaming.tally import Durations, Tally
from streaming.whep import Viewer

CONTENT_TYPE: Final = exposition.CONTENT_TYPE_PLAIN_0_0_4

_GAUGES: Final = {
    "viewers": "Viewers connected",
    "peer_connections": "WebRTC connections",
    "questions_waiting": "Questions in the queue",
    "on_air": "1 while the stage runs",
    "draw_milliseconds": "Mean time to draw a picture, last second",
    "encode_milliseconds": "Mean time to encode a picture, last second",
    "depth_milliseconds": "From a tick to its release, as set",
    "pictures_per_second": "48, or 24 while the stage has not the time for all",
    "av_offset_milliseconds": "How much later than the picture its sound leaves, mean of half a second",
    "picture_age_seconds": "Since the last picture left",
    "question_age_seconds": "For how long the question has waited that has waited longest",
    "tick_to_packet_milliseconds": "Longest time from a tick's due to its picture's packet, last second",
}
_COUNTERS: Final = {
    "ticks": "Ticks walked",
    "skipped_ticks": "Ticks without a picture",
    "encoded_pictures": "Pictures encoded, once for all viewers",
    "light_pictures": "Pictures of the lighter rendition encoded, while somebody needs it",
    "dropped_packets": "Packets the gateway did not take in time",
    "stage_cpu_seconds": "Processor time of the stage",
    "stage_restarts": "Times the stage was started again",
    "key_frame_requests": "Key frames asked of the encoder",
    "speech_gap_seconds": "Silence within what was said, since the next clause was not there in time",
}
_OF_VIEWERS: Final = {
    "viewer_queue_pictures": "Pictures that wait for a viewer",
    "viewer_round_trip_seconds": "Round trip to a viewer",
    "viewer_estimate_bits_per_second": "What the network to a viewer carries, as they have it (REMB)",
    "viewer_light": "1 while a viewer is sent the lighter rendition",
}
_COUNTED_OF_VIEWERS: Final = {
    "viewer_sent_bytes": "RTP payload sent to a viewer, picture and sound",
    "viewer_dropped_pictures": "Pictures a viewer was not sent because they did not take them in time",
    "viewer_sent_packets": "Packets of the picture sent to a viewer",
    "viewer_lost_packets": "Of these, what did not arrive the first time, as the viewer counts",
    "viewer_packets_again": "Packets sent to a viewer again",
    "viewer_picture_losses": "Times a viewer asked for a key frame",
    "viewer_switches": "Changes of a viewer to another rendition",
}
_OF_OUTLETS: Final = {"outlet_live": "1 while a push or recording takes the room's packets"}
_COUNTED_OF_OUTLETS: Final = {
    "outlet_starts": "Connections or files begun",
    "outlet_failures": "Times one broke",
    "outlet_sent_bytes": "Bytes of packets handed to it",
    "outlet_dropped_pictures": "Pictures it did not take in time",
}


def _measure(room: OnAir) -> dict[str, float]:
    report = room.report
    measured = {
        "viewers": room.viewers,
        "peer_connections": len(room.whep),
        "questions_waiting": room.core.waiting,
        "question_age_seconds": room.core.oldest_s(room.now()),
        "av_offset_milliseconds": 1e3 * room.fanout.av_offset_s,
        "on_air": float(room.stage.ready is not None),
        "depth_milliseconds": 1e3 * room.settings.video.depth / TICKS_PER_SECOND,
        "stage_restarts": room.stage.restarts,
        "key_frame_requests": room.fanout.key_requests,
        "speech_gap_seconds": room.gap_s,
    }
    if (still := room.still_s) is not None:
        measured["picture_age_seconds"] = still
    if report is not None:
        measured |= {
            "draw_milliseconds": fmean(report.draw_ms or (0.0,)),
            "encode_milliseconds": fmean(report.encode_ms or (0.0,)),
            "tick_to_packet_milliseconds": max(report.out_ms, default=0.0),
            "ticks": report.tick,
            "skipped_ticks": report.skipped,
            "pictures_per_second": TICKS_PER_SECOND // (2 if report.half else 1),
            "encoded_pictures": report.encoded,
            "light_pictures": report.light,
            "dropped_packets": report.dropped,
            "stage_cpu_seconds": report.cpu_s,
        }
    return measured


def of_viewer(seat: Viewer) -> dict[str, float]:
    """What is measured of a present viewer; less until they have reported."""
    kinds = [sender.health for sender in (seat.video, seat.audio) if sender]
    video = kinds[0]
    measured = {
        "viewer_queue_pictures": float(len(seat.subscription)),
        "viewer_sent_bytes": float(sum(kind.octets for kind in kinds)),
        "viewer_sent_packets": float(video.packets),
        "viewer_lost_packets": float(video.lost),
        "viewer_dropped_pictures": float(seat.subscription.dropped),
        "viewer_packets_again": float(sum(kind.again for kind in kinds)),
        "viewer_picture_losses": float(video.picture_losses),
        "viewer_light": float(seat.subscription.encoding in LIGHT),
        "viewer_switches": float(seat.subscription.switches),
    }
    if video.round_trip_s is not None:
        measured["viewer_round_trip_seconds"] = video.round_trip_s
    if video.estimate is not None:
        measured["viewer_estimate_bits_per_second"] = float(video.estimate)
    return measured


def of_outlet(outlet: Outlet) -> dict[str, float]:
    return {
        "outlet_live": float(outlet.state == "live"),
        "outlet_starts": float(outlet.starts),
        "outlet_failures": float(outlet.failures),
        "outlet_sent_bytes": float(outlet.sent_bytes),
        "outlet_dropped_pictures": float(outlet.dropped),
    }


_OF_ENDS: Final = {"questions": "Questions that ended, by how"}
_OF_REJECTIONS: Final = {"rejected_questions": "Questions that were not taken, by the code that says why"}
_OF_QUESTIONS: Final[dict[str, tuple[str, Callable[[Tally], Durations]]]] = {
    "question_wait_seconds": ("From a question until its turn", attrgetter("waited")),
    "first_sound_seconds": ("From a question's turn until its answer is heard", attrgetter("first_sound")),
}
_OF_ENGINES: Final = {
    "engine_ready": "1 while an engine can work",
    "engine_waiting": "Requests in line for an engine",
}
_COUNTED_OF_ENGINES: Final = {"engine_restarts": "Times an engine was started again"}
_OF_THE_GATEWAY: Final = {
    "event_loop_lag_seconds": "How late the event loop came to what was due, the worst of 15 s",
    "rooms_held": "Rooms of the fleet that run here",
    "rooms_most": "Rooms that this gateway takes at most",
    "redis_unreachable_seconds": "For how long Redis has not answered",
}
_OF_MODERATION: Final = {"moderated": "Texts that moderation found something in, by its category and what followed"}

_OF_LEASES: Final = {
    "room_held": "1 while this gateway may speak in a room of its fleet",
}
_COUNTED_OF_LEASES: Final = {
    "lease_changes": "Times a room's lease began here, was had again after it had run out, or was lost",
}

L = TypeVar("L", bound=tuple[str, ...])


class _Rooms:
    def __init__(
        self, rooms: Iterable[OnAir], ownership: Ownership | None, engines: Iterable[Need], lag_s: float
    ) -> None:
        self._rooms = list(rooms)
        self._ownership = ownership
        self._engines = list(engines)
        self._lag_s = lag_s

    def collect(self) -> Iterator[Metric]:
        named = [(room.settings.id, room) for room in self._rooms]
        yield from _families(["room"], {(name,): _measure(room) for name, room in named}, _GAUGES, _COUNTERS)
        viewers = {(name, seat.id): of_viewer(seat) for name, room in named for seat in room.whep.seats}
        yield from _families(["room", "connection"], viewers, _OF_VIEWERS, _COUNTED_OF_VIEWERS)
        outlets = {(name, outlet.name): of_outlet(outlet) for name, room in named for outlet in room.outlets}
        yield from _families(["room", "outlet"], outlets, _OF_OUTLETS, _COUNTED_OF_OUTLETS)
        stopped = product(CATEGORIES, set(get_args(Moderated)) - {"allow"})
        moderated = {
            (name, *key): {"moderated": float(room.moderated[key])}
            for name, room in named
            for key in dict.fromkeys([*stopped, *room.moderated])
        }
        yield from _families(["room", "category", "outcome"], moderated, {}, _OF_MODERATION)
        yield from self._of_questions()
        engines = {(need.name,): _of_engine(need) for need in self._engines}
        yield from _families(["engine"], engines, _OF_ENGINES, _COUNTED_OF_ENGINES)
        gateway = {"event_loop_lag_seconds": self._lag_s}
        if self._ownership is not None:
            most = self._ownership.most
            gateway |= {"rooms_held": self._ownership.running, **({} if most is None else {"rooms_most": float(most)})}
            gateway["redis_unreachable_seconds"] = self._ownership.lost_s or 0.0
        yield from _families([], {(): gateway}, _OF_THE_GATEWAY, {})
        if (fleet := self._ownership) is not None:
            held = {(room,): {"room_held": float(fleet.held(room))} for room in fleet.leases}
            yield from _families(["room"], held, _OF_LEASES, {})
            kinds = [(room, became) for room in fleet.leases for became in get_args(Became)]
            changes = {kind: {"lease_changes": float(fleet.changes[kind])} for kind in kinds}
            yield from _families(["room", "became"], changes, {}, _COUNTED_OF_LEASES)

    def _of_questions(self) -> Iterator[Metric]:
        named = [(room.settings.id, room.tally) for room in self._rooms]
        ends = {
            (room, outcome): {"questions": float(tally.outcomes[outcome])}
            for room, tally in named
            for outcome in get_args(Outcome)
        }
        yield from _families(["room", "outcome"], ends, {}, _OF_ENDS)
        refused = {
            (room, code): {"rejected_questions": float(n)}
            for room, tally in named
            for code, n in tally.rejected.items()
        }
        yield from _families(["room", "code"], refused, {}, _OF_REJECTIONS)
        for name, (description, durations_of) in _OF_QUESTIONS.items():
            family = HistogramMetricFamily(f"everhost_{name}", description, labels=["room"])
            for room, tally in named:
                durations = durations_of(tally)
                family.add_metric([room], durations.buckets(), durations.total_s)
            yield family


def _of_engine(need: Need) -> dict[str, float]:
    measured = {"engine_ready": float(need.ready)}
    if need.worker is not None:
        measured |= {"engine_waiting": need.worker.waiting, "engine_restarts": need.worker.restarts}
    return measured


def _families(
    labels: list[str],
    measured: Mapping[L, dict[str, float]],
    gauges: dict[str, str],
    counters: dict[str, str],
) -> Iterator[Metric]:
    """``measured``: by the labels' values."""
    for family, names in ((GaugeMetricFamily, gauges), (CounterMetricFamily, counters)):
        for name, description in names.items():
            metric = family(f"everhost_{name}", description, labels=labels)
            for values_of, values in measured.items():
                if name in values:
                    metric.add_metric(values_of, values[name])
            yield metric


def render(
    rooms: Iterable[OnAir],
    ownership: Ownership | None = None,
    engines: Iterable[Need] = (),
    lag_s: float = 0.0,
) -> bytes:
    """``lag_s``: of the event loop."""
    registry = CollectorRegistry()
    registry.register(_Rooms(rooms, ownership, engines, lag_s))
    ProcessCollector(registry=registry)
    return exposition.generate_latest(registry)
