"""Documents fetched from the web: real servers on loopback, behind a wire that plays the internet."""

import asyncio
import gzip
import ssl
import zlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
from cryptography import x509
from hypothesis import example, given, settings
from hypothesis import strategies as st

from knowledge.formats import SUFFIXES, suffix
from streaming import fetching, tls
from streaming.documents_http import _place
from streaming.fetching import (
    Fetched,
    FetchError,
    KindError,
    RefusedAddressError,
    TooLargeError,
    fetch,
    is_public,
    name_of,
)

SITE = "93.184.215.14"
OTHER = "2606:2800:21f:cb07:6820:80da:af6b:8b2c"
PAGE = b"<h1>Hours</h1><p>Open from nine to five.</p>"
HTML = "Content-Type: text/html; charset=utf-8"


def answer(*headers: str, status: str = "200 OK", body: bytes = b"") -> bytes:
    lines = [f"HTTP/1.1 {status}", *headers, "Connection: close"]
    return "".join(f"{line}\r\n" for line in (*lines, "")).encode() + body


def page(*headers: str, body: bytes = PAGE) -> bytes:
    return answer(HTML, f"Content-Length: {len(body)}", *headers, body=body)


def moved(to: str) -> bytes:
    return answer(f"Location: {to}", "Content-Length: 0", status="302 Found")


class Site:
    """A server on loopback that says ``pages[path]`` and then closes; what it was asked is in ``heads``."""

    def __init__(self, pages: dict[str, bytes]) -> None:
        self.pages = pages
        self.heads: list[str] = []
        self.names: list[str | None] = []
        self.port = 0
        self._serving: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def served(self, context: ssl.SSLContext | None = None) -> AsyncIterator["Site"]:
        if context is not None:
            context.sni_callback = lambda _, name, __: self.names.append(name)
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=context)
        self.port = server.sockets[0].getsockname()[1]
        async with server:
            yield self
        for task in self._serving:
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            self.heads.append(head)
            await self.say(head.split()[1], writer)
        except (asyncio.IncompleteReadError, OSError):
            pass  # whoever asked has gone
        finally:
            writer.close()

    async def say(self, path: str, writer: asyncio.StreamWriter) -> None:
        writer.write(self.pages[path])
        await writer.drain()


class Names:
    """A resolver that has an answer for each time that it is asked."""

    def __init__(self, **known: Sequence[Sequence[str]]) -> None:
        self.known = {name.replace("_", "."): list(answers) for name, answers in known.items()}
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append(host)
        if host not in self.known:
            raise OSError("no such host")
        answers = self.known[host]
        return answers.pop(0) if len(answers) > 1 else answers[0]


class Wire(httpx.AsyncBaseTransport):
    """The internet: whatever IP address is asked for is the site on loopback, and it is noted which."""

    def __init__(self, site: Site, trusted: ssl.SSLContext, went: list[str], dead: Sequence[str] = ()) -> None:
        self._site, self._went, self._dead = site, went, dead
        self._real = fetching.direct(trusted)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        ip_address(request.url.host)  # never a name, which would be resolved again
        self._went.append(request.url.host)
        if request.url.host in self._dead:
            raise httpx.ConnectError("no route")
        request.url = request.url.copy_with(host="127.0.0.1", port=self._site.port)
        return await self._real.handle_async_request(request)

    async def aclose(self) -> None:
        await self._real.aclose()


async def got(
    site: Site,
    url: str,
    *allowed: str,
    names: Names | None = None,
    went: list[str] | None = None,
    dead: Sequence[str] = (),
) -> Fetched:
    """Through the wire, where docs.example and other.example are."""
    found = [] if went is None else went
    resolve = names or Names(docs_example=[[SITE]], other_example=[[OTHER]])
    return await fetch(url, allowed, resolve=resolve, wire=lambda trusted: Wire(site, trusted, found, dead))


async def refused(error: type[FetchError], site: Site, url: str, *allowed: str, names: Names | None = None) -> str:
    with pytest.raises(error) as told:
        await got(site, url, *allowed, names=names)
    assert type(told.value) is error
    return str(told.value)


# What is had


