"""The routes: what `page/backend-server.js` asks by HTTP, answered by an `Explorer`."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from infogan.explore.explorer import MOST, Explorer
from infogan.explore.files import PageFile, page_files
from infogan.explore.guard import Guard
from infogan.explore.limits import Places, read_body, while_there
from infogan.explore.upload import MOST_BYTES
from infogan.utils.errors import InfoganError

MOST_NAME_BYTES = 2000
WAITING = 64  # requests to the model beside the one that it computes
UPLOADS = 4  # whose bytes are held at once

T = TypeVar("T")


def make_app(explorer: Explorer, token: str | None = None) -> Guard:
    """The server of one run.

    Args:
        token: what clients must have; None where only this machine is answered, which Host must then say.
    """
    latent = explorer.model.latent
    most_numbers = 4 * MOST * (len(latent.codes) + latent.n_z)
    line = Places(1 + WAITING, "Too many ask this explorer at once; try again in a second.")
    uploads = Places(UPLOADS, "Too many pictures are being read; try again in a second.")

    async def by_model(request: Request, call: Callable[..., T], *args: Any) -> T:
        with line.take():
            return await while_there(request, lambda: explorer.submit(call, *args))

    async def info(request: Request) -> Response:
        return JSONResponse(explorer.info())

    async def draw(request: Request) -> Response:
        seed = request.query_params.get("seed", "0")
        if not (seed.isascii() and seed.isdecimal() and len(seed) < 10):
            raise InfoganError("seed must be a whole number.")
        return _bytes(await by_model(request, explorer.draw, int(seed)))

    async def decode(request: Request) -> Response:
        body = await read_body(request, most_numbers, f"decode makes at most {MOST} images at a time.")
        return _bytes(await by_model(request, explorer.decode, body))

    async def encode(request: Request) -> Response:
        too_much = f"This file is too large; at most {MOST_BYTES // 1_000_000} MB are read."
        with uploads.take():  # until it is encoded, as it is held until then
            content = await read_body(request, MOST_BYTES, too_much)
            return JSONResponse(await by_model(request, explorer.encode, content))

    async def give_name(request: Request) -> Response:
        body = await read_body(request, MOST_NAME_BYTES, "This name is too long.")
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

    page = page_files()
    app = Starlette(
        routes=[
            Route("/model.json", info),
            Route("/draw", draw),
            Route("/decode", decode, methods=["POST"]),
            Route("/encode", encode, methods=["POST"]),
            Route("/names", give_name, methods=["PUT"]),
            Route("/learning", learning),
            Route("/", _sends(page["index.html"])),
            *(Route(f"/{name}", _sends(file)) for name, file in page.items()),
        ],
        exception_handlers={InfoganError: _refused, HTTPException: _no_route, Exception: _failed},
    )
    app.router.redirect_slashes = False
    return Guard(app, token)  # around all of it, the answer to a mistake of ours too


def _sends(file: PageFile) -> Callable[[Request], Awaitable[Response]]:
    async def send(request: Request) -> Response:
        return Response(file.content, media_type=file.media_type)

    return send


def _bytes(content: bytes) -> Response:
    return Response(content, media_type="application/octet-stream")


async def _refused(request: Request, error: Exception) -> Response:
    return JSONResponse({"error": str(error)}, 400)


async def _no_route(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    path = request.scope["path"]
    says = {404: f"There is nothing at {path}.", 405: f"{path} takes no {request.method}."}
    return JSONResponse(
        {"error": says.get(error.status_code, error.detail)}, error.status_code, headers=error.headers
    )


async def _failed(request: Request, error: Exception) -> Response:
    return JSONResponse({"error": "The explorer made a mistake; the terminal says which."}, 500)
