"""What AWS says in passing, in its own words: errors that go away by themselves, by the operation that meets them.

(code, message, status). The sources are `propagating`, `not_yet` and `absent` of the kinds, and AWS's documentation.
"""

from __future__ import annotations

Said = tuple[str, str, int]

LATE: dict[str, list[Said]] = {
    # ...NotFound for seconds after a create
    "ec2:ModifyVpcAttribute": [("InvalidVpcID.NotFound", "The vpc ID does not exist", 400)],
    "ec2:CreateSubnet": [("InvalidVpcID.NotFound", "The vpc ID does not exist", 400)],
    "ec2:ModifySubnetAttribute": [("InvalidSubnetID.NotFound", "The subnet ID does not exist", 400)],
    "ec2:AttachInternetGateway": [
        ("InvalidInternetGatewayID.NotFound", "The internetGateway ID does not exist", 400),
        ("InvalidVpcID.NotFound", "The vpc ID does not exist", 400),
    ],
    "ec2:CreateRouteTable": [("InvalidVpcID.NotFound", "The vpc ID does not exist", 400)],
    "ec2:CreateRoute": [
        ("InvalidNatGatewayID.NotFound", "The natGateway ID does not exist", 400),
        ("InvalidInternetGatewayID.NotFound", "The gateway ID does not exist", 400),
    ],
    "ec2:AssociateRouteTable": [
        ("InvalidSubnetID.NotFound", "The subnet ID does not exist", 400),
        ("InvalidRouteTableID.NotFound", "The routeTable ID does not exist", 400),
    ],
    "ec2:CreateNatGateway": [
        ("InvalidSubnetID.NotFound", "The subnet ID does not exist", 400),
        ("InvalidAllocationID.NotFound", "The allocation ID does not exist", 400),
    ],
    "ec2:CreateSecurityGroup": [("InvalidVpcID.NotFound", "The vpc ID does not exist", 400)],
    "ec2:AuthorizeSecurityGroupIngress": [("InvalidGroup.NotFound", "The security group does not exist", 400)],
    "ec2:AuthorizeSecurityGroupEgress": [("InvalidGroup.NotFound", "The security group does not exist", 400)],
    "ec2:CreateVpcEndpoint": [("InvalidRouteTableId.NotFound", "The route table does not exist", 400)],
    "ecs:CreateService": [("ClusterNotFoundException", "Cluster not found.", 400)],
    "elbv2:CreateListener": [("LoadBalancerNotFound", "Load balancer not found", 400)],
    "elbv2:CreateRule": [("TargetGroupNotFound", "Target groups not found", 400)],
    "s3:PutBucketPolicy": [("NoSuchBucket", "The specified bucket does not exist", 404)],
    "application-autoscaling:PutScalingPolicy": [
        ("ObjectNotFoundException", "No scalable target registered for service namespace: ecs", 400)
    ],
    "cloudtrail:CreateTrail": [("S3BucketDoesNotExistException", "S3 bucket does not exist!", 400)],
}
PROPAGATING: dict[str, list[Said]] = {
    # roles and policies that have not spread yet, in each service's words
    "iam:PutRolePolicy": [("NoSuchEntity", "The role with name x cannot be found.", 404)],
    "s3:PutBucketPolicy": [("MalformedPolicy", "Invalid principal in policy", 400)],
    "ec2:CreateFlowLogs": [("InvalidParameter", "Unable to assume given IAM role", 400)],
    "ecs:RegisterTaskDefinition": [("ClientException", "Role is not valid", 400)],
    "rds:CreateDBSubnetGroup": [
        (
            "InvalidParameterValue",
            "Missing necessary credentials. Please check https://docs.aws.amazon.com/x/UsingWithRDS.IAM.ServiceLinkedRoles.html",
            400,
        )
    ],
    "elasticache:CreateCacheSubnetGroup": [
        ("ServiceLinkedRoleNotFoundFault", "This action cannot be completed due to insufficient permissions.", 400)
    ],
    "application-autoscaling:RegisterScalableTarget": [
        ("ValidationException", "Unable to assume IAM role: arn:aws:iam::1:role/x", 400)
    ],
    "elbv2:ModifyLoadBalancerAttributes": [
        ("InvalidConfigurationRequest", "Access Denied for bucket: x. Please check S3bucket permission", 400)
    ],
    "cloudtrail:CreateTrail": [
        ("InsufficientS3BucketPolicyException", "Incorrect S3 bucket policy is detected for bucket: x", 400)
    ],
}
BUSY: dict[str, list[Said]] = {
    # neighbours that are still changing or still hold on
    "s3:PutBucketVersioning": [("OperationAborted", "A conflicting conditional operation is in progress", 409)],
    "s3:PutPublicAccessBlock": [("OperationAborted", "A conflicting conditional operation is in progress", 409)],
    "s3:PutBucketEncryption": [("OperationAborted", "A conflicting conditional operation is in progress", 409)],
    "s3:CreateBucket": [("OperationAborted", "A conflicting conditional operation is in progress", 409)],
    "s3:DeleteBucket": [
        ("OperationAborted", "A conflicting conditional operation is in progress", 409),
        ("BucketNotEmpty", "The bucket you tried to delete is not empty", 409),
    ],
    "ec2:DeleteSubnet": [("DependencyViolation", "The subnet has dependencies and cannot be deleted.", 400)],
    "ec2:DeleteVpc": [("DependencyViolation", "The vpc has dependencies and cannot be deleted.", 400)],
    "ec2:DetachInternetGateway": [("DependencyViolation", "Network has some mapped public address(es).", 400)],
    "ec2:DeleteSecurityGroup": [("DependencyViolation", "resource sg-1 has a dependent object", 400)],
    "ec2:ReleaseAddress": [
        ("InvalidIPAddress.InUse", "Address is in use", 400),
        ("AuthFailure", "You do not have permission to access the specified resource.", 400),
    ],
    "elbv2:DeleteTargetGroup": [("ResourceInUse", "Target group is currently in use by a listener or a rule", 400)],
    "acm:DeleteCertificate": [("ResourceInUseException", "Certificate is in use.", 400)],
    "iam:DeleteRole": [("DeleteConflict", "Cannot delete entity, must delete policies first.", 409)],
    "ecs:DeleteCluster": [("ClusterContainsServicesException", "The Cluster cannot be deleted: services", 400)],
    "route53:ChangeResourceRecordSets": [("PriorRequestNotComplete", "The request was rejected", 400)],
    "rds:DeleteDBSubnetGroup": [("InvalidDBSubnetGroupStateFault", "still used by an instance", 400)],
    "elasticache:DeleteCacheSubnetGroup": [("CacheSubnetGroupInUse", "still in use", 400)],
}
WORDS = {"late": LATE, "propagating": PROPAGATING, "busy": BUSY}