async def test_a_page_is_fetched_from_the_address_that_was_checked() -> None:
    went: list[str] = []
    async with Site({"/visit/?id=3": page()}).served() as site:
        fetched = await got(site, "http://docs.example/visit/?id=3#top", went=went)
    assert fetched == Fetched("visit_id=3.html", PAGE, "http://docs.example/visit/")
    assert went == [SITE]
    [head] = site.heads
    assert "\r\nHost: docs.example\r\n" in head
    assert "\r\nAccept-Encoding: identity\r\n" in head


async def test_the_next_address_is_tried_when_one_cannot_be_reached() -> None:
    went: list[str] = []
    names = Names(docs_example=[[OTHER, SITE]])
    async with Site({"/a.txt": answer("Content-Type: text/plain", body=b"text")}).served() as site:
        assert (await got(site, "http://docs.example/a.txt", names=names, went=went, dead=[OTHER])).content == b"text"
        assert went == [OTHER, SITE]
        with pytest.raises(FetchError, match="cannot be reached"):
            await got(site, "http://docs.example/a.txt", names=names, dead=[OTHER, SITE])


async def test_redirects_are_followed_each_checked_and_without_cookies() -> None:
    names = Names(docs_example=[[SITE]], other_example=[[OTHER]])
    went: list[str] = []
    pages = {
        "/a": moved("/b").replace(b"Connection", b"Set-Cookie: secret=1; Path=/\r\nConnection"),
        "/b": moved("//other.example:8080/c"),
        "/c": page(),
    }
    async with Site(pages).served() as site:
        fetched = await got(site, "http://docs.example/a", names=names, went=went)
    assert fetched.name == "a.html"
    assert fetched.address == "http://other.example:8080/c"
    assert went == [SITE, SITE, OTHER]
    assert names.asked == ["docs.example", "docs.example", "other.example"]
    assert not any("cookie" in head.lower() for head in site.heads)
    assert "\r\nHost: other.example:8080\r\n" in site.heads[-1]


async def test_a_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    async with Site({"/a": page()}).served() as site, Site({}).served() as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        fetched = await fetch(f"http://127.0.0.1:{site.port}/a", [f"127.0.0.1:{site.port}"])
    assert fetched.content == PAGE
    assert proxy.heads == []


def certified(folder: Path, name: str) -> tuple[Path, ssl.SSLContext]:
    """A certificate of a server's own for this name, and the server's context."""
    certificate, key = tls._make([x509.DNSName(name)])
    both, public = folder / "both.pem", folder / "certificate.pem"
    both.write_bytes(certificate + key)
    public.write_bytes(certificate)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(both)
    return public, context


async def test_https_is_of_the_name_although_the_connection_is_to_its_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate, context = certified(tmp_path, "docs.example")
    async with Site({"/a": page()}).served(context) as site:
        assert "certificate" in await refused(FetchError, site, "https://docs.example/a")
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        assert (await got(site, "https://docs.example/a")).content == PAGE
        assert "certificate" in await refused(FetchError, site, "https://other.example/a")
    assert site.names == ["docs.example", "docs.example", "other.example"]
    assert len(site.heads) == 1


# Where nothing is fetched from


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "127.8.9.1", "169.254.169.254", "10.0.0.5", "172.16.1.1", "192.168.1.1", "100.64.0.1",
        "100.100.100.200", "0.0.0.0", "255.255.255.255", "224.0.0.1", "192.0.2.1", "198.18.0.1", "168.63.129.16",  # noqa: S104
        "[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:93.184.215.14]", "[::127.0.0.1]", "[64:ff9b::7f00:1]",
        "[64:ff9b::a9fe:a9fe]", "[64:ff9b:1::7f00:1]", "[2002:7f00:1::]", "[2001:0:4136:e378:8000:63bf:3fff:fdd2]",
        "[fe80::1]", "[fd00:ec2::254]", "[fec0::1]", "[ff02::1]", "[2001:db8::1]",
    ],
)  # fmt: skip
async def test_addresses_that_are_not_public(host: str) -> None:
    site = Site({})
    assert "not on the public internet" in await refused(RefusedAddressError, site, f"http://{host}/")
    bare = Names(docs_example=[[SITE, host.strip("[]")]])
    assert "not on the public internet" in await refused(RefusedAddressError, site, "https://docs.example/", names=bare)


