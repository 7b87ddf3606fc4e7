"""The explorer as a server: its access control, its limits for one client, and its paths."""

import json
import os
import re
import select
import socket
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urljoin, urlsplit

import httpx
import pytest
from commands import fail
from playwright.sync_api import Page
from starlette.testclient import TestClient

from infogan.config import Config
from infogan.explore.access import SECURITY_HEADERS, TOKEN_REQUIRED
from infogan.explore.explorer import Explorer
from infogan.explore.serve import listen, make_server
from infogan.explore.server import MAX_UPLOADS, MAX_WAITING, make_app
from infogan.method.inversion import Inversion, make_encoder
from infogan.runs.inversion import save_inversion
from infogan.runs.run import Run

ROOT = Path(__file__).parent.parent
TOKEN = "a-token-that-nobody-knows"
LAB = "http://lab.example:8000"
PLAIN = Config.from_options(images="digits", architecture="digits", codes="cat:10 unif:2 noise:8")
ROW = bytes(4 * 11)  # of decode
ROUTES = [
    ("GET", "/"),
    ("HEAD", "/"),
    ("GET", "/index.html"),
    ("GET", "/page.js"),
    ("GET", "/model.json"),
    ("GET", "/sample?seed=1"),
    ("GET", "/inversion-progress"),
    ("POST", "/decode"),
    ("POST", "/encode"),
    ("PUT", "/names"),
    ("POST", "/real-images"),
    ("POST", "/encode-real"),
    ("GET", "/map"),
    ("GET", "/map.js"),
    ("PUT", "/image-classes"),
    ("GET", "/labels.csv?code=c1"),
    ("GET", "/nowhere"),
]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, untrained_run: Callable[..., Run]) -> Run:
    """A run with something that reads z, so that nothing is learned beside."""
    made = untrained_run(tmp_path_factory.mktemp("server") / "plain", PLAIN, gain=3.0)
    model = made.model()
    save_inversion(made, Inversion(model, make_encoder(model)))
    return made


@pytest.fixture(scope="module")
def explorer(run: Run) -> Iterator[Explorer]:
    made = Explorer(run)
    yield made
    made.close()


@pytest.fixture
def lab(explorer: Explorer) -> TestClient:
    """A client without the token of an explorer that is not bound to loopback."""
    return TestClient(make_app(explorer, token=TOKEN), base_url=LAB, follow_redirects=False)


@contextmanager
def serving(*explorers: Explorer, token: str | None = None) -> Iterator[int]:
    """The port at which they are served, as the program does."""
    with listen("127.0.0.1", 0) as listening:
        server = make_server(make_app(*explorers, token=token))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            yield listening.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join(timeout=30)


@contextmanager
def held(explorer: Explorer) -> Iterator[Callable[[], None]]:
    """The model's thread does nothing until the function is called, or the block ends."""
    go = threading.Event()
    explorer.submit(go.wait, 60)
    try:
        yield go.set
    finally:
        go.set()


class Answer(NamedTuple):
    """What came back, and whether the connection was then closed."""

    status: int
    headers: dict[str, str]
    body: bytes


def answer_of(connection: socket.socket) -> Answer:
    with HTTPResponse(connection) as response:
        response.begin()
        return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())


