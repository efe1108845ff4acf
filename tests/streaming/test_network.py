import asyncio
from pathlib import Path

import pytest

from streaming.errors import NetworkError
from streaming.network import Network, PortRangeLoop, address, announced, ice_servers, udp_ports

TURN = '[{"urls": "turn:relay.example:3478?transport=udp", "username": "me", "credential": "s3cret"}]'


def test_servers_are_read_as_browsers_take_them(tmp_path: Path) -> None:
    file = tmp_path / "ice.json"
    file.write_text(TURN)
    for text in (TURN, str(file)):
        (server,) = ice_servers(text)
        assert server.urls == ["turn:relay.example:3478?transport=udp"]
        assert (server.username, server.credential) == ("me", "s3cret")
    assert Network(ice_servers(TURN)).for_pages() == [
        {"urls": ["turn:relay.example:3478?transport=udp"], "username": "me", "credential": "s3cret"}
    ]
    assert Network(ice_servers('[{"urls": ["stun:a", "stun:b"]}]')).for_pages() == [{"urls": ["stun:a", "stun:b"]}]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nowhere.json", "cannot be read"),
        ("[", "JSON"),
        ('[{"urls": "http://x"}]', "begins with none of stun:"),
        ('[{"url": "stun:x"}]', "urls"),
        ('{"urls": "stun:x"}', "cannot be read"),
    ],
)
def test_what_is_no_list_of_servers_is_refused(text: str, message: str) -> None:
    with pytest.raises(NetworkError, match=message):
        ice_servers(text)


def test_ports_and_addresses() -> None:
    assert udp_ports("50000-50001") == range(50000, 50002)
    for text in ("", "50000", "50001-50000", "80-90", "1024-70000", "a-b"):
        with pytest.raises(NetworkError, match="50000-50199"):
            udp_ports(text)
    assert address("203.0.113.7") == "203.0.113.7"
    with pytest.raises(NetworkError, match="no IP address"):
        address("example.org")


ANSWER = (
    "v=0\r\n"
    "a=candidate:f1 1 udp 2130706431 172.17.0.2 50000 typ host\r\n"
    "a=candidate:f2 1 udp 2130706431 fd00::2 50001 typ host\r\n"
    "a=candidate:f3 1 udp 1694498815 198.51.100.9 50002 typ srflx raddr 172.17.0.2 rport 50000\r\n"
    "a=end-of-candidates\r\n"
)


def test_the_outside_address_comes_first_with_the_same_port() -> None:
    lines = announced(ANSWER, "203.0.113.7").splitlines()
    extra = [line for line in lines if "203.0.113.7" in line]
    assert extra == ["a=candidate:f1x 1 udp 2130706687 203.0.113.7 50000 typ host"]
    assert [line for line in lines if line not in extra] == ANSWER.splitlines()
    assert lines.index(extra[0]) < lines.index(ANSWER.splitlines()[1])


def test_udp_sockets_take_the_ports_of_the_range_in_turn() -> None:
    with asyncio.Runner(loop_factory=lambda: PortRangeLoop(range(47310, 47313))) as runner:

        async def bind() -> list[int]:
            loop, ports, open_ = asyncio.get_running_loop(), [], []
            for _ in range(3):
                transport, _ = await loop.create_datagram_endpoint(asyncio.DatagramProtocol, ("127.0.0.1", 0))
                open_.append(transport)
                ports.append(transport.get_extra_info("sockname")[1])
            with pytest.raises(OSError, match="none of the UDP ports 47310 to 47312"):
                await loop.create_datagram_endpoint(asyncio.DatagramProtocol, ("127.0.0.1", 0))
            open_.pop(0).close()
            await asyncio.sleep(0)
            again, _ = await loop.create_datagram_endpoint(asyncio.DatagramProtocol, ("127.0.0.1", 0))
            ports.append(again.get_extra_info("sockname")[1])
            for transport in (*open_, again):
                transport.close()
            return ports

        assert runner.run(bind()) == [47310, 47311, 47312, 47310]
