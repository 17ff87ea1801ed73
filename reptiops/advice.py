"""What AWS's errors mean here, and what to do next: the ones that a person is most likely to meet.

Neutral: it knows codes, parts of messages and kinds, and neither engine nor console. `{env}` and `{address}` in a text
stand for the environment and the address that it is about. Quota codes are those of the Service Quotas console.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Advice:
    """One error: the codes it goes by, what it means, and what to do. `part` must be in AWS's message, `kinds` in the
    kind's beginning (such as `rds.`), where the code alone would not tell.
    """

    codes: tuple[str, ...]
    means: str
    do: str
    part: str = ""
    kinds: tuple[str, ...] = ()

    def fits(self, code: str, message: str, kind: str) -> bool:
        """Whether it is about this error."""
        about = not self.kinds or any(kind.startswith(beginning) for beginning in self.kinds)
        return code in self.codes and self.part.lower() in message.lower() and about


def _of(codes: str, means: str, do: str, part: str = "", kinds: str = "") -> Advice:
    return Advice(tuple(codes.split()), means, do, part, tuple(kinds.split()))


def _quota(codes: str, what: str, service: str, number: str, otherwise: str = "", kinds: str = "") -> Advice:
    do = f"ask for more in the Service Quotas console ({', '.join(filter(None, (service, number)))})"
    return _of(codes, f"The account may have no more {what} in this region.", do + (f", or {otherwise}" if otherwise else ""), kinds=kinds)  # fmt: skip


AGAIN = "run the same command again: it goes on where this one stopped"
IDENTITY = (
    _of(
        "AccessDenied AccessDeniedException UnauthorizedOperation AuthorizationError UnauthorizedException",
        "These credentials may not do this, or a policy of the organisation forbids it.",
        "`reptiops policy {env} --for provision` prints what is needed: have it attached, then " + AGAIN,
    ),
    _of(
        "ExpiredToken ExpiredTokenException RequestExpired ExpiredTokenFault TokenRefreshRequired",
        "The credentials ran out.",
        "sign in again (for SSO: `aws sso login`), then " + AGAIN,
    ),
    _of(
        "InvalidClientTokenId UnrecognizedClientException InvalidAccessKeyId AuthFailure InvalidClientTokenIdException",
        "AWS does not know these credentials: a key that was deleted, or one of another partition.",
        "`aws sts get-caller-identity` with the same --profile must work first",
    ),
    _of(
        "SignatureDoesNotMatch RequestTimeTooSkewed InvalidSignatureException",
        "AWS and this machine do not agree on the signature: a secret key with a slip in it, or a clock that is wrong.",
        "set the machine's clock, and look at the profile's secret key",
    ),
    _of(
        "OptInRequired SubscriptionRequiredException NotSignedUp",
        "The account has not finished its registration, or the region is not switched on for it.",
        "open the AWS console as the account's owner and finish it; a new account takes up to a day",
    ),
    _of(
        "UnauthorizedSSOTokenError SSOTokenLoadError TokenRetrievalError",
        "The SSO session has ended.",
        "`aws sso login` with the same --profile, then " + AGAIN,
    ),
    _of(
        "ProfileNotFound",
        "There is no profile of that name in ~/.aws/config or ~/.aws/credentials.",
        "`aws configure list-profiles` shows them; or look around with --sandbox, which needs none",
    ),
    _of(
        "NoCredentialsError PartialCredentialsError CredentialRetrievalError",
        "There are no AWS credentials to use.",
        "set AWS_PROFILE or --profile, sign in, or look around with --sandbox, which needs none",
    ),
)  # fmt: skip
TROUBLE = (
    _of(
        "Throttling ThrottlingException RequestLimitExceeded TooManyRequestsException SlowDown RequestThrottled "
        "PriorRequestNotComplete ThrottledException EC2ThrottledException",
        "The account asks this service more often than AWS allows, although it was asked again for minutes.",
        "wait a little, see what else runs in the account, lower `max_parallel` in the playbook, then " + AGAIN,
    ),
    _of(
        "ServiceUnavailable ServiceUnavailableException InternalError InternalFailure InternalServerError "
        "InternalServiceException ServerException InternalServiceError",
        "AWS itself had a failure, and still had it after minutes.",
        "look at health.aws.amazon.com, then " + AGAIN,
    ),
    _of(
        "EndpointConnectionError ConnectTimeoutError ConnectionClosedError ReadTimeoutError HTTPClientError "
        "ProxyConnectionError SSLError",
        "AWS did not answer: no network, a proxy, or a region that does not have this service.",
        "look at the network and at `region`, then " + AGAIN,
    ),
)  # fmt: skip
NETWORK = (
    _quota("AddressLimitExceeded", "Elastic IP addresses (5 in a new account)", "EC2", "L-0263D0A3", "set `network.nat_gateways: 1`"),
    _quota("VpcLimitExceeded", "VPCs (5 in a new account)", "VPC", "L-F678F1CE", "remove one that nobody uses"),
    _quota("NatGatewayLimitExceeded", "NAT gateways in that zone", "VPC", "L-FE5A380F", "set `network.nat_gateways: 1`"),
    _quota("InternetGatewayLimitExceeded", "internet gateways; the number follows that of VPCs", "VPC", "L-A4707A72"),
    _quota("VpcEndpointLimitExceeded", "endpoints", "VPC", "L-29B6F2EB", "shorten `network.endpoints`"),
    _quota("SecurityGroupLimitExceeded", "security groups", "VPC", "L-E79EC296"),
    _quota("RulesPerSecurityGroupLimitExceeded", "rules in that security group", "VPC", "L-0EA8095F", "join ranges in `security.groups`"),
    _of(
        "InvalidSubnet.Conflict InvalidSubnet.Range InvalidVpc.Range",
        "The CIDR blocks of the network do not fit: one overlaps another, or lies outside of the VPC.",
        "look for what uses {address}'s range already, or change `network.cidr` and `network.zones`",
    ),
    _of(
        "DependencyViolation",
        "Something in AWS still uses it: most often a network interface of a load balancer, a task or a database that "
        "AWS has not let go of yet, or one that somebody made by hand.",
        "look in EC2 under Network interfaces for what is in it, remove what is not ours, then " + AGAIN,
    ),
    _of(
        "InvalidVpcID.NotFound InvalidSubnetID.NotFound InvalidGroup.NotFound InvalidGroupId.NotFound "
        "InvalidSecurityGroupID.NotFound InvalidRouteTableID.NotFound InvalidAllocationID.NotFound "
        "InvalidInternetGatewayID.NotFound NatGatewayNotFound",
        "Something that it needs went away while the run was under way: somebody else is changing this environment.",
        "`reptiops drift {env} --who` may tell who; then " + AGAIN,
    ),
)  # fmt: skip
DATA = (
    _of(
        "InvalidParameterCombination",
        "AWS does not offer this engine version with this instance class here.",
        "choose another `database.version` or `database.instance_class`; `reptiops plan {env}` names the newest",
        part="cannot find version",
        kinds="rds.",
    ),
    _of(
        "InsufficientDBInstanceCapacity InsufficientCacheClusterCapacity",
        "AWS has none of this class left in these zones just now.",
        "try again in an hour, or choose another `instance_class` or `node_type`",
    ),
    _quota("InstanceQuotaExceeded DBInstanceQuotaExceeded", "database instances", "RDS", "L-7B6409FD"),
    _quota("StorageQuotaExceeded", "database storage", "RDS", "L-7ADDB58A", "lower `database.storage_gb`"),
    _quota("NodeQuotaForCustomerExceeded NodeQuotaForCustomerExceededFault ClusterQuotaForCustomerExceeded", "cache nodes", "ElastiCache", "L-DFE45DF3"),
    _of(
        "DBSubnetGroupDoesNotCoverEnoughAZs",
        "A database needs private subnets in two zones at least, also where it runs in one.",
        "add a zone to `network.zones`",
    ),
    _of(
        "DBInstanceAlreadyExists DBSubnetGroupAlreadyExists DBParameterGroupAlreadyExists ReplicationGroupAlreadyExists "
        "ReplicationGroupAlreadyExistsFault CacheSubnetGroupAlreadyExists CacheSubnetGroupAlreadyExistsFault",
        "One of that name is there, and nothing says that reptiops made it.",
        "`reptiops adopt {env}` shows how to take it over; or remove or rename it",
    ),
    _of(
        "InvalidRequestException",
        "A secret of that name was deleted and is inside its recovery window: AWS keeps the name taken until then.",
        "bring it back with `aws secretsmanager restore-secret`, or delete it for good with "
        "`--force-delete-without-recovery`, then " + AGAIN,
        part="scheduled for deletion",
    ),
    _of(
        "KMSKeyNotAccessibleFault KMS.DisabledException KMSAccessDeniedFault KMSInvalidStateException DisabledException",
        "The encryption key cannot be used: disabled, about to be deleted, or closed to these credentials.",
        "enable the key in KMS and let its policy admit this account",
    ),
)  # fmt: skip
COMPUTE = (
    _quota("TooManyLoadBalancers", "load balancers", "ELB", "L-53DA6B97"),
    _quota("TooManyTargetGroups", "target groups", "ELB", "L-B22855CB"),
    _quota("TooManyRules", "rules on that load balancer (100 in a new account)", "ELB", "", "give services fewer hosts"),
    _of(
        "DuplicateLoadBalancerName DuplicateTargetGroupName",
        "One of that name is there with other settings, and nothing says that reptiops made it.",
        "`reptiops adopt {env}` shows how to take it over; or remove it",
    ),
    _of(
        "CertificateNotFound UnsupportedCertificate",
        "The listener's certificate is not issued yet, or lies in another region.",
        "look at security/certificate with `reptiops status {env}`: its DNS record has to be visible to the world",
    ),
    _of(
        "InvalidConfigurationRequest",
        "The load balancer may not write its logs to the bucket. After a new bucket policy this passes in minutes.",
        "run the same command again in five minutes; if it stays, read the policy of storage/logs_bucket",
        part="bucket",
    ),
    _of(
        "ClientException InvalidParameterException",
        "The account's Fargate limit of vCPUs is used up, or has not been raised from a new account's.",
        "ask for more in the Service Quotas console (Fargate, L-3032A538), or lower `desired` and `cpu`",
        part="vcpu",
    ),
    _of(
        "ClientException InvalidParameterException",
        "ECS cannot assume the role of the task yet, or at all.",
        "run the same command again in a minute; if it stays, read the trust of security/execution_role",
        part="role",
        kinds="ecs",
    ),
    _of(
        "RepositoryAlreadyExistsException ResourceAlreadyExistsException ResourceExistsException",
        "One of that name is there, and nothing says that reptiops made it.",
        "`reptiops adopt {env}` shows how to take it over; or remove it",
    ),
    _of(
        "RepositoryNotEmptyException",
        "There are still images in the repository.",
        "nothing of them is deleted unasked: delete them, or keep the repository",
    ),
)  # fmt: skip
WEB = (
    _of(
        "BucketAlreadyExists",
        "Somebody in the world has a bucket of that name: S3's names are global.",
        'set `storage.suffix` in the configuration, such as suffix: "-4711"',
    ),
    _of(
        "BucketAlreadyOwnedByYou",
        "This account has a bucket of that name, and nothing says that reptiops made it.",
        "`reptiops adopt {env}` shows how to take it over; or set `storage.suffix`",
    ),
    _of(
        "BucketNotEmpty",
        "Something was written to the bucket after it was emptied: load balancers deliver logs late.",
        "run the same command again in ten minutes",
    ),
    _quota("TooManyBuckets", "buckets", "S3", "L-DC2B2D3D"),
    _of(
        "OperationAborted",
        "S3 has not finished with a bucket of that name: it was just deleted, in this region or another.",
        "wait up to an hour, or set `storage.suffix`",
    ),
    _of(
        "CNAMEAlreadyExists IncorrectlyConfigured",
        "Another CloudFront distribution, perhaps of another account, has this host name.",
        "take the name off that distribution, or out of `storage.cdn.aliases`",
    ),
    _of(
        "InvalidViewerCertificate",
        "CloudFront wants an issued certificate of us-east-1 that covers every alias.",
        "compare `certificate.names` with `storage.cdn.aliases`, and look at security/certificate",
    ),
    _quota("TooManyDistributions", "CloudFront distributions", "CloudFront", "L-24B04930"),
    _of(
        "InvalidChangeBatch",
        "Route 53 took none of the records: one is there in another form, or the zone is not the one of the domain.",
        "look for the record in the zone; one that is not ours has to go by hand",
    ),
    _of(
        "HostedZoneNotEmpty",
        "There are records in the zone that reptiops did not write.",
        "nothing of them is deleted unasked: remove them by hand, or keep the zone",
    ),
    _of(
        "NoSuchHostedZone",
        "The hosted zone is gone, or these credentials belong to another account than the zone.",
        "look at `dns.zone`, or let the tool make one with `dns.create_zone: true`",
    ),
)  # fmt: skip
IDENTITIES = (
    _of(
        "EntityAlreadyExists EntityAlreadyExistsException",
        "A role of that name is there, and nothing says that reptiops made it.",
        "`reptiops adopt {env}` shows how to take it over; or remove it",
    ),
    _of(
        "MalformedPolicyDocument",
        "IAM does not take the policy: most often it names a principal that does not exist (any more).",
        "look at `trust` under `security` in the configuration",
    ),
    _of(
        "DeleteConflict",
        "Something was attached to the role that reptiops does not know.",
        "detach it in IAM, then " + AGAIN,
    ),
    _quota("LimitExceeded", "roles or policies", "IAM", "L-FE177D64", kinds="iam."),
    _quota("LimitExceededException", "certificates this year", "ACM", "", "remove names", kinds="acm."),
)  # fmt: skip
WATCH = (
    _of(
        "InsufficientS3BucketPolicyException",
        "CloudTrail may not write to its bucket. After a new bucket policy this passes in minutes.",
        "run the same command again in five minutes",
    ),
    _quota("MaximumNumberOfTrailsExceededException", "trails (5 a region)", "CloudTrail", "", "set `cloudtrail.enabled: false`"),
    _of(
        "DuplicateRecordException",
        "A budget of that name is there, and nothing says that reptiops made it.",
        "remove it in Billing, or set `monitoring.budget.enabled: false`",
    ),
    _quota("SubscriptionLimitExceeded TopicLimitExceeded", "topics or subscriptions", "SNS", ""),
)  # fmt: skip
TABLE: tuple[Advice, ...] = (
    *IDENTITY, *TROUBLE, *NETWORK, *DATA, *COMPUTE, *WEB, *IDENTITIES, *WATCH
)  # fmt: skip


def advise(code: str, message: str = "", kind: str = "", table: Iterable[Advice] = TABLE) -> Advice | None:
    """What is known of an error; what says most about it wins. None for one that nobody has thought of."""
    fitting = [one for one in table if one.fits(code, message, kind)]
    return max(fitting, key=lambda one: bool(one.part) + bool(one.kinds), default=None)