class Wire:
    """A client that sends by hand, to a server; its connections are closed with the test."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.made: list[socket.socket] = []

    def connect(self) -> socket.socket:
        self.made.append(socket.create_connection(("127.0.0.1", self.port), timeout=30))
        return self.made[-1]

    def send(
        self, method: str, path: str, body: bytes = b"", head: str = "", content_length: int | None = None
    ) -> socket.socket:
        """A connection on which a request was sent.

        Args:
            head: more lines of it.
            content_length: Content-Length, if it is not that of the body.
        """
        length = len(body) if content_length is None else content_length
        host = f"Host: 127.0.0.1:{self.port}"
        lines = f"{method} {path} HTTP/1.1\r\n{host}\r\nContent-Length: {length}\r\n{head}\r\n"
        connection = self.connect()
        connection.sendall(lines.encode() + body)
        return connection

    def ask(self, method: str, path: str, body: bytes = b"", head: str = "") -> Answer:
        with self.send(method, path, body, head) as connection:
            return answer_of(connection)


@pytest.fixture
def wire(explorer: Explorer) -> Iterator[Wire]:
    with serving(explorer) as port:
        made = Wire(port)
        yield made
        for connection in made.made:
            connection.close()


def is_closed(connection: socket.socket, within: float) -> bool:
    connection.settimeout(within)
    try:
        return connection.recv(1) == b""
    except TimeoutError:
        return False
    except ConnectionError:
        return True


def assert_security_headers(headers: Any) -> None:
    """The headers of every response."""
    for name, value in SECURITY_HEADERS.items():
        assert headers[name.lower()] == value
    assert "default-src 'none'" in SECURITY_HEADERS["Content-Security-Policy"]


# Access control


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_every_route_requires_the_token(lab: TestClient, explorer: Explorer, method: str, path: str) -> None:
    sign = "&" if "?" in path else "?"
    cookie = "infogan_8000"
    tries: list[tuple[str, dict[str, str]]] = [
        (path, {}),
        (f"{path}{sign}token=", {}),
        (f"{path}{sign}token=wrong", {}),
        (f"{path}{sign}token=%ff%00é", {}),
        (f"{path}{sign}token={TOKEN[:-1]}", {}),
        (f"{path}{sign}token={TOKEN}x", {}),
        (path, {"Cookie": f"{cookie}="}),
        (path, {"Cookie": f"{cookie}=wrong"}),
        (path, {"Cookie": f"other={TOKEN}"}),
        (path, {"Cookie": b"infogan_8000=\xff\xfe"}),
    ]
    if method not in ("GET", "HEAD"):
        tries.append((f"{path}{sign}token={TOKEN}", {}))  # only GET turns a token into a cookie
    for url, headers in tries:
        answer = lab.request(method, url, headers=headers)
        assert answer.status_code == 403
        assert_security_headers(answer.headers)
        assert not lab.cookies
        if method != "HEAD":
            assert "the whole address that the terminal shows" in answer.json()["error"]
            assert TOKEN not in answer.text
    allowed = lab.request(method, path, headers={"Cookie": f"{cookie}={TOKEN}"})
    assert allowed.status_code not in (303, 403)
    with_cookie = TestClient(make_app(explorer, token=TOKEN), base_url=LAB, cookies={cookie: TOKEN})
    assert with_cookie.request(method, path, headers={"Origin": "http://evil.example"}).status_code == (
        403 if method in ("POST", "PUT") else allowed.status_code
    )


def test_the_token_of_the_address_becomes_a_cookie(lab: TestClient) -> None:
    first = lab.get(f"/?token={TOKEN}")
    assert first.status_code == 303
    assert first.headers["location"] == "./"
    assert TOKEN not in first.text
    assert_security_headers(first.headers)
    name_and_value, *attributes = first.headers["set-cookie"].split("; ")
    assert name_and_value == f"infogan_8000={TOKEN}"
    assert {a.lower() for a in attributes} == {
        "httponly",
        "path=/",
        "samesite=strict",
    }  # no expiry: it ends with the session
    assert lab.get("/").status_code == 200
    assert lab.post("/decode", content=ROW).status_code == 200
    again = lab.get(f"/sample?seed=3&token={TOKEN}&x=%26")
    assert again.headers["location"] == "./sample?seed=3&x=%26"


@pytest.mark.parametrize(
    "path", ["//evil.example/", "//evil.example/x", "/%5cevil.example", "/https:%2f%2fevil.example"]
)
def test_the_redirect_stays_on_this_host(lab: TestClient, path: str) -> None:
    answer = lab.send(lab.build_request("GET", f"{LAB}{path}?token={TOKEN}"))
    assert answer.status_code == 303
    assert urlsplit(urljoin(LAB + path, answer.headers["location"])).netloc == "lab.example:8000"
    assert TOKEN not in answer.headers["location"]


def test_tokens_are_compared_in_constant_time(lab: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr("secrets.compare_digest", lambda a, b: bool(asked.append((a, b))))
    lab.get("/?token=guess", headers={"Cookie": "infogan_8000=other"})
    assert asked == [(b"guess", TOKEN.encode()), (b"other", TOKEN.encode())]


def test_two_explorers_on_a_host_have_their_own_cookies(explorer: Explorer) -> None:
    """Browsers send a host's cookies to all of its ports."""
    apps = {port: make_app(explorer, token=f"token{port}") for port in (8000, 8001)}
    jar: dict[str, str] = {}
    for port, app in apps.items():
        client = TestClient(app, base_url=f"http://lab.example:{port}")
        assert client.get(f"/?token=token{port}").status_code == 200
        jar.update(client.cookies)
    header = {"Cookie": "; ".join(f"{name}={value}" for name, value in jar.items())}
    for port, app in apps.items():
        client = TestClient(app, base_url=f"http://lab.example:{port}")
        assert client.get("/", headers=header).status_code == 200


