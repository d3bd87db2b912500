"""A server on this machine that answers as AWS does when it is in trouble: throttled, breaking off, with credentials that expire."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

BODY = b"content"


@dataclass
class Trouble:
    """What the server does before it answers properly, and what it was asked."""

    address: str = ""
    throttled: int = 0
    """Requests that are answered with SlowDown."""

    broken: int = 0
    """Answers that end before they are whole."""

    lifetime: timedelta = timedelta(hours=1)
    """Of the credentials of an assumed role."""

    roles: list[dict[str, list[str]]] = field(default_factory=list)
    """What was asked of STS."""

    keys: list[str] = field(default_factory=list)
    """The access key of each request to S3."""

    payers: list[str | None] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)


@contextmanager
def aws_in_trouble() -> Iterator[Trouble]:
    """Run the server for as long as the caller needs it."""
    trouble = Trouble()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            with trouble.lock:
                trouble.keys.append(self.headers.get("Authorization", "").partition("Credential=")[2].split("/")[0])
                trouble.payers.append(self.headers.get("x-amz-request-payer"))
                is_throttled, is_broken = trouble.throttled > 0, trouble.broken > 0
                trouble.throttled -= is_throttled
                trouble.broken -= is_broken and not is_throttled
            if is_throttled:
                return self._answer(503, b"<Error><Code>SlowDown</Code><Message>Reduce your rate</Message></Error>")
            return self._answer(200, BODY[:3] if is_broken else BODY, len(BODY))

        def do_POST(self) -> None:
            asked = self.rfile.read(int(self.headers["Content-Length"])).decode()
            trouble.roles.append(parse_qs(asked))
            expires = (datetime.now(UTC) + trouble.lifetime).strftime("%Y-%m-%dT%H:%M:%SZ")
            number = len(trouble.roles)
            self._answer(
                200,
                f"""<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials>
                <AccessKeyId>ASIA{number}</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken>
                <Expiration>{expires}</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>""".encode(),
            )

        def _answer(self, status: int, body: bytes, length: int | None = None) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body) if length is None else length))
            self.send_header("Content-Type", "text/xml")
            self.end_headers()
            self.wfile.write(body)
            self.close_connection = length is not None and length != len(body)

        def log_message(self, *_arguments: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        trouble.address = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield trouble
        server.shutdown()
        thread.join()
