"""Certificates: requested and validated through DNS, or self-signed and imported where there is no zone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Self

from reptiops.aws import Aws
from reptiops.engine.resource import Change, Identity, Live, Made, Resource, Status, Undoing, fixed
from reptiops.engine.scope import Scope
from reptiops.resources import held
from reptiops.resources.tagging import BULK, singly, tags_of
from reptiops.rights import OURS, TAGGED, Right, arn_of, create, delete, read, update

KEYS = ["RSA_1024", "RSA_2048", "RSA_3072", "RSA_4096", "EC_prime256v1", "EC_secp384r1", "EC_secp521r1"]
"""ListCertificates leaves out every key type but two unless all are named (aws-facts 4.1)."""
RENEW_DAYS = 30
"""A self-signed certificate is made anew when fewer days are left: nobody else renews it."""


CERTIFICATES = (arn_of("acm", "certificate/*"),)


def listed(aws: Aws) -> list[dict[str, Any]]:
    """The summaries of all certificates of the region, whatever their key and state."""
    return aws.acm.pages("list_certificates", "CertificateSummaryList", Includes={"keyTypes": KEYS})


def _tags(aws: Aws, arn: str) -> dict[str, str]:
    answer = aws.acm.list_tags_for_certificate(CertificateArn=arn)
    return {t["Key"]: t.get("Value", "") for t in answer["Tags"]}


def _algorithm(value: str) -> str:
    return value.replace("-", "_")


@dataclass(frozen=True)
class AcmResource(Resource):
    """What both kinds of certificates share."""

    domain: str = fixed()
    names: frozenset[str] = fixed()

    imported: ClassVar[bool]
    """Whether it was signed elsewhere."""
    free: ClassVar[bool] = True
    absent: ClassVar[frozenset[str]] = frozenset({"ResourceNotFoundException"})
    made_beside: ClassVar[bool] = True
    """One has no name, so a second one for the same domain is made; who uses the first one switches (aws-facts 4.1)."""

    @classmethod
    def observe(cls, aws: Aws, scope: Scope) -> Iterable[Live[Self]]:
        """Those for a wanted domain that carry our tags; names are not unique, so tags are what counts."""
        yield from cls._read(aws, scope)

    @classmethod
    def strangers(cls, aws: Aws, scope: Scope) -> Iterable[Live[Self]]:
        """Those for a wanted domain that nobody has claimed."""
        yield from cls._read(aws, scope, strange=True)

    def resembles(self, other: Self) -> bool:
        """For the same names."""
        return self.domain == other.domain and self.names == other.names

    @classmethod
    def _read(cls, aws: Aws, scope: Scope, strange: bool = False) -> Iterable[Live[Self]]:
        domains = {want.domain for want in scope.wanted(cls)}
        arns = [
            one["CertificateArn"]
            for one in scope.once("certificates", lambda: listed(aws))
            if (one.get("Type") == "IMPORTED") is cls.imported and one.get("DomainName") in domains
        ]
        names = {arn: arn for arn in arns}
        tags = tags_of(scope, cls, names, singly(lambda arn: _tags(aws, arn)), names)
        recorded = scope.recorded(cls)
        for arn in arns:
            address = scope.address(tags.get(arn, {})) or recorded.address(arn)
            if (address is None and strange and scope.unclaimed(tags.get(arn, {}))) or (
                address is not None and not strange
            ):
                yield cls._live(aws.acm.describe_certificate(CertificateArn=arn)["Certificate"], address)

    @classmethod
    def _live(cls, one: Mapping[str, Any], address: str | None) -> Live[Self]:
        """What a certificate's details say of it."""
        raise NotImplementedError(cls.__name__)

    @classmethod
    def tag(cls, aws: Aws, live: Live[Any], identity: Identity) -> None:
        """By ARN; other tags stay."""
        aws.acm.add_tags_to_certificate(CertificateArn=live.id, Tags=identity.tag_list())

    def delete(self, aws: Aws, live: Live[Any]) -> None:
        """Refused while a listener or distribution uses it, and for minutes after."""
        aws.acm.delete_certificate(CertificateArn=live.id)

    def blockers(self, aws: Aws, live: Live[Any]) -> str:
        """What shows it."""
        return held.showing(aws, live.id)