@pytest.mark.parametrize(
    "url",
    [
        "http://2130706433/", "http://0177.0.0.1/", "http://0x7f.0.0.1/", "http://0x7f000001/", "http://127.1/", "http://127.0.1/",
        "http://docs.example.0x1/", "http://256.256.256.256/", "http://1.2.3/", "http://127.0.0.1%2f/",
        "http://me@docs.example/", "http://me:secret@docs.example/", "http://docs.example:secret@127.0.0.1/",
        "http://docs.example:22/", "http://docs.example:6379/", "http://docs.example:99999/", "http://docs.example:x/",
        "file:///etc/passwd", "gopher://docs.example/", "ftp://docs.example/a.txt", "data:text/plain,hello",
        "javascript:alert(1)", "http://docs.exam\tple/", "docs.example/a.txt", "//docs.example/a.txt",
        "http:/a", "http://", "http://[::1", "", "\n", "http://do cs.example/", "http://docs.example\\@127.0.0.1/", "http://%31%32%37.0.0.1/",
    ],
)  # fmt: skip
async def test_addresses_that_are_none_of_the_web(url: str) -> None:
    names = Names(docs_example=[[SITE]])
    await refused(RefusedAddressError, Site({}), url, names=names)
    assert names.asked == []


async def test_the_real_resolver_finds_localhost_and_it_is_refused() -> None:
    for host in ("localhost", "LOCALHOST.", "localhost:8080"):
        with pytest.raises(RefusedAddressError, match="localhost is not on the public internet"):
            await fetch(f"http://{host}/")
    with pytest.raises(FetchError, match="no host"):
        await fetch("http://nowhere.invalid/")


async def test_this_machine_is_not_reached_by_its_public_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    class Adapter:
        ips = (fetching.ifaddr.IP((OTHER, 0, 0), 64, "eth0"), fetching.ifaddr.IP("203.0.113.9", 24, "eth0"))

    monkeypatch.setattr(fetching.ifaddr, "get_adapters", lambda: [Adapter])
    neighbour = OTHER.rsplit(":", 1)[0] + ":1"
    await refused(RefusedAddressError, Site({}), f"http://[{OTHER}]/")
    await refused(RefusedAddressError, Site({}), f"http://[{neighbour}]/")


async def test_a_name_that_is_rebound_is_asked_for_once() -> None:
    names, went = Names(docs_example=[[SITE], ["127.0.0.1"]]), []
    async with Site({"/a": page()}).served() as site:
        assert (await got(site, "http://docs.example/a", names=names, went=went)).content == PAGE
    assert (names.asked, went) == (["docs.example"], [SITE])


async def test_a_name_that_is_rebound_between_redirects_is_refused() -> None:
    names, went = Names(docs_example=[[SITE], ["127.0.0.1"]]), []
    async with Site({"/a": moved("/b"), "/b": page()}).served() as site:
        with pytest.raises(RefusedAddressError, match="not on the public internet"):
            await got(site, "http://docs.example/a", names=names, went=went)
    assert went == [SITE]


@pytest.mark.parametrize(
    "to",
    [
        "http://127.0.0.1/", "//169.254.169.254/latest/meta-data/", "http://[::ffff:10.0.0.1]/", "http://inside.example/",
        "file:///etc/passwd", "gopher://docs.example/", "http://me:secret@docs.example/b", "http://docs.example:25/",
        "http://2130706433/",
    ],
)  # fmt: skip
async def test_redirects_to_where_nothing_is_fetched_from(to: str) -> None:
    names = Names(docs_example=[[SITE]], inside_example=[["10.1.2.3"]])
    async with Site({"/a": moved(to), "/b": page()}).served() as site:
        told = await refused(RefusedAddressError, site, "http://docs.example/a", names=names)
    assert "10.1.2.3" not in told
    assert len(site.heads) == 1


async def test_redirects_to_nowhere() -> None:
    for to in ("http://[::1", "http://docs.example:x/", "http://256.1.1.1/"):
        async with Site({"/a": moved(to)}).served() as site:
            await refused(FetchError, site, "http://docs.example/a")


