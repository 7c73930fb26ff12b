"""A reverse proxy that ends TLS, as an operator puts one in front of a node."""

from __future__ import annotations

import http.client
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.contract.grpc.certificates import Authority

_HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "x-forwarded-for", "x-forwarded-proto"}


class TlsFront:
    """`https://localhost:<port>` before a node's port; clients trust it with `trust`."""

    def __init__(self, folder: Path) -> None:
        authority = Authority("an operator")
        certificate, key = authority.issue("localhost")
        (folder / "front.pem").write_text(certificate + key)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "front.pem")
        self.behind = 0
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.server.daemon_threads = True
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.trust = ssl.create_default_context(cadata=authority.root)

    @property
    def url(self) -> str:
        return f"https://localhost:{self.server.server_address[1]}"

    def _handler(front: TlsFront) -> type[BaseHTTPRequestHandler]:  # noqa: N805 - `self` is the handler's
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _pass(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                kept = {name: value for name, value in self.headers.items() if name.lower() not in _HOP_BY_HOP}
                kept |= {"X-Forwarded-For": self.client_address[0], "X-Forwarded-Proto": "https"}
                node = http.client.HTTPConnection("127.0.0.1", front.behind, timeout=30)
                try:
                    node.request(self.command, self.path, body, kept)
                    self._give(node.getresponse())
                finally:
                    node.close()

            def _give(self, answer: http.client.HTTPResponse) -> None:
                self.send_response_only(answer.status)
                for name, value in answer.getheaders():
                    if name.lower() not in _HOP_BY_HOP:
                        self.send_header(name, value)
                self.send_header("Connection", "close")
                self.end_headers()
                while part := answer.read1():
                    self.wfile.write(part)
                self.close_connection = True

            do_GET = do_POST = do_DELETE = _pass  # noqa: N815 - names of the base class

            def log_message(self, format: str, *arguments: object) -> None:
                """Nothing is logged."""

        return Handler


@contextmanager
def tls_front(folder: Path) -> Iterator[TlsFront]:
    """Set `behind` before it is asked."""
    front = TlsFront(folder)
    thread = threading.Thread(target=front.server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield front
    finally:
        front.server.shutdown()
        thread.join()
        front.server.server_close()
