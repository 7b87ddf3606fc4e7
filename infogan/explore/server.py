"""The HTTP routes of the page's requests; `page/backend-server.js` is their client."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route

from infogan.explore.access import AccessMiddleware
from infogan.explore.explorer import MAX_IMAGES, Explorer
from infogan.explore.frames import make_frames
from infogan.explore.limits import RequestLimit, read_body, run_while_connected
from infogan.explore.static_files import StaticFile, read_static_files
from infogan.explore.upload import MAX_BYTES
from infogan.report.render import map_script, style
from infogan.utils.errors import InfoganError

MAX_NAME_BYTES = 2000
MAX_WAITING = 64  # requests that wait for the model
MAX_UPLOADS = 4  # in memory
MAX_GALLERIES = 8  # of real images, that are being made

T = TypeVar("T")


def make_app(*explorers: Explorer, token: str | None = None) -> AccessMiddleware:
    """The server of one run, or of several side by side, which have their pages at /1/, /2/ ...

    Args:
        token: required of clients; None for a server on this machine alone, which checks Host instead.
    """
    apps = [_app_of_run(explorer) for explorer in explorers]
    app = (
        apps[0]
        if len(apps) == 1
        else _make_starlette(
            [
                Route("/", _serve_file(make_frames([explorer.info()["title"] for explorer in explorers]))),
                Route("/style.css", _serve_file(read_static_files()["style.css"])),
                *(Mount(f"/{k}", one) for k, one in enumerate(apps, 1)),
            ]
        )
    )
    return AccessMiddleware(app, token)  # outermost, so that error responses have the security headers too


def _make_starlette(routes: Sequence[BaseRoute]) -> Starlette:
    app = Starlette(
        routes=routes,
        exception_handlers={InfoganError: _bad_request, HTTPException: _http_error, Exception: _server_error},
    )
    app.router.redirect_slashes = False
    return app


def _app_of_run(explorer: Explorer) -> Starlette:
    latent = explorer.model.latent
    max_decode_bytes = 4 * MAX_IMAGES * (len(latent.codes) + latent.n_z)
    model_limit = RequestLimit(
        1 + MAX_WAITING, "Too many requests are waiting for this explorer; try again in a second."
    )
    upload_limit = RequestLimit(MAX_UPLOADS, "Too many pictures are being read; try again in a second.")
    gallery_limit = RequestLimit(MAX_GALLERIES, "Too many images are being read; try again in a second.")

    async def run_on_model(request: Request, call: Callable[..., T], *args: Any) -> T:
        with model_limit.acquire():
            return await run_while_connected(request, lambda: explorer.submit(call, *args))

    async def info(request: Request) -> Response:
        return JSONResponse(explorer.info())

    async def sample(request: Request) -> Response:
        seed = request.query_params.get("seed", "0")
        if not (seed.isascii() and seed.isdecimal() and len(seed) < 10):
            raise InfoganError("seed must be a whole number.")
        return _binary(await run_on_model(request, explorer.sample, int(seed)))

    async def decode(request: Request) -> Response:
        body = await read_body(request, max_decode_bytes, f"decode takes at most {MAX_IMAGES} images.")
        return _binary(await run_on_model(request, explorer.decode, body))

    async def encode(request: Request) -> Response:
        too_large = f"This file is too large; the limit is {MAX_BYTES // 1_000_000} MB."
        with upload_limit.acquire():
            content = await read_body(request, MAX_BYTES, too_large)
            return JSONResponse(await run_on_model(request, explorer.encode, content))

    async def set_name(request: Request) -> Response:
        code, name = await _read_fields(request, {"code": "c1", "name": "smile"})
        return JSONResponse(await asyncio.to_thread(explorer.names.set, code, name))

    async def real_images(request: Request) -> Response:
        code, category = await _read_fields(request, {"code": "c1", "category": 4})
        progress = explorer.real_images.progress()
        if progress < 1:
            return JSONResponse({"progress": progress})
        with gallery_limit.acquire():
            found = await asyncio.to_thread(explorer.real_images.gallery, code, category)
        return JSONResponse({"progress": 1, **found})

    async def map_page(request: Request) -> Response:
        try:
            doing = explorer.map.progress()
        except InfoganError as error:
            return HTMLResponse(explorer.map.message(str(error), again=False), 400)
        if doing is not None:
            return HTMLResponse(explorer.map.message(doing, again=True))
        with gallery_limit.acquire():
            return HTMLResponse(await asyncio.to_thread(explorer.map.page))

    async def encode_real(request: Request) -> Response:
        (image,) = await _read_fields(request, {"image": 17})
        return JSONResponse(await run_on_model(request, explorer.encode_real, image))

    async def set_class(request: Request) -> Response:
        image, name = await _read_fields(request, {"image": 17, "class": "owl"})
        await asyncio.to_thread(explorer.real_images.set_class, image, name)
        return Response(status_code=204)

    async def labels(request: Request) -> Response:
        with gallery_limit.acquire():
            text = await asyncio.to_thread(explorer.real_images.labels, request.query_params.get("code", ""))
        return Response(text, media_type="text/csv")

    async def inversion_progress(request: Request) -> Response:
        return JSONResponse({"progress": explorer.inversion_progress})

    static = read_static_files()
    return _make_starlette(
        [
            Route("/model.json", info),
            Route("/sample", sample),
            Route("/decode", decode, methods=["POST"]),
            Route("/encode", encode, methods=["POST"]),
            Route("/names", set_name, methods=["PUT"]),
            Route("/real-images", real_images, methods=["POST"]),
            Route("/encode-real", encode_real, methods=["POST"]),
            Route("/map", map_page),
            Route("/map.js", _serve_file(StaticFile(map_script().encode(), "text/javascript"))),
            Route("/map.css", _serve_file(StaticFile(style().encode(), "text/css"))),
            Route("/image-classes", set_class, methods=["PUT"]),
            Route("/labels.csv", labels),
            Route("/inversion-progress", inversion_progress),
            Route("/", _serve_file(static["index.html"])),
            *(Route(f"/{name}", _serve_file(file)) for name, file in static.items()),
        ]
    )


async def _read_fields(request: Request, example: dict[str, str | int]) -> list[Any]:
    """The values of a JSON object with the keys of the example, and values of its types."""
    body = await read_body(request, MAX_NAME_BYTES, "This name is too long.")
    try:
        fields = json.loads(body)
        values = [fields[key] for key in example]
    except (ValueError, RecursionError, TypeError, KeyError):
        values = []
    if [type(value) for value in values] != [type(value) for value in example.values()]:
        raise InfoganError(f"{request.scope['path'][1:]} takes {json.dumps(example)}.")
    return values


def _serve_file(file: StaticFile) -> Callable[[Request], Awaitable[Response]]:
    async def serve(request: Request) -> Response:
        return Response(file.content, media_type=file.media_type)

    return serve


def _binary(content: bytes) -> Response:
    return Response(content, media_type="application/octet-stream")


async def _bad_request(request: Request, error: Exception) -> Response:
    return JSONResponse({"error": str(error)}, 400)


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    path = request.scope["path"]
    messages = {404: f"There is nothing at {path}.", 405: f"{path} does not accept {request.method}."}
    message = messages.get(error.status_code, error.detail)
    return JSONResponse({"error": message}, error.status_code, headers=error.headers)


async def _server_error(request: Request, error: Exception) -> Response:
    return JSONResponse({"error": "The explorer failed; the terminal shows the error."}, 500)
