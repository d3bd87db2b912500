"""User agents: one stays with an actor for good, so that a baseline of agents means something."""

from __future__ import annotations

AWS_CLI = (
    "aws-cli/2.31.6 md/awscrt#0.27.6 ua/2.1 os/macos#24.6.0 md/arch#arm64 lang/python#3.13.7 md/pyimpl#CPython "
    "m/b,E,Z cfg/retry-mode#standard md/installer#exe md/prompt#off",
    "aws-cli/2.27.41 md/awscrt#0.26.1 ua/2.1 os/linux#6.8.0-51-generic md/arch#x86_64 lang/python#3.13.4 "
    "md/pyimpl#CPython m/E,b cfg/retry-mode#standard md/installer#exe md/distrib#ubuntu.24 md/prompt#off",
    "aws-cli/1.38.23 md/Botocore#1.37.23 ua/2.0 os/linux#5.15.0-1072-aws md/arch#x86_64 lang/python#3.10.12 "
    "md/pyimpl#CPython",
)
TERRAFORM = (
    "APN/1.0 HashiCorp/1.0 Terraform/1.9.8 (+https://www.terraform.io) terraform-provider-aws/5.94.1 "
    "(+https://registry.terraform.io/providers/hashicorp/aws) aws-sdk-go-v2/1.36.3 ua/2.1 os/linux lang/go#1.23.8"
)
BROWSERS = (
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/141.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:143.0) Gecko/20100101 Firefox/143.0",
)
BOTO3 = (
    "Boto3/1.40.21 md/Botocore#1.40.21 ua/2.1 os/linux#6.1.148-173.267.amzn2023.x86_64 md/arch#x86_64 "
    "lang/python#3.11.13 md/pyimpl#CPython m/b,Z,D cfg/retry-mode#legacy Botocore/1.40.21"
)
SDK_GO = "aws-sdk-go-v2/1.38.1 ua/2.1 os/linux lang/go#1.24.6 md/GOOS#linux md/GOARCH#arm64 m/E"
SSM_AGENT = "aws-sdk-go/1.55.5 (go1.23.4; linux; amd64) amazon-ssm-agent/3.3.2299.0"
LAMBDA_BOTO3 = (
    "Boto3/1.40.4 md/Botocore#1.40.4 ua/2.1 os/linux#5.10.240-238.955.amzn2.x86_64 lang/python#3.12.11 "
    "exec-env/AWS_Lambda_python3.12"
)
CI_CLI = (
    "aws-cli/2.30.2 md/awscrt#0.27.6 ua/2.1 os/linux#6.11.0-1018-azure md/arch#x86_64 lang/python#3.13.7 "
    "md/pyimpl#CPython md/distrib#ubuntu.24"
)
CONFIGURE_AWS = (
    "aws-sdk-js/3.847.0 ua/2.1 os/linux#6.11.0-1018-azure lang/js md/nodejs#20.19.4 api/sts#3.847.0 "
    "configure-aws-credentials-for-github-actions"
)
VENDOR_SDK = "aws-sdk-go-v2/1.32.7 os/linux lang/go#1.22.9 md/GOOS#linux md/GOARCH#amd64 exec-env/monitor-crawler"
KALI_CLI = (
    "aws-cli/2.23.6 md/awscrt#0.23.8 ua/2.0 os/linux#6.12.13-kali-amd64 md/arch#x86_64 lang/python#3.13.2 "
    "md/pyimpl#CPython md/distrib#kali.2025"
)
SSO_BACKEND = (
    "aws-internal/3 aws-sdk-java/1.12.788 Linux/5.10.240-238.959.amzn2int.x86_64 OpenJDK_64-Bit_Server_VM/17.0.16+9-LTS"
)
