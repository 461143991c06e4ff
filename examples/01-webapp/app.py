"""Counts visits in PostgreSQL, shows what the gateway said about the request, echoes WebSocket messages."""

import asyncio
import logging
import os
import socket
from contextlib import asynccontextmanager

import asyncpg
from fastapi import FastAPI, Request, WebSocket, WebSocketDisconnect
from fastapi.responses import JSONResponse

log = logging.getLogger("uvicorn.error")


async def connect() -> asyncpg.Pool:
    """Waits for the database: `depends_on` says that it was started, not that it takes connections."""
    delay = 0.1
    while True:
        try:
            pool = await asyncpg.create_pool(os.environ["DATABASE_URL"], min_size=1, max_size=4, timeout=5)
            await pool.execute("CREATE TABLE IF NOT EXISTS visits (id bigserial PRIMARY KEY, at timestamptz DEFAULT now())")
            return pool
        except (OSError, asyncio.TimeoutError, asyncpg.PostgresError) as error:
            log.info("the database does not answer yet: %s", error)
            await asyncio.sleep(delay)
            delay = min(delay * 2, 2)


@asynccontextmanager
async def lifespan(app: FastAPI):
    app.state.pool = await connect()
    yield
    await app.state.pool.close()


app = FastAPI(lifespan=lifespan)


@app.get("/")
async def index(request: Request) -> JSONResponse:
    pool = request.app.state.pool
    await pool.execute("INSERT INTO visits DEFAULT VALUES")
    forwarded = {name: value for name, value in request.headers.items() if name.startswith("x-") or name == "host"}
    visits = await pool.fetchval("SELECT count(*) FROM visits")
    return JSONResponse({"visits": visits, "served_by": socket.gethostname(), "headers": forwarded})


@app.get("/health")
async def health() -> str:
    return "ok"


@app.websocket("/ws")
async def echo(socket: WebSocket) -> None:
    await socket.accept()
    try:
        while True:
            message = await socket.receive()
            if message["type"] == "websocket.disconnect":
                return
            if message.get("text") is not None:
                await socket.send_text(message["text"])
            elif message.get("bytes") is not None:
                await socket.send_bytes(message["bytes"])
    except WebSocketDisconnect:
        return
