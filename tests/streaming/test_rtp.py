import struct

import pytest
from aiortc.codecs.h264 import H264Encoder
from aiortc.codecs.vpx import VpxPayloadDescriptor
from aiortc.rtp import HeaderExtensions, HeaderExtensionsMap, RtpPacket, unwrap_rtx

from avatar.clock import VIDEO_CLOCK_RATE
from streaming.packets import Packet
from streaming.rtp import AGAIN_AT_ONCE, HISTORY, Epoch, Extensions, Payloads, RtpStream, cut, ntp

PROBE = 0xABCDEF


def picture(tick: int, *parts: bytes, key: bool = False) -> Payloads:
    return Payloads("h264", tick * 1000, key, parts or (b"x",))


def header_map() -> HeaderExtensionsMap:
    ids = HeaderExtensionsMap()
    inside = HeaderExtensions(mid=1, abs_send_time=2)  # type: ignore[arg-type]
    ids._HeaderExtensionsMap__ids = inside  # type: ignore[attr-defined]
    return ids


def extensions() -> Extensions:
    profile, value = header_map().set(HeaderExtensions(mid="0", abs_send_time=PROBE))
    return Extensions.of(profile, value, PROBE.to_bytes(3, "big"))


def stream(*, origin: int = 0, sequence: int = 0, rtx: tuple[int, int] | None = (98, 7)) -> RtpStream:
    return RtpStream(
        ssrc=5,
        payload_type=97,
        rate=VIDEO_CLOCK_RATE,
        rtx=rtx,
        extensions=extensions(),
        origin=origin,
        sequence=sequence,
    )


def test_a_receiver_reads_what_is_sent() -> None:
    one = stream(origin=1000, sequence=10)
    first, last = (RtpPacket.parse(data, header_map()) for data in one.send(picture(4, b"ab", b"cd"), 65.5))
    assert (first.ssrc, first.payload_type, first.sequence_number, first.marker) == (5, 97, 10, 0)
    assert (last.sequence_number, last.marker, last.payload) == (11, 1, b"cd")
    assert first.timestamp == last.timestamp == 1000 + 4 * 1875
    assert first.extensions.mid == "0"
    assert first.extensions.abs_send_time == int(1.5 * (1 << 18))
    assert (one.packets, one.octets) == (2, 4)


def test_timestamps_and_numbers_wrap() -> None:
    one = stream(origin=0xFFFFFFFF - 1874, sequence=0xFFFF)
    before, after = (RtpPacket.parse(next(one.send(picture(tick), 0))) for tick in (0, 1))
    assert (before.timestamp, after.timestamp) == (0xFFFFFFFF - 1874, 0)
    assert (before.sequence_number, after.sequence_number) == (0xFFFF, 0)


def test_a_day_of_ticks_leaves_no_rounding() -> None:
    one = stream()
    for tick in (0, 1, 48 * 3600 * 24, 48 * 3600 * 24 * 400):
        assert one.timestamp(tick * 1000) == tick * 1875 % 2**32


def test_what_was_lost_comes_again_for_more_than_a_second() -> None:
    one = stream(sequence=0xFFF0)
    sent = [RtpPacket.parse(next(one.send(picture(tick, bytes([tick % 256])), 0))) for tick in range(HISTORY)]
    for packet in (sent[0], sent[20], sent[-1]):  # on both sides of the wrap
        data = one.again(packet.sequence_number, 0)
        assert data is not None
        again = RtpPacket.parse(data, header_map())
        assert (again.payload_type, again.ssrc) == (98, 7)
        whole = unwrap_rtx(again, payload_type=97, ssrc=5)
        assert (whole.sequence_number, whole.timestamp) == (packet.sequence_number, packet.timestamp)
        assert (whole.payload, whole.marker) == (packet.payload, packet.marker)
    next(one.send(picture(HISTORY), 0))
    assert one.again(sent[0].sequence_number, 0) is None
    assert one.again(12345, 0) is None


def test_what_is_on_its_way_again_is_not_sent_once_more() -> None:
    one = stream()
    next(one.send(picture(0), 0))
    assert one.again(0, 10.00, round_trip=0.06) is not None
    assert one.again(0, 10.05, round_trip=0.06) is None
    assert one.again(0, 10.07, round_trip=0.06) is not None
    assert one.again(0, 9.0, round_trip=0.06) is not None  # the wall clock was set back
    assert one.again_count == 3