@contextmanager
def program(run: Run, *options: str) -> Iterator[tuple["subprocess.Popen[str]", list[str]]]:
    """`infogan explore`, and what it prints up to the address."""
    line = [
        sys.executable,
        "-m",
        "infogan",
        "explore",
        str(run.path),
        "--port",
        "0",
        "--no-browser",
        *options,
    ]
    env = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        line, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env
    ) as process:
        timer = threading.Timer(60, process.kill)
        timer.start()
        try:
            assert process.stderr is not None
            lines = [process.stderr.readline()]
            while lines[-1] and "http://" not in lines[-1]:
                lines.append(process.stderr.readline())
            yield process, lines
        finally:
            timer.cancel()
            process.kill()


def test_the_command_prints_a_token_beyond_loopback_and_stores_it_nowhere(run: Run) -> None:
    with program(run, "--host", "0.0.0.0") as (process, lines):
        found = re.search(r"http://127\.0\.0\.1:(\d+)/\?token=(\S{40,}) ;", lines[-1])
        assert found, lines
        assert "nothing is encrypted" in lines[0]
        url, token = f"http://127.0.0.1:{found[1]}", found[2]
        with httpx.Client(base_url=url, headers={"Host": f"lab.example:{found[1]}"}) as client:
            assert client.get("/").status_code == 403
            assert client.get("/nowhere", params={"token": token[:-1]}).status_code == 403
            assert client.get("/", params={"token": token}).status_code == 303
        cookies = {f"infogan_{found[1]}": token}
        with httpx.Client(base_url=url, cookies=cookies) as client:
            assert client.put("/names", json={"code": "c1", "name": "digit"}).status_code == 200
            assert client.get("/nowhere").status_code == 404
            assert client.put("/names", json={"code": "c1", "name": ""}).status_code == 200
        process.terminate()
        rest = process.communicate(timeout=30)
    assert rest == ("", "")  # requests are not logged
    for file in run.path.rglob("*"):
        assert file.is_dir() or token.encode() not in file.read_bytes()
    with program(run, "--host", "0.0.0.0") as (_, lines):
        assert "token=" in lines[-1]
        assert token not in lines[-1]  # a new one each time


def test_loopback_needs_no_token(run: Run) -> None:
    with program(run) as (_, lines):
        assert "token" not in "".join(lines)
        found = re.search(r"http://127\.0\.0\.1:\d+", lines[-1])
        assert found, lines
        assert httpx.get(f"{found[0]}/model.json").status_code == 200


def test_the_page_works_with_a_token_and_does_not_show_it(page: Page, explorer: Explorer) -> None:
    asked: list[dict[str, str]] = []
    page.on("request", lambda request: asked.append({"url": request.url, **request.all_headers()}))
    with serving(explorer, token=TOKEN) as port:
        page.goto(f"http://127.0.0.1:{port}/?token={TOKEN}#seed=7")
        page.wait_for_selector("#cells[data-shown='seed=7']")
        assert page.url == f"http://127.0.0.1:{port}/#seed=7"
        page.click("#shuffle")
        page.wait_for_function("() => location.hash !== '#seed=7'")
        assert TOKEN not in page.url
        assert TOKEN not in page.evaluate(
            "() => document.cookie + JSON.stringify(localStorage) + document.referrer"
        )
        page.goto(f"http://127.0.0.1:{port}/")  # in the same session
        page.wait_for_selector("#cells[data-shown]")
    assert len(asked) > 10
    assert sum(TOKEN in request["url"] for request in asked) == 1
    assert not any(TOKEN in request.get("referer", "") for request in asked)


# Limits


