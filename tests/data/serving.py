"""A small web server on this machine, for tests of downloads: honest, broken, slow or wrong."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Server:
    """Serves `files` (path: bytes). `requests` lists what was asked: (path, Range or "").

    What is wrong with a file is told by `faults[path]`, used up one by one: "404", "500", an int
    (the connection breaks after so many bytes of the body), "norange" (ranges are ignored),
    "html" (a page with status 200), "hang up" (no answer at all).
    """

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.faults: dict[str, list[Any]] = {}
        self.requests: list[tuple[str, str]] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.answer(self)

            def log_message(self, *_: Any) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.http.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.http.server_address[1]}/{path}"

    def answer(self, request: Any) -> None:
        path = request.path.lstrip("/")
        wanted = request.headers.get("Range", "")
        self.requests.append((path, wanted))
        faults = self.faults.get(path, [])
        fault = faults.pop(0) if faults else None
        if fault == "hang up":
            request.close_connection = True
            return
        if path not in self.files or fault in ("404", "500"):
            request.send_error(int(fault or 404))
            return
        body = b"<html>log in first</html>" if fault == "html" else self.files[path]
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
        if start and start >= len(body):
            request.send_error(416)
            return
        if start and fault not in ("norange", "html"):
            request.send_response(206)
            request.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
            body = body[start:]
        else:
            request.send_response(200)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body[:fault] if isinstance(fault, int) else body)
        request.close_connection = True

    def close(self) -> None:
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()
