"""The routes: what `page/backend-server.js` asks by HTTP, answered by an `Explorer`."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from infogan.errors import InfoganError
from infogan.explore.explorer import MOST, Explorer
from infogan.explore.guard import Guard
from infogan.explore.upload import MOST_BYTES

PAGE = Path(__file__).parent / "page"
MOST_NAME_BYTES = 2000

T = TypeVar("T")


def make_app(explorer: Explorer, loopback: bool = True) -> Starlette:
    """The server of one run.

    Args:
        loopback: whether only this machine is answered, which the header Host must then say.
    """
    latent = explorer.model.latent
    most_numbers = 4 * MOST * (len(latent.codes) + latent.n_z)

    async def by_model(call: Callable[..., T], *args: Any) -> T:
        return await asyncio.wrap_future(explorer.submit(call, *args))

    async def info(request: Request) -> Response:
        return JSONResponse(explorer.info())

    async def draw(request: Request) -> Response:
        seed = request.query_params.get("seed", "0")
        if not (seed.isascii() and seed.isdecimal() and len(seed) < 10):
            raise InfoganError("seed must be a whole number.")
        return _bytes(await by_model(explorer.draw, int(seed)))

    async def decode(request: Request) -> Response:
        too_much = f"decode makes at most {MOST} images at a time."
        return _bytes(await by_model(explorer.decode, await _body(request, most_numbers, too_much)))

    async def encode(request: Request) -> Response:
        too_much = f"This file is too large; at most {MOST_BYTES // 1_000_000} MB are read."
        return JSONResponse(await by_model(explorer.encode, await _body(request, MOST_BYTES, too_much)))

    async def give_name(request: Request) -> Response:
        body = await _body(request, MOST_NAME_BYTES, "This name is too long.")
        try:
            asked = json.loads(body)
            code, name = asked["code"], asked["name"]
        except (ValueError, RecursionError, TypeError, KeyError):
            code = name = None
        if not (isinstance(code, str) and isinstance(name, str)):
            raise InfoganError('names takes {"code": "c1", "name": "smile"}.')
        return JSONResponse(await asyncio.to_thread(explorer.names.give, code, name))

    async def learning(request: Request) -> Response:
        return JSONResponse({"done": explorer.learned})

    return Starlette(
        routes=[
            Route("/model.json", info),
            Route("/draw", draw),
            Route("/decode", decode, methods=["POST"]),
            Route("/encode", encode, methods=["POST"]),
            Route("/names", give_name, methods=["PUT"]),
            Route("/learning", learning),
            Mount("/", StaticFiles(directory=PAGE, html=True)),
        ],
        middleware=[Middleware(Guard, loopback=loopback)],
        exception_handlers={InfoganError: _refused, HTTPException: _no_route, Exception: _failed},
    )


async def _body(request: Request, most: int, too_much: str) -> bytes:
    """What was sent; not a byte of it is kept where it says itself that it is too much, nor after it is."""
    said = request.headers.get("content-length", "0")
    body = bytearray()
    if not said.isdecimal() or int(said) > most:
        raise HTTPException(413, too_much)
    try:
        async for part in request.stream():
            body += part
            if len(body) > most:
                raise HTTPException(413, too_much)
    except ClientDisconnect:
        raise HTTPException(400, "The request broke off.") from None
    return bytes(body)


def _bytes(content: bytes) -> Response:
    return Response(content, media_type="application/octet-stream")


async def _refused(request: Request, error: Exception) -> Response:
    return JSONResponse({"error": str(error)}, 400)


async def _no_route(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    says = {
        404: f"There is nothing at {request.url.path}.",
        405: f"{request.url.path} takes no {request.method}.",
    }
    return JSONResponse({"error": says.get(error.status_code, error.detail)}, error.status_code)


async def _failed(request: Request, error: Exception) -> Response:
    return JSONResponse({"error": "The explorer made a mistake; the terminal says which."}, 500)