def test_two_runs_have_a_page_each_behind_one_token(page: Page, explorer: Explorer) -> None:
    with serving(explorer, explorer, token=TOKEN) as port:
        url = f"http://127.0.0.1:{port}"
        for method, path in ROUTES[3:-1]:
            for folder in ("1", "2"):
                response = httpx.request(method, f"{url}/{folder}{path}")
                assert (response.status_code, response.json()) == (403, {"error": TOKEN_REQUIRED})
                assert_security_headers(response.headers)
        page.goto(f"{url}/?token={TOKEN}")
        assert page.title() == "plain and plain · infogan"
        frames = page.frames[1:]
        assert [frame.url for frame in frames] == [f"{url}/1/", f"{url}/2/"]
        for frame in frames:
            frame.wait_for_selector("#cells[data-shown]")
        frames[1].fill("#seed", "7")
        frames[1].press("#seed", "Enter")
        frames[1].wait_for_selector("#cells[data-shown='seed=7']")
        assert frames[0].get_attribute("#cells", "data-shown") == ""
        boxes = []
        for width in (1400, 400):
            page.set_viewport_size({"width": width, "height": 800})
            boxes.append([e.bounding_box() for e in page.locator("iframe").all()])
    (left, right), (upper, lower) = boxes
    assert left["y"] == right["y"]
    assert left["x"] + left["width"] <= right["x"]
    assert upper["x"] == lower["x"]
    assert upper["y"] + upper["height"] <= lower["y"]


def test_a_missing_second_run_and_a_third_are_refused(run: Run, tmp_path: Path) -> None:
    options = ("--port", "0", "--no-browser")
    said = fail("explore", run.path, "nowhere", *options, cwd=tmp_path)
    assert said == "infogan: nowhere is not a run: it holds no config.json.\n"
    said = fail("explore", run.path, run.path, run.path, *options, cwd=tmp_path)
    assert said == "infogan: the explorer shows one run, or two side by side; these are 3.\n"


def test_too_many_requests_are_refused_and_the_others_answered(explorer: Explorer, wire: Wire) -> None:
    too_many = 5
    with held(explorer) as go:
        asking = [wire.send("GET", f"/sample?seed={seed}") for seed in range(1 + MAX_WAITING + too_many)]
        refused: set[socket.socket] = set()
        while len(refused) < too_many:
            some, _, _ = select.select(set(asking) - refused, [], [], 30)
            assert some, "nobody is refused"
            refused.update(some)
        go()
        answers = {connection: answer_of(connection) for connection in asking}
    assert len(refused) == too_many
    for seed, connection in enumerate(asking):
        status, headers, body = answers[connection]
        assert status == (503 if connection in refused else 200)
        assert_security_headers(headers)
        if status == 503:
            assert headers["retry-after"] == "1"
            assert "try again" in json.loads(body)["error"]
        else:
            assert body == explorer.sample(seed)
        connection.close()
    assert wire.ask("GET", "/sample?seed=1").status == 200