@dataclass(frozen=True)
class Certificate(AcmResource):
    """A public certificate. It is issued once its validation records are in the zone."""

    key_algorithm: str = fixed(default="RSA_2048")

    imported: ClassVar[bool] = False
    not_yet: ClassVar[frozenset[str]] = frozenset({"ResourceInUseException", "RequestInProgressException"})
    typical: ClassVar[float] = 30
    nine_in_ten: ClassVar[float | None] = 61
    typical_delete: ClassVar[float] = 30
    limit: ClassVar[float] = 4500
    rights: ClassVar[tuple[Right, ...]] = (
        BULK,
        read("acm:ListCertificates"),
        read("acm:DescribeCertificate", "acm:ListTagsForCertificate", on=CERTIFICATES),
        create("acm:RequestCertificate", when=TAGGED),
        create("acm:AddTagsToCertificate", on=CERTIFICATES, when=TAGGED),
        delete("acm:DeleteCertificate", on=CERTIFICATES, when=OURS),
        delete("acm:DescribeCertificate", on=CERTIFICATES),
    )

    @classmethod
    def _live(cls, one: Mapping[str, Any], address: str | None) -> Live[Self]:
        has = cls(
            domain=one["DomainName"],
            names=frozenset(one["SubjectAlternativeNames"]),
            key_algorithm=_algorithm(one.get("KeyAlgorithm", "RSA_2048")),
        )
        out = {"arn": one["CertificateArn"], **_records(one)}
        return Live(one["CertificateArn"], has, address, _status(one), out, one.get("CreatedAt"))

    def create(self, aws: Aws, identity: Identity) -> str:
        """Each request without the same token would be another certificate."""
        answer = aws.acm.request_certificate(
            DomainName=self.domain,
            SubjectAlternativeNames=sorted(self.names),
            ValidationMethod="DNS",
            KeyAlgorithm=self.key_algorithm,
            IdempotencyToken=identity.token,
            Tags=identity.tag_list(),
        )
        return str(answer["CertificateArn"])


def _records(one: Mapping[str, Any]) -> dict[str, str]:
    """The validation record of each domain, names without the trailing dot; missing for seconds after the request."""
    out = {}
    for option in one.get("DomainValidationOptions", []):
        record = option.get("ResourceRecord")
        if record:
            domain = option["DomainName"].removeprefix("*.")
            out[f"record_name:{domain}"] = record["Name"].rstrip(".").lower()
            out[f"record_value:{domain}"] = record["Value"].rstrip(".").lower()
    return out


def _status(one: Mapping[str, Any]) -> Status:
    word = one["Status"]
    phase: Any = {"ISSUED": "ready", "PENDING_VALIDATION": "pending"}.get(word, "failed")
    # A validation that nobody answers stays pending for 72 hours and disturbs nothing else.
    return Status(phase, word.lower().replace("_", " "), one.get("FailureReason", ""), changing=False)


@dataclass(frozen=True)
class SelfSignedCertificate(AcmResource):
    """A certificate that the tool makes and signs itself. Load balancers take it, browsers warn, CloudFront refuses."""

    valid_days: int = fixed(default=365)
    renewal_due: bool = False
    """Whether fewer than RENEW_DAYS are left."""

    lost: ClassVar[str] = "its private key is kept nowhere"
    imported: ClassVar[bool] = True
    not_yet: ClassVar[frozenset[str]] = frozenset({"ResourceInUseException"})
    limit: ClassVar[float] = 1200
    rights: ClassVar[tuple[Right, ...]] = (
        BULK,
        read("acm:ListCertificates"),
        read("acm:DescribeCertificate", "acm:ListTagsForCertificate", on=CERTIFICATES),
        create("acm:ImportCertificate", on=CERTIFICATES, when=TAGGED),
        create("acm:AddTagsToCertificate", on=CERTIFICATES, when=TAGGED),
        update("acm:ImportCertificate", on=CERTIFICATES, when=OURS),
        delete("acm:DeleteCertificate", on=CERTIFICATES, when=OURS),
        delete("acm:DescribeCertificate", on=CERTIFICATES),
    )

    @classmethod
    def undoing(cls, change: Change) -> Undoing:
        """A renewed one has another key, and the one before is kept nowhere."""
        return Undoing("one-way", "the private key before is kept nowhere")

    @classmethod
    def _live(cls, one: Mapping[str, Any], address: str | None) -> Live[Self]:
        begins, ends = one["NotBefore"], one["NotAfter"]
        has = cls(
            domain=one["DomainName"],
            names=frozenset(one["SubjectAlternativeNames"]),
            valid_days=round((ends - begins) / timedelta(days=1)),
            renewal_due=ends - datetime.now(UTC) < timedelta(days=RENEW_DAYS),
        )
        arn = one["CertificateArn"]
        return Live(arn, has, address, Status("ready", "imported"), {"arn": arn}, one.get("ImportedAt"))

    def create(self, aws: Aws, identity: Identity) -> Made:
        """The private key exists only in this call."""
        key, certificate = self._sign()
        answer = aws.acm.import_certificate(Certificate=certificate, PrivateKey=key, Tags=identity.tag_list())
        arn = str(answer["CertificateArn"])
        return Made(arn, {"arn": arn}, Status("ready", "imported"))

    def update(self, aws: Aws, live: Live[Any], changed: frozenset[str]) -> None:
        """Imported anew under the same ARN; tags are refused on re-import."""
        key, certificate = self._sign()
        aws.acm.import_certificate(CertificateArn=live.id, Certificate=certificate, PrivateKey=key)

    def _sign(self) -> tuple[bytes, bytes]:
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import rsa
        from cryptography.x509.oid import NameOID

        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, self.domain)])
        begins = datetime.now(UTC) - timedelta(minutes=5)  # a clock that is a little behind must accept it too
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(begins)
            .not_valid_after(begins + timedelta(days=self.valid_days))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(n) for n in sorted(self.names)]), critical=False)
            .sign(key, hashes.SHA256())
        )
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return private, certificate.public_bytes(serialization.Encoding.PEM)