def test_without_rtx_the_packet_itself_comes_again() -> None:
    one = stream(rtx=None)
    (data,) = one.send(picture(1, b"ab"), 3)
    assert one.again(0, 3) == data


def test_pictures_are_cut_as_aiortc_reads_them_and_sound_is_not() -> None:
    units = [b"\x67" + b"s" * 20, b"\x68" + b"p" * 5, b"\x65" + bytes(range(1, 256)) * 20]
    data = b"".join(b"\0\0\0\1" + unit for unit in units)
    cut_once = cut(Packet("h264", 1000, True, data))
    assert list(cut_once.parts) == H264Encoder._packetize(iter(units))
    assert len(cut_once.parts) > 4
    assert max(map(len, cut_once.parts)) <= 1300
    assert cut(Packet("opus", -312, True, b"opus")).parts == (b"opus",)
    sound = RtpPacket.parse(next(stream().send(cut(Packet("opus", 0, True, b"opus")), 0)))
    assert sound.marker == 0


def test_no_agreed_extension_is_no_extension() -> None:
    one = RtpStream(ssrc=5, payload_type=97, rate=VIDEO_CLOCK_RATE, rtx=None, extensions=Extensions.of(0, b"", b"abc"))
    (data,) = one.send(picture(0, b"ab"), 0)
    assert len(data) == 12 + 2
    assert data[0] == 0x80


def test_an_instant_of_the_wall_clock() -> None:
    high, low = struct.unpack("!II", ntp(0.25).to_bytes(8, "big"))
    assert (high, low) == (2_208_988_800, 1 << 30)


def test_lateness_does_not_move_the_epoch_but_a_jump_does() -> None:
    epoch = Epoch()
    for tick in range(480):
        late = 0.003 * (tick % 7)
        epoch.see(tick * 1000, 100 + tick / 48 + late)
    assert epoch.of(480_000) == pytest.approx(110, abs=0.0005)
    epoch.see(481_000, 170 + 481 / 48)  # the machine was suspended for a minute
    assert epoch.of(481_000) == pytest.approx(170 + 481 / 48)


def test_the_epoch_follows_a_clock_that_drifts() -> None:
    epoch, drift = Epoch(), 5e-6
    for tick in range(48 * 3600):
        epoch.see(tick * 1000, tick / 48 * (1 + drift))
    assert epoch.of(48_000 * 3600) == pytest.approx(3600 * (1 + drift), abs=0.002)


def test_vp8_is_cut_as_aiortc_reads_it_and_numbers_its_pictures() -> None:
    data = bytes(range(256)) * 20
    for tick, number in ((0, 0), (2, 1), (65536 * 2, 0)):  # 15 bits (RFC 7741, section 4.2)
        parts = cut(Packet("vp8-light", tick * 1000, True, data)).parts
        described = [VpxPayloadDescriptor.parse(part) for part in parts]
        assert {descriptor.picture_id for descriptor, _ in described} == {number}
        assert [descriptor.partition_start for descriptor, _ in described] == [1] + [0] * (len(parts) - 1)
        assert b"".join(payload for _, payload in described) == data


def test_no_more_than_half_as_much_is_sent_again_for_long() -> None:
    one = stream()
    for tick in range(400):
        list(one.send(picture(tick, b"ab"), tick))
    outage = [one.again(sequence, 1000.0) for sequence in range(400)]
    assert sum(data is not None for data in outage) == AGAIN_AT_ONCE
    for tick in range(400, 440):
        list(one.send(picture(tick, b"ab"), tick))
    more = [one.again(sequence, 1100.0) for sequence in range(400, 440)]
    assert sum(data is not None for data in more) == 20


def test_nothing_of_another_rendition_is_sent_again() -> None:
    one = stream()
    list(one.send(picture(0, b"ab"), 0.0))
    assert one.again(0, 1.0) is not None
    list(one.send(Payloads("h264-light", 2000, True, (b"cd",)), 2.0))
    assert one.again(0, 3.0) is None
    assert one.again(1, 3.0) is not None