def test_requests_of_disconnected_clients_are_not_computed(
    explorer: Explorer, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    computed: list[int] = []
    sample, submit, submitted = explorer.sample, explorer.submit, threading.Semaphore(0)

    def counted_sample(seed: int) -> bytes:
        computed.append(seed)
        return sample(seed)

    def counted_submit(call: Callable[..., Any], *args: Any) -> Any:
        future = submit(call, *args)
        submitted.release()
        return future

    with held(explorer) as go:
        monkeypatch.setattr(explorer, "sample", counted_sample)
        monkeypatch.setattr(explorer, "submit", counted_submit)
        for seed in range(1, 4):
            connection = wire.send("GET", f"/sample?seed={seed}")
            assert submitted.acquire(timeout=30)
            connection.close()
        stays = wire.send("GET", "/sample?seed=9")
        assert submitted.acquire(timeout=30)
        time.sleep(0.2)  # for the news to come through
        go()
        assert answer_of(stays).body == sample(9)
    assert computed == [9]


def test_the_number_of_uploads_being_read_is_limited(wire: Wire) -> None:
    with ExitStack() as stack:
        slow = [
            wire.send("POST", "/encode", content_length=999, head="Expect: 100-continue\r\n")
            for _ in range(MAX_UPLOADS)
        ]
        for connection in slow:
            stack.enter_context(connection)
            assert connection.recv(99).startswith(b"HTTP/1.1 100 ")  # it is being read
        status, headers, body = wire.ask("POST", "/encode", b"hello")
        assert status == 503
        assert headers["retry-after"] == "1"
        assert_security_headers(headers)
        assert "pictures" in json.loads(body)["error"]
        assert wire.ask("POST", "/decode", ROW).status == 200
        slow[0].close()
        until(lambda: wire.ask("POST", "/encode", b"hello").status == 400)  # it is read again


def test_the_number_of_uploads_in_memory_is_limited(explorer: Explorer, wire: Wire) -> None:
    """An upload of up to 20 MB is held until it is encoded."""
    with held(explorer) as go:
        asking = [wire.send("POST", "/encode", b"hello") for _ in range(MAX_UPLOADS + 1)]
        refused, _, _ = select.select(asking, [], [], 30)
        go()
        statuses = [answer_of(connection).status for connection in asking]
    assert len(refused) == 1
    assert sorted(statuses) == [400] * MAX_UPLOADS + [503]


def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.mark.parametrize(("method", "path"), [("POST", "/decode"), ("POST", "/encode"), ("PUT", "/names")])
def test_a_slow_body_times_out(wire: Wire, monkeypatch: pytest.MonkeyPatch, method: str, path: str) -> None:
    monkeypatch.setattr("infogan.explore.limits.BODY_TIMEOUT", 0.6)
    connection = wire.send(method, path, b"x", content_length=44)
    stop = threading.Event()

    def drip() -> None:
        while not stop.wait(0.1):
            connection.send(b"x")  # a little now and then is not enough

    dripping = threading.Thread(target=drip)
    dripping.start()
    start = time.monotonic()
    status, headers, body = answer_of(connection)
    stop.set()
    dripping.join()
    assert status == 408
    assert 0.3 < time.monotonic() - start < 3
    assert_security_headers(headers)
    assert "longer than 0.6 s" in json.loads(body)["error"]
    assert is_closed(connection, within=5)


def test_idle_connections_are_closed(explorer: Explorer, wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infogan.explore.limits.HEAD_TIMEOUT", 0.6)
    silent = wire.connect()
    slow = wire.connect()
    slow.sendall(b"GET / HTTP/1.1\r\nHost: 127")
    second = wire.send("GET", "/model.json")
    assert answer_of(second).status == 200
    second.sendall(b"GET / HTTP/1.1\r\n")  # half of the next
    with held(explorer) as go:
        patient = wire.send("GET", "/sample?seed=1")
        for connection in (silent, slow, second):
            assert is_closed(connection, within=5)
        time.sleep(1)
        go()
        assert answer_of(patient).body == explorer.sample(1)  # a complete request may wait


def test_too_many_connections_are_refused(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infogan.explore.limits.MAX_CONNECTIONS", 10)
    with ExitStack() as stack:
        within = HTTPConnection("127.0.0.1", wire.port, timeout=30)
        stack.callback(within.close)
        for _ in range(9):
            stack.enter_context(wire.connect())
        within.request("GET", "/model.json")
        assert within.getresponse().read()
        outside = wire.send("GET", "/model.json")
        status, headers, body = answer_of(outside)
        assert status == 503
        assert headers["retry-after"] == "1"
        assert_security_headers(headers)
        assert "Too many" in json.loads(body)["error"]
        assert is_closed(outside, within=5)
        within.request("GET", "/inversion-progress")
        assert within.getresponse().status == 200
    until(lambda: wire.ask("GET", "/inversion-progress").status == 200)


def test_an_endless_head_is_refused(wire: Wire) -> None:
    connection = wire.connect()
    connection.sendall(b"GET / HTTP/1.1\r\nX: " + bytes(20_000))
    assert answer_of(connection).status == 400
    assert is_closed(connection, within=5)


def test_every_error_has_the_security_headers(explorer: Explorer) -> None:
    client = TestClient(make_app(explorer), base_url="http://127.0.0.1:8000", raise_server_exceptions=False)
    expected = {
        403: client.get("/", headers={"Host": "evil.example"}),
        404: client.get("/nowhere"),
        405: client.put("/page.js"),
        400: client.post("/decode", content=b"x"),
        413: client.put("/names", content=bytes(9999)),
        200: client.get("/page.js"),
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Explorer, "info", lambda self: 1 // 0)
        expected[500] = client.get("/model.json")
    for status, answer in expected.items():
        assert answer.status_code == status
        assert_security_headers(answer.headers)
    assert set(expected[405].headers["allow"].split(", ")) == {"GET", "HEAD"}


# Paths


def test_static_files_have_their_types_and_heads(explorer: Explorer) -> None:
    client = TestClient(make_app(explorer), base_url="http://127.0.0.1:8000")
    folder = ROOT / "infogan" / "explore" / "page"
    types = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
    for file in folder.iterdir():
        answer = client.get(f"/{file.name}")
        assert answer.content == file.read_bytes()
        assert answer.headers["content-type"].split(";")[0] == types[file.suffix]
        head = client.head(f"/{file.name}")
        assert head.status_code == 200
        assert head.content == b""
        assert head.headers["content-length"] == str(file.stat().st_size)
    assert client.get("/").content == (folder / "index.html").read_bytes()


HOSTILE = [
    *(
        "/../names.json",
        "/../../../../../etc/passwd",
        "/%2e%2e/server.py",
        "/..%2fserver.py",
        "/%2e%2e%2fserver.py",
    ),
    *(
        "/..%5cserver.py",
        "/..\\server.py",
        "/%252e%252e/server.py",
        "/.%00./x",
        "/page.js%00",
        "/page.js%00.html",
    ),
    *(
        "/etc/passwd",
        "//etc/passwd",
        "/file:///etc/passwd",
        "/C:/windows",
        "/./page.js",
        "/page.js/",
        "/page.js/..",
    ),
    *(
        "/%c0%ae%c0%ae/x",
        "/%ff%fe",
        "/%0a/../x",
        "/page/../page.js",
        "/__init__.py",
        "/names.json",
        "/CON",
        "/~root",
    ),
    *(f"/{'a' * 9000}", f"/{'../' * 3000}x", f"/{'%2e%2e/' * 2000}x", "/page.js;x", "/%7b%7d", "/PAGE.JS"),
    *(
        "/nowhere?file=../../../etc/passwd",
        "/sample?seed=../../etc/passwd",
        "/page.js%20",
        "/%e2%80%ae",
        "*",
        "x",
    ),
]
WATCHED = """
    import json, socket, sys, threading
    from http.client import HTTPResponse
    from pathlib import Path
    from infogan.explore.explorer import Explorer
    from infogan.explore.serve import listen, make_server
    from infogan.explore.server import make_app
    from infogan.runs.run import Run

    touched, watching = [], False

    def watch(event, args):
        kind = event.split(".")[0]
        if watching and kind in ("open", "os", "pathlib", "glob", "shutil", "import"):
            touched.append([event, repr(args)])

    sys.addaudithook(watch)
    explorer, listening = Explorer(Run.open(Path(sys.argv[1]))), listen("127.0.0.1", 0)
    port = listening.getsockname()[1]
    server = make_server(make_app(explorer))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()

    def get(target):
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(f"GET {target} HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n".encode())
            response = HTTPResponse(connection)
            response.begin()
            return response.status, response.read().decode(errors="replace")[:200]

    get("/page.js"), get("/nowhere"), get("/sample?seed=x"), get("bad"), get("/model.json")
    watching = True
    get("/model.json")  # which reads names.json: the watch sees something
    seen, touched[:] = len(touched), []
    statuses = [get(target)[0] for target in json.loads(sys.argv[2])]
    pages = [get("/")[0], get("/page.js")[0]]
    watching = False
    print(json.dumps({"seen": seen, "touched": touched, "statuses": statuses, "pages": pages}))
    server.should_exit = True
    thread.join()
    explorer.close()
"""


def test_no_path_of_a_request_touches_the_file_system(run: Run) -> None:
    line = [sys.executable, "-c", textwrap.dedent(WATCHED), str(run.path), json.dumps(HOSTILE)]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(line, capture_output=True, text=True, timeout=120, env=env, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["seen"] > 0
    assert found["touched"] == []
    assert found["pages"] == [200, 200]
    assert dict(zip(HOSTILE, found["statuses"], strict=True)) == {
        target: 400 if target.startswith("/sample") else 404 for target in HOSTILE
    }
