"""A lake on S3 before Spark begins: whether it is there, and can be written. Spark alone reads and writes its tables.

The role of the logs is not assumed here: the lake is the reader's own, and Spark takes the credentials that it finds.
"""

from __future__ import annotations

from uuid import uuid4

from botocore.exceptions import BotoCoreError, ClientError

from pipelines.sources.aws import Access, client, in_words
from pipelines.sources.layout import SourceError
from pipelines.sources.s3 import address_of


class LakeBucket:
    """The bucket, and the prefix, of a lake."""

    def __init__(self, uri: str, access: Access) -> None:
        """Take what `s3a://bucket/prefix` names; nothing is asked yet."""
        self._uri = uri
        self._address = address_of(uri)
        self._access = access

    def has(self, name: str) -> bool:
        """Whether an object's name begins so, below the lake's address.

        Raises:
            SourceError: the bucket does not say.
        """
        try:
            answer = client("s3", self._access).list_objects_v2(
                Bucket=self._address.bucket, Prefix=f"{self._address.prefix}{name}", MaxKeys=1, **self._access.payer
            )
        except (BotoCoreError, ClientError) as error:
            raise SourceError(f"lake: {self._uri} cannot be read: {in_words(error)}") from error
        return bool(answer.get("KeyCount"))

    def try_to_write(self) -> None:
        """Put an object there and remove it again.

        Raises:
            SourceError: that is not allowed, or there is no such bucket.
        """
        self.has("")  # some servers make the bucket that is written to
        key = f"{self._address.prefix}_can_be_written_{uuid4().hex}"
        try:
            s3 = client("s3", self._access)
            s3.put_object(Bucket=self._address.bucket, Key=key, Body=b"", **self._access.payer)
            s3.delete_object(Bucket=self._address.bucket, Key=key, **self._access.payer)
        except (BotoCoreError, ClientError) as error:
            raise SourceError(f"lake: {self._uri} cannot be written: {in_words(error)}") from error
