"""Clients of AWS: made from settings, in any process, with credentials that renew themselves; and its refusals, in words.

An `Access` holds no secret: credentials come from where boto3 looks for them (variables, profile, instance, container), on the
driver and on every worker alike. It can be pickled; clients cannot, so each process makes its own when it first needs one.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from threading import Lock
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from boto3 import Session

ATTEMPTS = 8  # with back-off between them: some twenty seconds of throttling
_CONNECT_SECONDS, _READ_SECONDS = 10, 60

CHANGED = "since it was listed"
"""In the reason of an object that is not there any more as it was: nothing is to come of it, another listing has what is."""

_IN_WORDS = {
    "AccessDenied": "access denied",
    "AccessDeniedException": "access denied",
    "AllAccessDisabled": "access denied",
    "AuthorizationHeaderMalformed": "the bucket is in another region: set ROLESCOPE_AWS_REGION",
    "ExpiredToken": "the credentials have expired",
    "ExpiredTokenException": "the credentials have expired",
    "Forbidden": "access denied",
    "InvalidAccessKeyId": "the credentials are not known there",
    "InvalidClientTokenId": "the credentials are not known there, or the region is not enabled for the account",
    "InvalidObjectState": "the object is archived: restore it",
    "NoSuchBucket": "there is no such bucket",
    "NoSuchKey": f"gone {CHANGED}",
    "404": f"gone {CHANGED}",
    "PermanentRedirect": "the bucket is in another region: set ROLESCOPE_AWS_REGION",
    "PreconditionFailed": f"replaced {CHANGED}",
    "412": f"replaced {CHANGED}",
    "RequestTimeTooSkewed": "the clock of this machine is off",
    "SignatureDoesNotMatch": "the secret key is wrong",
    "SlowDown": "throttled",
    "Throttling": "throttled",
    "ThrottlingException": "throttled",
    "TooManyRequestsException": "throttled",
    "UnrecognizedClientException": "the credentials are not known there, or the region is not enabled for the account",
}
NOT_ENABLED = frozenset({"InvalidClientTokenId", "UnrecognizedClientException"})


@dataclass(frozen=True)
class Access:
    """How AWS is reached: what clients are made from.

    Args:
        region: of the bucket; null for what the environment says.
        endpoint: of another S3 than AWS's; null for AWS's.
        role: ARN of a role to assume with the credentials that are found.
        external_id: what that role asks for.
        requester_pays: whether to agree to pay for requests and transfer.
        threads: requests of one process at a time.
        attempts: of a request, the first one included.
    """

    region: str | None = None
    endpoint: str | None = None
    role: str | None = None
    external_id: str | None = None
    requester_pays: bool = False
    threads: int = 16
    attempts: int = ATTEMPTS

    @property
    def payer(self) -> dict[str, str]:
        """The argument of a request to S3 that says who pays."""
        return {"RequestPayer": "requester"} if self.requester_pays else {}


_MAKING = Lock()  # a session makes one client at a time


@lru_cache(maxsize=64)
def client(service: str, access: Access, region: str | None = None) -> Any:
    """Return this process's client of a service. Clients may be used by several threads.

    Raises:
        botocore.exceptions.BotoCoreError: a setting is none that AWS knows.
    """
    from botocore.config import Config  # noqa: PLC0415  (a third of a second, and nothing that a local night needs)

    settings = Config(
        # Adaptive: as standard, and after a throttled request it sends no more of them than are answered.
        retries={"mode": "adaptive", "total_max_attempts": access.attempts},
        connect_timeout=_CONNECT_SECONDS,
        read_timeout=_READ_SECONDS,
        max_pool_connections=access.threads,
        user_agent_extra="rolescope",
        # Servers other than AWS's have rarely a host name for each bucket.
        s3={"addressing_style": "path" if access.endpoint else "auto"},
    )
    endpoint = access.endpoint if service == "s3" else None
    named = region or access.region or _region_of(service)
    with _MAKING:
        return session(access).client(service, region_name=named, endpoint_url=endpoint, config=settings)


def forget_clients() -> None:
    """Make clients anew: the environment that they were made from is another one."""
    client.cache_clear()
    session.cache_clear()


def _region_of(service: str) -> str | None:
    """Return the region where none is named anywhere: S3 then says itself which one a bucket is in."""
    import boto3  # noqa: PLC0415

    return boto3.Session().region_name or ("us-east-1" if service == "s3" else None)


@lru_cache(maxsize=8)
def session(access: Access) -> Session:
    """Return this process's session, with the credentials that boto3 finds, or with the role's, which are renewed before they expire."""
    import boto3  # noqa: PLC0415
    from botocore.credentials import CredentialResolver  # noqa: PLC0415
    from botocore.session import get_session  # noqa: PLC0415

    if access.role is None:
        return boto3.Session()
    assuming = get_session()
    assuming.register_component("credential_provider", CredentialResolver(providers=[_role_provider(access)]))
    return boto3.Session(botocore_session=assuming)


def _role_provider(access: Access) -> Any:
    """Return what boto3 asks for credentials: a role assumed with those that are found, and again before they expire."""
    from botocore.credentials import (  # noqa: PLC0415
        AssumeRoleCredentialFetcher,
        CredentialProvider,
        DeferredRefreshableCredentials,
    )
    from botocore.session import get_session  # noqa: PLC0415

    found = get_session()

    def create(service: str, **given: Any) -> Any:
        region = given.pop("region_name", None) or access.region or _region_of("s3")
        return found.create_client(service, region_name=region, **given)

    class RoleProvider(CredentialProvider):  # type: ignore[misc]
        METHOD = "rolescope-assume-role"

        def load(self) -> Any:
            asked = {"RoleSessionName": "rolescope"} | (
                {"ExternalId": access.external_id} if access.external_id else {}
            )
            fetcher = AssumeRoleCredentialFetcher(create, _found_credentials(found), access.role, extra_args=asked)
            return DeferredRefreshableCredentials(fetcher.fetch_credentials, self.METHOD)

    return RoleProvider()


def _found_credentials(found: Any) -> Any:
    from botocore.exceptions import NoCredentialsError  # noqa: PLC0415

    credentials = found.get_credentials()
    if credentials is None:
        raise NoCredentialsError
    return credentials


def code_of(error: Exception) -> str | None:
    """Return what AWS calls an error, if it was AWS that answered."""
    response = getattr(error, "response", None)
    return str(response.get("Error", {}).get("Code")) if isinstance(response, dict) else None


def in_words(error: Exception) -> str:
    """Return what is wrong in words, with AWS's name for it. It never says which credentials were used."""
    code = code_of(error)
    if code is not None:
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")  # type: ignore[attr-defined]
        said = _IN_WORDS.get(code) or _of_status(status) or "refused"
        if getattr(error, "operation_name", None) == "AssumeRole":
            said = f"the role of ROLESCOPE_AWS_ROLE cannot be assumed: {said}"
        return f"{said} ({code})" if code not in ("403", "404", "412") else said
    name = type(error).__name__
    named = {
        "NoCredentialsError": "no credentials were found: set AWS_PROFILE, or whatever else boto3 takes them from",
        "PartialCredentialsError": "the credentials are incomplete",
        "NoRegionError": "no region is named: set ROLESCOPE_AWS_REGION",
        "InvalidRegionError": "the region's name is none",
        "ProfileNotFound": "the profile that AWS_PROFILE names is not configured",
        "EndpointConnectionError": "no connection to the endpoint",
        "ConnectTimeoutError": "no connection to the endpoint",
        "SSLError": "the endpoint's certificate is not trusted",
        "ParamValidationError": "a name in the address is none that S3 allows",
    }
    return named.get(name, f"no answer ({name})")


def _of_status(status: object) -> str | None:
    if not isinstance(status, int):
        return None
    if status == 403:
        return "access denied"
    return "the service is not available" if status >= 500 else None