async def test_redirects_from_https_to_http(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate, context = certified(tmp_path, "docs.example")
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    async with Site({"/a": moved("http://docs.example/b"), "/b": page()}).served(context) as site:
        assert "from https to http" in await refused(RefusedAddressError, site, "https://docs.example/a")


async def test_redirects_without_end() -> None:
    async with Site({"/a": moved("/b"), "/b": moved("/a")}).served() as site:
        assert "more than 5 times" in await refused(FetchError, site, "http://docs.example/a")
    assert len(site.heads) == 6


# What a room file allows


async def test_hosts_of_an_intranet() -> None:
    names = Names(wiki_intranet=[["127.0.0.1"]])
    async with Site({"/a": page(), "/b": moved("/a"), "/c": moved("http://127.0.0.1/")}).served() as site:
        here = f"wiki.intranet:{site.port}"
        assert (await fetch(f"http://{here}/b", [here], resolve=names)).content == PAGE
        assert (await got(site, "http://wiki.intranet/a", "wiki.intranet", names=names)).content == PAGE
        assert (await got(site, "http://[fd00::5]:8080/a", "[fd00::5]")).content == PAGE
        for url, allowed in (
            (f"http://{here}/a", "wiki.intranet"),  # at the web's ports alone
            (f"http://{here}/a", "wiki.intranet:80"),
            ("http://wiki.intranet/a", here),
            ("http://wiki.intranet/c", "wiki.intranet"),  # and not where it leads to
            ("http://sub.wiki.intranet/a", "wiki.intranet"),
        ):
            with pytest.raises(FetchError):
                await got(site, url, allowed, names=names)


async def test_nobody_else_redirects_into_the_intranet() -> None:
    names = Names(docs_example=[[SITE]], wiki_intranet=[["10.1.2.3"]])
    async with Site({"/a": moved("http://wiki.intranet/b"), "/b": page()}).served() as site:
        await refused(RefusedAddressError, site, "http://docs.example/a", "wiki.intranet", names=names)
    assert len(site.heads) == 1


# How much, and how long


class Endless(Site):
    """Goes on until nobody listens; ``sent`` bytes."""

    sent = 0

    def __init__(self, head: bytes, part: bytes, every_s: float = 0) -> None:
        super().__init__({})
        self._head, self._part, self._every_s = head, part, every_s

    async def say(self, path: str, writer: asyncio.StreamWriter) -> None:
        writer.write(self._head)
        while True:
            writer.write(self._part)
            await writer.drain()
            self.sent += len(self._part)
            await asyncio.sleep(self._every_s)


async def test_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "MAX_BYTES", 1_000_000)
    said = page("X: y", body=b"").replace(b"Content-Length: 0", b"Content-Length: 1000001")
    async with Endless(said, b"").served() as site:
        await refused(TooLargeError, site, "http://docs.example/")
    async with Endless(answer(HTML), bytes(50_000)).served() as site:
        await refused(TooLargeError, site, "http://docs.example/")
    assert 1_000_000 < site.sent < 12_000_000
    exactly = page(body=b"a" * 1_000_000)
    async with Site({"/": exactly}).served() as site:
        assert len((await got(site, "http://docs.example/")).content) == 1_000_000


async def test_what_is_packed_although_it_was_not_to_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "MAX_BYTES", 1_000_000)
    packed, bomb = gzip.compress(PAGE), gzip.compress(bytes(200_000_000), 1)
    pages = {
        "/good": page("Content-Encoding: gzip", body=packed),
        "/bomb": page("Content-Encoding: gzip", body=bomb),
        "/half": page("Content-Encoding: gzip", body=packed[:-9]),
        "/bad": page("Content-Encoding: gzip", body=PAGE),
        "/br": page("Content-Encoding: br", body=packed),
        "/twice": page("Content-Encoding: gzip, gzip", body=gzip.compress(packed)),
    }
    assert len(bomb) < 1_000_000
    async with Site(pages).served() as site:
        assert (await got(site, "http://docs.example/good")).content == PAGE
        await refused(TooLargeError, site, "http://docs.example/bomb")
        for path in ("half", "bad", "br", "twice"):
            await refused(FetchError, site, f"http://docs.example/{path}")
    # Nothing comes out of it, and it never ends.
    nothing = zlib.compressobj(wbits=31)
    start = nothing.compress(b"") + nothing.flush(zlib.Z_SYNC_FLUSH)
    empty = b"\x00\x00\x00\xff\xff" * 10_000
    async with Endless(answer(HTML, "Content-Encoding: gzip") + start, empty).served() as site:
        await refused(TooLargeError, site, "http://docs.example/")


