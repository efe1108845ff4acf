"""What Prometheus scrapes: read from the rooms at the moment it asks."""

from collections.abc import Iterable, Iterator
from statistics import fmean
from typing import Final

from prometheus_client import CollectorRegistry, exposition
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from streaming.on_air import OnAir

CONTENT_TYPE: Final = exposition.CONTENT_TYPE_PLAIN_0_0_4

_GAUGES: Final = {
    "viewers": "Viewers connected",
    "peer_connections": "WebRTC connections",
    "questions_waiting": "Questions in the queue",
    "on_air": "1 while the stage runs",
    "draw_milliseconds": "Mean time to draw a picture, last second",
    "encode_milliseconds": "Mean time to encode a picture, last second",
    "tick_to_packet_milliseconds": "Longest time from a tick's due to its picture's packet, last second",
}
_COUNTERS: Final = {
    "ticks": "Ticks walked",
    "skipped_ticks": "Ticks without a picture",
    "encoded_pictures": "Pictures encoded, once for all viewers",
    "dropped_packets": "Packets the gateway did not take in time",
    "stage_cpu_seconds": "Processor time of the stage",
    "stage_restarts": "Times the stage was started again",
    "key_frame_requests": "Key frames asked of the encoder",
}


def _measure(room: OnAir) -> dict[str, float]:
    report = room.report
    measured = {
        "viewers": room.viewers,
        "peer_connections": len(room.whep),
        "questions_waiting": room.core.waiting,
        "on_air": float(room.stage.ready is not None),
        "stage_restarts": room.stage.restarts,
        "key_frame_requests": room.fanout.key_requests,
    }
    if report is not None:
        measured |= {
            "draw_milliseconds": fmean(report.draw_ms or (0.0,)),
            "encode_milliseconds": fmean(report.encode_ms or (0.0,)),
            "tick_to_packet_milliseconds": max(report.out_ms, default=0.0),
            "ticks": report.tick,
            "skipped_ticks": report.skipped,
            "encoded_pictures": report.encoded,
            "dropped_packets": report.dropped,
            "stage_cpu_seconds": report.cpu_s,
        }
    return measured


class _Rooms:
    def __init__(self, rooms: Iterable[OnAir]) -> None:
        self._rooms = list(rooms)

    def collect(self) -> Iterator[Metric]:
        measured = {room.settings.id: _measure(room) for room in self._rooms}
        for family, names in ((GaugeMetricFamily, _GAUGES), (CounterMetricFamily, _COUNTERS)):
            for name, description in names.items():
                metric = family(f"everhost_{name}", description, labels=["room"])
                for room, values in measured.items():
                    if name in values:
                        metric.add_metric([room], values[name])
                yield metric


def render(rooms: Iterable[OnAir]) -> bytes:
    registry = CollectorRegistry()
    registry.register(_Rooms(rooms))
    return exposition.generate_latest(registry)
