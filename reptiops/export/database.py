"""Database, cache, and how tasks learn of them. Secrets are generated anew by CloudFormation; nothing secret is written."""

from __future__ import annotations

import json

from reptiops.export.form import FORMS, Properties, Writer
from reptiops.resources import elasticache, elasticache_groups, rds, rds_groups, secretsmanager, ssm

PARAMETER_ARN = "arn:${AWS::Partition}:ssm:${AWS::Region}:${AWS::AccountId}:parameter${Ref}"


@FORMS.form(secretsmanager.Secret, "AWS::SecretsManager::Secret", arn="Ref")
def secret(want: secretsmanager.Secret, to: Writer) -> Properties:
    template = (
        {"SecretStringTemplate": json.dumps(dict(want.beside)), "GenerateStringKey": want.field_name}
        if want.field_name
        else {}
    )
    return {
        "Name": want.name,
        "Description": want.description,
        "GenerateSecretString": {**template, "PasswordLength": want.length, "ExcludePunctuation": True},
    }


@FORMS.form(ssm.Parameter, "AWS::SSM::Parameter", arn=PARAMETER_ARN)
def parameter(want: ssm.Parameter, to: Writer) -> Properties:
    return {"Name": want.name, "Type": "String", "Value": want.value}


@FORMS.form(rds_groups.SubnetGroup, "AWS::RDS::DBSubnetGroup")
def database_subnets(want: rds_groups.SubnetGroup, to: Writer) -> Properties:
    return {
        "DBSubnetGroupName": want.name,
        "DBSubnetGroupDescription": want.description,
        "SubnetIds": want.subnets,
    }


@FORMS.form(rds_groups.ParameterGroup, "AWS::RDS::DBParameterGroup")
def database_parameters(want: rds_groups.ParameterGroup, to: Writer) -> Properties:
    return {
        "DBParameterGroupName": want.name,
        "Family": want.family,
        "Description": want.description,
        "Parameters": dict(want.parameters),
    }


@FORMS.form(rds.Instance, "AWS::RDS::DBInstance", host="Endpoint.Address", arn="DBInstanceArn")
def instance(want: rds.Instance, to: Writer) -> Properties:
    password = f"{{{{resolve:secretsmanager:{want.password_from}:SecretString:password}}}}"
    return {
        "DBInstanceIdentifier": want.name,
        "Engine": want.engine,
        "EngineVersion": to.parameter(
            "DatabaseVersion", want.version, "A major version alone takes the newest minor one"
        ),
        "DBInstanceClass": to.parameter("DatabaseInstanceClass", want.instance_class, "Size of the database"),
        "AllocatedStorage": to.parameter("DatabaseStorage", str(want.storage_gb), "GB of storage at first"),
        "MaxAllocatedStorage": want.max_storage_gb or None,
        "StorageType": want.storage_type,
        "StorageEncrypted": want.encrypted,
        "MultiAZ": to.parameter("DatabaseMultiAz", want.multi_az, "A standby in another zone"),
        "BackupRetentionPeriod": want.backup_days,
        "PreferredBackupWindow": want.backup_window,
        "PreferredMaintenanceWindow": want.maintenance_window,
        "MonitoringInterval": want.monitoring_interval,
        "MonitoringRoleArn": want.monitoring_role,
        "DeletionProtection": want.deletion_protection,
        "DBName": want.database,
        "MasterUsername": want.username,
        "MasterUserPassword": password,
        "Port": str(want.port),
        "DBSubnetGroupName": want.subnet_group,
        "VPCSecurityGroups": want.security_groups,
        "DBParameterGroupName": want.parameter_group,
        "PubliclyAccessible": want.public,
        "AutoMinorVersionUpgrade": want.auto_minor_upgrade,
        "EngineLifecycleSupport": None if want.extended_support else "open-source-rds-extended-support-disabled",
        "CopyTagsToSnapshot": want.copy_tags,
        "EnableCloudwatchLogsExports": want.log_exports or None,
        "CACertificateIdentifier": want.ca_certificate,
    }


@FORMS.form(elasticache_groups.SubnetGroup, "AWS::ElastiCache::SubnetGroup")
def cache_subnets(want: elasticache_groups.SubnetGroup, to: Writer) -> Properties:
    return {"CacheSubnetGroupName": want.name, "Description": want.description, "SubnetIds": want.subnets}


@FORMS.form(elasticache.ReplicationGroup, "AWS::ElastiCache::ReplicationGroup", host="PrimaryEndPoint.Address")
def replication_group(want: elasticache.ReplicationGroup, to: Writer) -> Properties:
    token = f"{{{{resolve:secretsmanager:{want.token_from}}}}}" if want.token_from else None
    return {
        "ReplicationGroupId": want.name,
        "ReplicationGroupDescription": want.description,
        "Engine": want.engine,
        "EngineVersion": want.version,
        "CacheNodeType": to.parameter("RedisNodeType", want.node_type, "Size of a Redis node"),
        "NumCacheClusters": want.nodes,
        "AutomaticFailoverEnabled": want.automatic_failover,
        "MultiAZEnabled": want.multi_az,
        "AtRestEncryptionEnabled": want.at_rest,
        "TransitEncryptionEnabled": want.in_transit,
        "AuthToken": token,
        "CacheSubnetGroupName": want.subnet_group,
        "SecurityGroupIds": want.security_groups,
        "CacheParameterGroupName": want.parameter_group,
        "Port": want.port,
        "SnapshotRetentionLimit": want.snapshot_days,
        "SnapshotWindow": want.snapshot_window,
        "PreferredMaintenanceWindow": want.maintenance_window,
        "AutoMinorVersionUpgrade": want.auto_minor_upgrade,
    }