async def test_slow_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "READ_S", 0.3)
    monkeypatch.setattr(fetching, "TOTAL_S", 1.0)
    async with Endless(b"", b"", 0.05).served() as site:
        assert "in time" in await refused(FetchError, site, "http://docs.example/")
    async with Endless(answer(HTML), b"a", 0.05).served() as site:
        assert "within 1 s" in await refused(FetchError, site, "http://docs.example/")
    async with Endless(b"HTTP/1.1 200 OK\r\nX: ", b"a", 0.05).served() as site:
        assert "within 1 s" in await refused(FetchError, site, "http://docs.example/")

    async def never(host: str, port: int) -> Sequence[str]:
        await asyncio.Event().wait()
        return []

    with pytest.raises(FetchError, match="within 1 s"):
        await fetch("http://docs.example/", resolve=never)


async def test_what_a_server_says_is_not_passed_on() -> None:
    secret = b"SECRET"
    for said in (
        b"SSH-2.0-SECRET\r\n",
        b"-ERR SECRET\r\n",
        b"HTTP/1.1 200 SECRET\r\nSECRET\r\n\r\n",
        answer("Content-Type: text/html", "X: SECRET", status="500 SECRET", body=secret),
        answer("Content-Type: application/SECRET", body=secret),
        answer("Content-Type: text/html", "Content-Encoding: SECRET", body=secret),
        answer("Content-Type: text/html", "Content-Length: SECRET", body=secret),
        answer("Content-Type: text/html", "Content-Length: 1000", body=secret),
        answer("Transfer-Encoding: chunked", HTML, body=b"SECRET\r\n"),
        b"",
    ):
        async with Site({"/": said}).served() as site:
            with pytest.raises(FetchError) as told:
                await got(site, "http://docs.example/")
        assert "SECRET" not in str(told.value)


# What it is called


def test_kinds_and_names() -> None:
    octets = "application/octet-stream"
    for url, media, disposition, name in (
        ("/", "text/html", "", "docs.example.html"),
        ("/a/b/", "text/html", "", "b.html"),
        ("/law.htm", "text/html", "", "law.htm"),
        ("/view.php?id=3", "text/html", "", "view.php_id=3.html"),
        ("/view.php?id=4&lang=zh", "TEXT/HTML ;charset=gbk", "", "view.php_id=4_lang=zh.html"),
        ("/README.md", "text/plain; charset=utf-8", "", "README.md"),
        ("/README.md", "text/html", "", "README.html"),
        ("/notes", "text/plain", "", "notes.txt"),
        ("/notes", "text/markdown", "", "notes.md"),
        ("/table.csv", "application/vnd.ms-excel", "", "table.csv"),
        ("/law.pdf?v=2", "application/pdf", "", "law_v=2.pdf"),
        ("/law.PDF", octets, "", "law.pdf"),
        ("/get?file=law.docx", octets, "", "get_file=law.docx"),
        ("/law.docx", "application/zip", "", "law.docx"),
        ("/law.pdf", "", "", "law.pdf"),
        ("/%E6%B0%91%E6%B3%95%E5%85%B8.pdf", "application/pdf", "", "民法典.pdf"),
        ("/get", "application/pdf", 'attachment; filename="law.pdf"', "law.pdf"),
        ("/get", "application/pdf", "attachment; filename=x; filename*=UTF-8''%E6%B3%95.pdf", "法.pdf"),
        ("/get", "application/pdf", 'attachment; filename="%E6%B3%95.pdf"', "法.pdf"),
        ("/get", "text/html", 'attachment; filename="../../etc/passwd"', "passwd.html"),
        ("/get", "text/html", 'attachment; filename="..\\\\..\\\\boot.ini"', "boot.ini.html"),
        ("/get", "text/html", 'attachment; filename="%2e%2e%2f.hidden"', "hidden.html"),
        ("/get", "text/html", 'attachment; filename=".."', "document.html"),
        ("/..%2f..%2f.bashrc", "text/plain", "", "bashrc.txt"),
        ("/a%00b%0a\u202egpj.html", "text/html", "", "a_b_gpj.html"),
        ("/~$a.docx", octets, "", "a.docx"),
    ):
        headers = httpx.Headers({"content-type": media, "content-disposition": disposition})
        assert name_of(httpx.URL(f"http://docs.example{url}"), headers) == name, url
    long = httpx.URL("http://docs.example/" + "法" * 300 + ".pdf?X-Signature=" + "5" * 400)
    name = name_of(long, httpx.Headers({"content-type": "application/pdf"}))
    assert len(name.encode()) <= 130
    assert "555555555" not in name
    short = httpx.URL("http://docs.example/law.pdf?X-Signature=" + "5" * 400)
    assert len(name_of(short, httpx.Headers({"content-type": "application/pdf"}))) == len("law_12345678.pdf")


