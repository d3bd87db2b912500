"""User agents, reduced to product and major version."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.cloudtrail.user_agents import user_agent_family

SAFARI = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4 Safari/605.1.15"
CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36"
)


@pytest.mark.parametrize(
    ("user_agent", "family"),
    [
        ("aws-cli/2.15.3 Python/3.11.6 Linux/5.10", "aws-cli/2"),
        ("[aws-cli/1.18.136 Python/3.8.5 Darwin/19.5.0]", "aws-cli/1"),
        ("Boto3/1.34.2 md/Botocore#1.34.2", "Boto3/1"),
        ("aws-sdk-go-v2/1.30.3 os/linux lang/go#1.22", "aws-sdk-go-v2/1"),
        ("APN/1.0 HashiCorp/1.0 Terraform/1.5.7 (+https://www.terraform.io)", "Terraform/1"),
        ("aws-sdk-go/1.29.7 (go1.13.7; darwin; amd64) APN/1.0 HashiCorp/1.0 Terraform/0.12.20", "Terraform/0"),
        ("[S3Console/0.4, aws-internal/3 aws-sdk-java/1.11.1030]", "S3Console/0"),
        ("AWS Signin, aws-internal/3 aws-sdk-java/1.11.898", "AWS Signin"),
        ("AWS Internal", "AWS Internal"),
        ("cloudformation.amazonaws.com", "cloudformation.amazonaws.com"),
        ("console.ec2.amazonaws.com", "console.ec2.amazonaws.com"),
        (SAFARI, "Safari/17"),
        (CHROME, "Chrome/126"),
        (CHROME + " Edg/126.0.0.0", "Edg/126"),
        ("Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0", "Firefox/127"),
        ("Mozilla/5.0 (Windows NT 6.1; Trident/7.0; rv:11.0) like Gecko", "IE/11"),
        ("Mozilla/2.0 (compatible; NEWT ActiveX; Win32)", "Mozilla/2"),
        ("kube-controller-manager/v1.25.3 (linux/amd64)", "kube-controller-manager/1"),
        ("stratus-red-team_ea782787-a65d-4fc4-9fca-1c97869a9a25", "stratus-red-team"),
        ("68319f60-9dec-43b2-9702-de3a08c9d8a3", "68319f60-9dec-43b2-9702-de3a08c9d8a3"),
        ("TruffleHog", "TruffleHog"),
        ("Coral/Netty4", "Coral/Netty4"),
        ("[]", "[]"),
        (None, None),
        ("", None),
    ],
)
def test_user_agent_family(user_agent: str | None, family: str | None) -> None:
    assert user_agent_family(user_agent) == family


@given(st.text(min_size=1, max_size=400))
def test_user_agent_family__is_never_null_nor_long(user_agent: str) -> None:
    family = user_agent_family(user_agent)
    assert family
    assert len(family) <= 128
