"""The network that benches and tests put between a room and a viewer."""

import pytest

from streaming.bench.network import QUEUE_S, Impairment, first_candidate, only_at, without_candidates

SDP = (
    "v=0\r\nm=video 50000 UDP/TLS/RTP/SAVPF 97\r\n"
    "a=candidate:a 1 udp 2130706431 fd00::2 50001 typ host\r\n"
    "a=candidate:b 1 udp 2130706431 192.0.2.2 50000 typ host\r\n"
    "a=end-of-candidates\r\nm=audio 50000 UDP/TLS/RTP/SAVPF 96\r\n"
    "a=candidate:b 1 udp 2130706431 192.0.2.2 50000 typ host\r\n"
)


def test_the_same_seed_is_the_same_network() -> None:
    one, other = (Impairment(0.1, 0.03, 0.01, 7) for _ in range(2))
    fates = [one.fate() for _ in range(5000)]
    assert fates == [other.fate() for _ in range(5000)]
    assert one.lost == pytest.approx(500, abs=70)
    assert one.lost + one.passed == 5000
    late = [fate for fate in fates if fate is not None]
    assert 0.03 <= min(late) < 0.031
    assert 0.039 < max(late) < 0.04


def test_only_the_relay_is_offered() -> None:
    assert first_candidate(SDP) == ("192.0.2.2", 50000)
    told = only_at(SDP, ("127.0.0.1", 4000))
    assert told.count("a=candidate:") == 2
    assert "192.0.2.2" not in told
    assert told.count("127.0.0.1 4000 typ host") == 2
    assert "candidate" not in without_candidates(SDP)
    with pytest.raises(ValueError, match="no IPv4"):
        first_candidate("v=0\r\n")


def test_a_narrow_network_lets_wait_what_it_can_and_loses_the_rest() -> None:
    network = Impairment(0.0, 0.03, 0.0, 1)
    network.narrow_bps = 1_000_000
    fates = [network.fate(1250, 0.005 * n, to_viewer=True) for n in range(200)]  # 2 Mbit/s for a second
    late = [fate for fate in fates if fate is not None]
    assert late[0] == pytest.approx(0.04)
    assert max(late) == pytest.approx(0.03 + QUEUE_S + 0.01, abs=0.011)
    assert len(late) == pytest.approx(100 + 100 * QUEUE_S, abs=3)
    assert network.fate(1250, 1.0) == pytest.approx(0.03)  # the way back is wide
