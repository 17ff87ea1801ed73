"""Roles, certificates, the trail, the zone."""

from __future__ import annotations

import json
from typing import Any

from reptiops.export.form import FORMS, Properties, Writer
from reptiops.policy import Policy
from reptiops.resources import acm, cloudtrail, iam, logs, route53


def document(policy: Policy) -> Any:
    """A policy as a document, as it was written."""
    return json.loads(policy.json())


@FORMS.form(iam.Role, "AWS::IAM::Role", arn="Arn")
def role(want: iam.Role, to: Writer) -> Properties:
    inline = [{"PolicyName": name, "PolicyDocument": document(p)} for name, p in sorted(want.policies.items())]
    return {
        "RoleName": want.name,
        "Description": want.description or None,
        "AssumeRolePolicyDocument": document(want.trust),
        "Policies": inline or None,
        "ManagedPolicyArns": want.managed or None,
        "MaxSessionDuration": want.max_session_seconds,
    }


FORMS.without(
    iam.ServiceLinkedRole,
    "the account's, not the environment's: `aws iam create-service-linked-role --aws-service-name …` where it is missing",
)


@FORMS.form(logs.LogGroup, "AWS::Logs::LogGroup", arn="Arn")
@FORMS.form(logs.ServiceLogGroup, "AWS::Logs::LogGroup", arn="Arn")
def log_group(want: logs.LogsResource, to: Writer) -> Properties:
    return {"LogGroupName": want.name, "RetentionInDays": want.retention_days or None}


@FORMS.form(cloudtrail.Trail, "AWS::CloudTrail::Trail", arn="Arn")
def trail(want: cloudtrail.Trail, to: Writer) -> Properties:
    to.depends(want.bucket, "Policy")
    return {
        "TrailName": want.name,
        "S3BucketName": want.bucket,
        "IsMultiRegionTrail": want.multi_region,
        "IncludeGlobalServiceEvents": want.global_events,
        "EnableLogFileValidation": want.log_file_validation,
        "IsLogging": want.logging,
    }


@FORMS.form(acm.Certificate, "AWS::CertificateManager::Certificate", arn="Ref")
def certificate(want: acm.Certificate, to: Writer) -> Properties:
    return {
        "DomainName": want.domain,
        "SubjectAlternativeNames": sorted(want.names - {want.domain}) or None,
        "KeyAlgorithm": want.key_algorithm,
        "ValidationMethod": "DNS",
        "DomainValidationOptions": [{"DomainName": name, "HostedZoneId": to.zone} for name in sorted(want.names)],
    }


FORMS.without(acm.SelfSignedCertificate, "imported: CloudFormation imports none, so its ARN is a parameter")
FORMS.without(route53.ValidationRecord, "CloudFormation's certificate writes its own validation record")


@FORMS.form(route53.HostedZone, "AWS::Route53::HostedZone")
def hosted_zone(want: route53.HostedZone, to: Writer) -> Properties:
    return {"Name": want.name}


@FORMS.form(route53.AliasRecords, "AWS::Route53::RecordSetGroup")
def alias_records(want: route53.AliasRecords, to: Writer) -> Properties:
    return {
        "HostedZoneId": want.zone,
        "RecordSets": [
            {
                "Name": f"{host}.",
                "Type": "A",
                "AliasTarget": {
                    "DNSName": alias.dns_name,
                    "HostedZoneId": alias.zone,
                    "EvaluateTargetHealth": False,
                },
            }
            for host, alias in sorted(want.hosts.items())
        ],
    }
