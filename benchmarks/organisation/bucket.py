"""The log bucket as a folder: CloudTrail's true layout, with digests, insights and, for some days, a second trail."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
from isal import igzip

from benchmarks.organisation.delivery import PERIOD_SECONDS, Parcel, Stream, objects_of
from benchmarks.organisation.identifiers import object_suffix, seeded, uuid_text
from benchmarks.organisation.instants import compact, iso
from benchmarks.organisation.parameters import DAY_SECONDS, REGIONS, Parameters, midnight
from benchmarks.organisation.population import Organisation

_DIGEST_SECONDS = 6 * 3600  # in truth hourly; four a day are enough to be skipped, or checked
_DIGEST_OFFSET = 1800
_SECOND_TRAIL_DAYS = 4
_INSIGHT_EVERY_DAYS = 10
_BUCKET = "acme-org-trail"


@dataclass
class _DigestChain:
    """What a stream's next digest has to say: the previous one, and the logs since."""

    previous_key: str | None = None
    previous_hash: str | None = None
    logs: list[tuple[int, dict[str, str]]] = field(default_factory=list)


@dataclass
class Bucket:
    """Writes publish days below `logs` (the folder that stands for the bucket), gzip level 1, without times in the
    gzip header.
    """

    logs: Path
    parameters: Parameters
    organisation: Organisation
    objects: int = 0
    records: int = 0
    other_objects: int = 0
    _chains: dict[Stream, _DigestChain] = field(default_factory=dict)

    def publish_day(self, day_number: int, streams: dict[Stream, list[Parcel]]) -> None:
        """Write all objects of a publish day (counted from the epoch)."""
        day_at = day_number * DAY_SECONDS
        for stream, parcels in streams.items():
            logs = self._write_logs("organization", f"{self.organisation.id}/", stream, parcels)
            self._chain(stream).logs += logs
            if stream[0] == self.organisation.management.id and self._has_second_trail(day_at):
                self._write_logs("management", "", stream, parcels)
        if day_at < self.parameters.end_at:
            self._write_digests(day_at)
            if (day_at - self.parameters.start_at) // DAY_SECONDS % _INSIGHT_EVERY_DAYS == 3:
                self._write_insight(day_at)

    def _has_second_trail(self, day_at: int) -> bool:
        first = midnight(self.parameters.start + timedelta(days=self.parameters.days // 2))
        return first <= day_at < first + _SECOND_TRAIL_DAYS * DAY_SECONDS

    def _chain(self, stream: Stream) -> _DigestChain:
        return self._chains.setdefault(stream, _DigestChain())

    def _write_logs(
        self, trail: str, organization: str, stream: Stream, parcels: list[Parcel]
    ) -> list[tuple[int, dict[str, str]]]:
        account, region = stream
        rng = seeded(self.parameters.seed, "objects", trail, account, region, parcels[0][0] // DAY_SECONDS)
        logs = []
        for published, bodies in objects_of(parcels, self.parameters.events_per_object):
            body = b'{"Records":[' + b",".join(bodies) + b"]}"
            name = f"{account}_CloudTrail_{region}_{compact(published)[:-3]}Z_{object_suffix(rng)}.json.gz"
            key = self._put(f"{organization}{account}/CloudTrail/{region}", published, name, body)
            logs.append(
                (
                    published,
                    {
                        "s3Bucket": _BUCKET,
                        "s3Object": key,
                        "hashValue": hashlib.sha256(body).hexdigest(),
                        "hashAlgorithm": "SHA-256",
                    },
                )
            )
            self.objects += 1
            self.records += len(bodies)
        return logs

    def _put(self, folder: str, at: int, name: str, body: bytes) -> str:
        key = f"AWSLogs/{folder}/{iso(at)[:10].replace('-', '/')}/{name}"
        path = self.logs / "cloudtrail" / key
        try:
            path.write_bytes(igzip.compress(body, 1, mtime=0))
        except FileNotFoundError:
            path.parent.mkdir(parents=True)
            path.write_bytes(igzip.compress(body, 1, mtime=0))
        return key

    def _write_digests(self, day_at: int) -> None:
        """Write every stream's digests, empty ones too; a log published after the day's last digest goes into
        tomorrow's first.
        """
        for account in self.organisation.accounts:
            for region in REGIONS:
                for number in range(1, DAY_SECONDS // _DIGEST_SECONDS + 1):
                    self._write_digest((account.id, region), day_at + number * _DIGEST_SECONDS - _DIGEST_OFFSET)

    def _write_digest(self, stream: Stream, end_at: int) -> None:
        account, region = stream
        chain = self._chain(stream)
        ready = [log for published, log in chain.logs if published < end_at]
        chain.logs = [each for each in chain.logs if each[0] >= end_at]
        name = f"{account}_CloudTrail-Digest_{region}_org-trail_us-east-1_{compact(end_at)}.json.gz"
        body = orjson.dumps(_digest(account, end_at, chain, ready))
        chain.previous_key = self._put(
            f"{self.organisation.id}/{account}/CloudTrail-Digest/{region}", end_at, name, body
        )
        chain.previous_hash = hashlib.sha256(body).hexdigest()
        self.other_objects += 1

    def _write_insight(self, day_at: int) -> None:
        account, region = self.organisation.workloads[0].id, REGIONS[0]
        rng = seeded(self.parameters.seed, "insight", day_at)
        at = day_at + 43_200
        body = orjson.dumps({"Records": [_insight(account, region, at, uuid_text(rng), uuid_text(rng))]})
        published = at + PERIOD_SECONDS
        name = f"{account}_CloudTrail-Insight_{region}_{compact(published)[:-3]}Z_{object_suffix(rng)}.json.gz"
        self._put(f"{self.organisation.id}/{account}/CloudTrail-Insight/{region}", published, name, body)
        self.other_objects += 1


def _digest(account: str, end_at: int, chain: _DigestChain, logs: list[dict[str, str]]) -> dict[str, Any]:
    return {
        "awsAccountId": account,
        "digestStartTime": iso(end_at - _DIGEST_SECONDS),
        "digestEndTime": iso(end_at),
        "digestS3Bucket": _BUCKET,
        "digestPublicKeyFingerprint": "31e8b5433410dfb61a9dc45cc65b22ff",
        "digestSignatureAlgorithm": "SHA256withRSA",
        "previousDigestS3Bucket": _BUCKET if chain.previous_key else None,
        "previousDigestS3Object": chain.previous_key,
        "previousDigestHashValue": chain.previous_hash,
        "previousDigestHashAlgorithm": "SHA-256" if chain.previous_hash else None,
        "logFiles": logs,
    }


def _insight(account: str, region: str, at: int, event_id: str, shared_id: str) -> dict[str, Any]:
    statistics = {
        "baseline": {"average": 0.0017},
        "insight": {"average": 4.2},
        "insightDuration": 6,
        "baselineDuration": 10_080,
    }
    return {
        "eventVersion": "1.09",
        "eventTime": iso(at),
        "awsRegion": region,
        "eventID": event_id,
        "eventType": "AwsCloudTrailInsight",
        "recipientAccountId": account,
        "sharedEventID": shared_id,
        "insightDetails": {
            "state": "Start",
            "eventSource": "ssm.amazonaws.com",
            "eventName": "UpdateInstanceInformation",
            "insightType": "ApiCallRateInsight",
            "insightContext": {"statistics": statistics},
        },
        "eventCategory": "Insight",
    }