@pytest.mark.parametrize(
    ("path", "media", "said"),
    [
        ("/a.png", "image/png", "page"),
        ("/a.html", "image/png", "page"),
        ("/a.doc", "application/msword", "save it as .docx"),
        ("/a.exe", "application/octet-stream", "page"),
        ("/a", "", "page"),
        ("/a.json", "application/json", "page"),
    ],
)
async def test_kinds_that_are_not_read(path: str, media: str, said: str) -> None:
    async with Endless(answer(f"Content-Type: {media}"), b"a" * 1000).served() as site:
        assert said in await refused(KindError, site, f"http://docs.example{path}")
    assert site.sent < 10_000_000


MEDIA = st.sampled_from(["text/html", "text/plain", "application/pdf", "application/octet-stream", ""]) | st.text()


@given(st.text(), st.text(), st.text() | st.text().map("attachment; filename={}".format), MEDIA)
@example("/", "", "attachment; filename*=nonsense'x'%ff%00", "text/html")
@example("/", "", 'attachment; filename="a\r\nb"', "text/html")
def test_any_name_is_one_of_the_folder(path: str, query: str, disposition: str, media: str) -> None:
    url = httpx.URL(f"https://docs.example/{quote(path)}?{quote(query)}")
    headers = httpx.Headers()
    headers._list = [(b"", name, value.encode()) for name, value in (
        (b"content-type", media), (b"content-disposition", disposition)
    )]  # fmt: skip
    try:
        name = name_of(url, headers)
    except KindError:
        return
    assert suffix(name) in SUFFIXES
    assert name.isprintable()
    assert len(name.encode()) <= 130
    assert _place(Path("/docs"), name) == Path("/docs", name)
    assert not name.startswith((".", "~"))


# What is public


@given(st.ip_addresses(v=4))
def test_ipv4(address: IPv4Address) -> None:
    """As the standard library has it from IANA; so is what NAT64 makes of it, and nothing else that holds it."""
    public = address.is_global and not address.is_multicast and str(address) != "168.63.129.16"
    number = int(address)
    assert is_public(address) == public
    assert is_public(IPv6Address((0x64FF9B << 96) | number)) == public
    for holding in (0xFFFF << 32, 0, 0x2002 << 112, 0x20010000 << 96, 0x64FF9B0001 << 80, 0xFE80 << 112, 0xFC00 << 112):
        assert not is_public(IPv6Address(holding | number))
    assert not is_public(IPv6Address((0x2002 << 112) | (number << 80)))


@given(st.ip_addresses(v=6))
def test_ipv6(address: IPv6Address) -> None:
    if is_public(address):
        assert address.packed[0] >> 5 == 1 or address.packed[:4] == bytes.fromhex("0064ff9b")
        assert not any((address.is_private, address.is_multicast, address.is_reserved and address.packed[0] >> 5 == 1))
    elif address.packed[0] >> 5 == 1:
        assert address.is_private or address.sixtofour or address.teredo


def test_public_ones() -> None:
    for address in ("8.8.8.8", "1.1.1.1", "114.114.114.114", SITE, OTHER, "2400:3200::1", "64:ff9b::808:808"):
        assert is_public(ip_address(address)), address


@settings(max_examples=60, deadline=None)
@given(
    st.text()
    | st.text().map("http://{}".format)
    | st.from_regex(r"https?://[a-z0-9.%@:\[\]\\/-]{1,20}", fullmatch=True)
)
def test_any_text_is_an_address_or_refused(url: str) -> None:
    with pytest.raises(FetchError):
        asyncio.run(fetch(url, resolve=Names()))


@settings(max_examples=30, deadline=None)
@given(st.text(st.characters(min_codepoint=32, max_codepoint=255), min_size=1))
def test_any_redirect_leads_somewhere_or_is_refused(to: str) -> None:
    async def ask() -> None:
        wire = httpx.MockTransport(lambda _: httpx.Response(302, headers=[(b"location", to.encode("latin-1"))]))
        await fetch("http://docs.example/", resolve=Names(docs_example=[[SITE]]), wire=lambda _: wire)

    with pytest.raises(FetchError):
        asyncio.run(ask())
