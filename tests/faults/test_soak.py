"""The explorer under many clients at once: nothing lost, the same bits each time, and no memory kept."""

import hashlib
import io
import json
import os
import random
import re
import resource
import shutil
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from http.client import HTTPConnection
from pathlib import Path
from typing import NamedTuple, final

import numpy as np
import pytest
from PIL import Image

from infogan.runs.find import shipped_run_path

ROOT = Path(__file__).parent.parent.parent
IDLE = 500  # connections
FLAT = 1.05  # of the memory after the warm-up


class Server(NamedTuple):
    """An explorer in a process of its own."""

    port: int
    pid: int

    def memory(self) -> float:
        """MB that it holds."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        (kilobytes,) = re.findall(r"VmRSS:\s+(\d+) kB", status)
        return int(kilobytes) / 1000


class Request(NamedTuple):
    """What is asked; the same is to be answered with the same bits."""

    kind: str
    method: str
    path: str
    body: bytes = b""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    if not Path("/proc/self/status").exists():
        pytest.skip("memory is read from /proc")
    run = shutil.copytree(shipped_run_path(), tmp_path_factory.mktemp("soak") / "mnist")
    line = [sys.executable, "-m", "infogan", "explore", str(run), "--port", "0", "--no-browser"]
    env = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(line, stderr=subprocess.PIPE, text=True, env=env) as process:
        try:
            assert process.stderr is not None
            said = process.stderr.readline()
            found = re.search(r"http://127\.0\.0\.1:(\d+)", said)
            assert found, said
            made = Server(int(found[1]), process.pid)
            learned(made)
            yield made
            assert process.poll() is None, "the explorer died"
            process.terminate()
            assert process.communicate(timeout=30)[1] == ""  # and said nothing of what it was sent
        finally:
            process.kill()


def learned(server: Server) -> None:
    """Waits until encode has its last word on z."""
    end = time.monotonic() + 300
    client = Client(server, [])
    client.answer(Request("decode", "POST", "/decode", bytes(4 * 65)))
    while json.loads(client.answer(Request("learning", "GET", "/inversion-progress")))["progress"] < 1:
        assert time.monotonic() < end
        time.sleep(0.5)
    client.connection.close()


def requests(client: "Client") -> list[Request]:
    """All that is asked, each about as often as by a person who plays: mostly images of the codes."""
    drawn = [Request("sample", "GET", f"/sample?seed={seed}") for seed in range(20)]
    bodies = []
    for one in drawn:
        numbers = np.frombuffer(client.answer(one), "<f4")
        z, values = numbers[: 8 * 62].reshape(8, 62), numbers[8 * 62 :].reshape(8, 3)
        bodies.append(np.concatenate([values, z], axis=1).astype("<f4").tobytes())
    decoded = [Request("decode", "POST", "/decode", body) for body in bodies]
    decoded.append(Request("decode", "POST", "/decode", b"".join(bodies[:10])))  # of a sweep
    images = np.frombuffer(client.answer(decoded[0]), np.uint8).reshape(8, 28, 28)
    encoded = []
    for image in images:
        file = io.BytesIO()
        Image.fromarray(image).resize((200, 200)).save(file, "PNG")
        encoded.append(Request("encode", "POST", "/encode", file.getvalue()))
    refused = [Request("refused", "POST", "/encode", b"hello"), Request("refused", "GET", "/nowhere")]
    page = [Request("page", "GET", path) for path in ("/", "/page.js", "/style.css")]
    info = [Request("info", "GET", "/model.json"), Request("info", "GET", "/inversion-progress")]
    return [*drawn * 3, *decoded * 6, *encoded, *refused * 3, *page * 4, *info * 6]


@final
class Client:
    """One of many; it asks again, when it is told that the explorer is busy."""

    def __init__(self, server: Server, mix: list[Request]) -> None:
        self.connection = HTTPConnection("127.0.0.1", server.port, timeout=120)
        self.mix = mix
        self.busy = 0  # answers 503
        self.seconds: list[tuple[str, float]] = []  # from the first try to the answer
        self.hashes: list[tuple[Request, str]] = []
        self.failed: list[str] = []

    def answer(self, request: Request) -> bytes:
        while True:
            self.connection.request(request.method, request.path, request.body or None)
            response = self.connection.getresponse()
            content = response.read()
            if response.status != 503:
                expected = (400, 404) if request.kind == "refused" else (200,)
                assert response.status in expected, f"{request.path}: {response.status} {content[:200]!r}"
                return content
            self.busy += 1
            time.sleep(float(response.headers["Retry-After"]) * random.uniform(0.5, 1.5))

    def play(self, n: int, seed: int) -> None:
        """Asks n things, one after the other."""
        rng = random.Random(seed)
        for _ in range(n):
            request = rng.choice(self.mix)
            start = time.perf_counter()
            try:
                content = self.answer(request)
            except Exception as error:  # of whatever kind, it is a request that was lost
                self.failed.append(f"{request.method} {request.path}: {error!r}")
                self.connection.close()
                continue
            self.seconds.append((request.kind, time.perf_counter() - start))
            self.hashes.append((request, hashlib.sha256(content).hexdigest()))
        self.connection.close()


def at_once(server: Server, mix: list[Request], clients: int, n: int, seed: int) -> list[Client]:
    """Clients that ask n things in all, after they are done."""
    made = [Client(server, mix) for _ in range(clients)]
    threads = [
        threading.Thread(target=client.play, args=(n // clients, 1000 * seed + i))
        for i, client in enumerate(made)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=1200)
        assert not thread.is_alive()
    return made


def test_many_clients_lose_nothing_and_leave_nothing(server: Server, nightly: bool) -> None:
    clients, total, parts = (50, 10_000, 20) if nightly else (10, 400, 10)
    first = Client(server, [])
    mix = requests(first)
    expected = {request: hashlib.sha256(first.answer(request)).hexdigest() for request in dict.fromkeys(mix)}
    first.connection.close()
    at_once(server, mix, clients, total // 10, seed=0)  # allocators take their time

    done: list[Client] = []
    memory = [server.memory()]
    start = time.perf_counter()
    for part in range(parts):
        done += at_once(server, mix, clients, total // parts, seed=1 + part)
        memory.append(server.memory())
    took = time.perf_counter() - start

    assert [text for client in done for text in client.failed] == []
    hashes = [pair for client in done for pair in client.hashes]
    assert len(hashes) == total
    assert [request.path for request, found in hashes if found != expected[request]] == []
    before, after = statistics.median(memory[:3]), statistics.median(memory[-3:])
    seconds = np.array([s for client in done for kind, s in client.seconds if kind == "decode"])
    p50, p95 = 1000 * np.quantile(seconds, [0.5, 0.95])
    print(
        f"\n{total} requests by {clients} clients in {took:.1f} s: {total / took:.0f} a second, "
        f"decode p50 {p50:.0f} ms, p95 {p95:.0f} ms; {sum(client.busy for client in done)} times busy; "
        f"memory {before:.0f} MB, at the end {after:.0f} MB"
    )
    assert after < FLAT * before


def test_idle_connections_keep_nobody_out(server: Server) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * IDLE if hard == resource.RLIM_INFINITY else min(2 * IDLE, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    try:
        with ExitStack() as stack:
            for n in range(IDLE):
                connection = stack.enter_context(
                    socket.create_connection(("127.0.0.1", server.port), timeout=30)
                )
                if n % 2:
                    connection.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n")  # and no more
            start = time.monotonic()
            client = Client(server, [])
            for path in ("/", "/model.json", "/sample?seed=1"):
                assert client.answer(Request("page", "GET", path))
            assert client.busy == 0
            assert time.monotonic() - start < 5
            client.connection.close()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
