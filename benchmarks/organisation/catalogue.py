"""The API calls of the generated logs, each with a few requests it is seen with. How often is in `work`."""

from __future__ import annotations

from dataclasses import replace

from benchmarks.organisation.calls import call, encoded


def named(key: str, stem: str, count: int = 8) -> list[dict[str, str]]:
    """Return requests that differ in one name: `orders-3`."""
    return [{key: f"{stem}-{number}"} for number in range(count)]


INSTANCES = [
    {"instancesSet": {"items": [{"instanceId": f"i-0{n:016x}"}]}, "filterSet": {}} for n in range(2**40, 2**40 + 6)
]
DECRYPT = call(
    "kms",
    "Decrypt",
    *(
        {"encryptionContext": {"SecretARN": f"secret-{n}"}, "encryptionAlgorithm": "SYMMETRIC_DEFAULT"}
        for n in range(6)
    ),
)
GENERATE_DATA_KEY = call("kms", "GenerateDataKey", {"keyId": "alias/lake", "keySpec": "AES_256"})
CREATE_INTERFACE = call(
    "ec2", "CreateNetworkInterface", {"subnetId": "subnet-0e540f0c7ffb48ae9"}, version="1.10", write=True
)

GET_CALLER_IDENTITY = call("sts", "GetCallerIdentity", version="1.08")
DESCRIBE_INSTANCES = call(
    "ec2", "DescribeInstances", {"maxResults": 1000, "instancesSet": {}, "filterSet": {}}, *INSTANCES, version="1.10"
)
LIST_BUCKETS = call("s3", "ListBuckets", {"Host": "s3.amazonaws.com"}, version="1.11")
GET_BUCKET_LOCATION = call("s3", "GetBucketLocation", *named("bucketName", "acme-lake"), version="1.11")
GET_SECRET = call(
    "secretsmanager", "GetSecretValue", *named("secretId", "prod/service"), version="1.10", forwards=DECRYPT
)
GET_PARAMETER = call("ssm", "GetParameter", *named("name", "/prod/setting"), version="1.11", forwards=DECRYPT)
DESCRIBE_LOG_GROUPS = call("logs", "DescribeLogGroups", {"limit": 50}, version="1.11")
CREATE_LOG_STREAM = call(
    "logs", "CreateLogStream", *named("logGroupName", "/aws/lambda/task"), version="1.11", write=True
)
DESCRIBE_ALARMS = call("monitoring", "DescribeAlarms", {"maxRecords": 100}, version="1.11")
DESCRIBE_TABLE = call("dynamodb", "DescribeTable", *named("tableName", "orders"), version="1.10")
DESCRIBE_DB = call("rds", "DescribeDBInstances", {}, *named("dBInstanceIdentifier", "ledger", 3), version="1.11")
DESCRIBE_SECURITY_GROUPS = call(
    "ec2", "DescribeSecurityGroups", {"securityGroupSet": {}, "filterSet": {}}, version="1.10"
)
DESCRIBE_VPCS = call("ec2", "DescribeVpcs", {"vpcSet": {}, "filterSet": {}}, version="1.10")
DESCRIBE_VOLUMES = call("ec2", "DescribeVolumes", {"volumeSet": {}, "filterSet": {}}, version="1.10")
LIST_FUNCTIONS = call("lambda", "ListFunctions20150331", {"maxItems": 50})
LIST_ROLES = call("iam", "ListRoles", {"maxItems": 100}, version="1.10")
LIST_USERS = call("iam", "ListUsers", {"maxItems": 100}, version="1.10")
GET_ROLE = call("iam", "GetRole", *named("roleName", "service-role"), version="1.10")
GET_ACCOUNT_SUMMARY = call("iam", "GetAccountSummary", version="1.10")
GET_AUTHORIZATION_DETAILS = call("iam", "GetAccountAuthorizationDetails", {"maxItems": 1000}, version="1.10")
LIST_ATTACHED_POLICIES = call("iam", "ListAttachedRolePolicies", *named("roleName", "service-role"), version="1.10")
DESCRIBE_TRAILS = call(
    "cloudtrail", "DescribeTrails", {"trailNameList": [], "includeShadowTrails": True}, version="1.11"
)
LOOKUP_EVENTS = call("cloudtrail", "LookupEvents", {"maxResults": 50}, version="1.11")
START_INSTANCES = call("ec2", "StartInstances", *INSTANCES, version="1.10", write=True)
CREATE_TAGS = call(
    "ec2",
    "CreateTags",
    {"tagSet": {"items": [{"key": "team", "value": "core"}]}},
    version="1.10",
    write=True,
)
PUT_ALARM = call("monitoring", "PutMetricAlarm", *named("alarmName", "latency"), version="1.11", write=True)
GET_ECR_TOKEN = call("ecr", "GetAuthorizationToken", {}, version="1.11")
PUT_IMAGE = call("ecr", "PutImage", *named("repositoryName", "service"), version="1.11", write=True)
DESCRIBE_STACKS = call("cloudformation", "DescribeStacks", *named("stackName", "service"), version="1.11")
UPDATE_STACK = call(
    "cloudformation",
    "UpdateStack",
    *named("stackName", "service"),
    version="1.11",
    write=True,
    forwards=CREATE_INTERFACE,
)
UPDATE_FUNCTION = call(
    "lambda", "UpdateFunctionCode20150331v2", *named("functionName", "task"), write=True, forwards=GENERATE_DATA_KEY
)
REGISTER_TASK = call("ecs", "RegisterTaskDefinition", *named("family", "service"), version="1.11", write=True)
UPDATE_SERVICE = call("ecs", "UpdateService", *named("service", "service"), version="1.11", write=True)
UPDATE_INSTANCE_INFORMATION = call(
    "ssm",
    "UpdateInstanceInformation",
    {"agentName": "amazon-ssm-agent", "agentVersion": "3.3.2299.0"},
    version="1.11",
    write=True,
)
DESCRIBE_TAGS = call(
    "ec2", "DescribeTags", {"filterSet": {"items": [{"name": "resource-type"}]}, "tagSet": {}}, version="1.10"
)
SELECT_CONFIG = call("config", "DescribeConfigurationRecorders", version="1.08")
GET_COST = call("ce", "GetCostAndUsage", {"granularity": "DAILY", "metrics": ["UnblendedCost"]}, version="1.11")
_LAUNCH = {
    "instancesSet": {"items": [{"imageId": "ami-0b98a32b1c5e0d105", "minCount": 1, "maxCount": 1}]},
    "instanceType": "t3.large",
}
_LAUNCHED = {"instanceId": "i-04d1c7a95be2f6038", "instanceType": "t3.large"}
RUN_INSTANCES = replace(
    call("ec2", "RunInstances", _LAUNCH, version="1.10", write=True),
    response=encoded({"reservationId": "r-0a4f2c91d7b36e58f", "instancesSet": {"items": [_LAUNCHED]}}),
)
