"""The signing key pair: made by this installation at its first start, or given by the user.

The pair made here has a certificate of its own, signed by a root whose key is thrown away at once:
nobody, this installation included, can make a second one under it. No listed issuer stands behind
it, so it proves that two pictures come from one installation, and not whose that is.
"""

from __future__ import annotations

import contextlib
import datetime
import errno
import functools
import hashlib
import os
import threading
import uuid
from dataclasses import dataclass
from pathlib import Path

from ..errors import MissingExtraError, OptionError, OutputError
from ..files import config_folder
from .mark_code import INSTALLATION_BITS

try:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
except ModuleNotFoundError as error:
    raise MissingExtraError("marks", error.name) from error

FILE = "signing-key.pem"  # the private key, then the certificates, the signer's first
YEARS = 10
_ORGANISATION = "A Facegen installation"
_MOST_BYTES = 256 * 1024  # of a key or certificate file

_lock = threading.Lock()
_chosen: Installation | None = None
_home: Installation | None = None


@dataclass(frozen=True)
class Installation:
    """A key pair. Raises ValueError if the two are not a pair that can sign.

    key: PEM, PKCS #8 without a password. chain: PEM certificates, the signer's first. made_here:
    not given by the user. kept: it is available again at the next start."""

    key: str
    chain: str
    made_here: bool = True
    kept: bool = True

    def __post_init__(self) -> None:
        private = serialization.load_pem_private_key(self.key.encode(), None)
        if _public(private.public_key()) != _public(self.certificate.public_key()):
            raise ValueError("the key does not belong to the first certificate")
        self.algorithm  # noqa: B018  (raises for a kind of key that cannot sign)

    @functools.cached_property
    def certificate(self) -> x509.Certificate:
        """Return the signer's own certificate."""
        return x509.load_pem_x509_certificates(self.chain.encode())[0]

    @functools.cached_property
    def anchor(self) -> str:
        """Return the chain's last certificate, which the others lead to, as PEM."""
        last = x509.load_pem_x509_certificates(self.chain.encode())[-1]
        return last.public_bytes(serialization.Encoding.PEM).decode()

    @property
    def serial(self) -> str:
        """Return the signer's serial number, unique under the anchor."""
        return str(self.certificate.serial_number)

    @functools.cached_property
    def number(self) -> int:
        """Return the number in the invisible mark: the first bits of the public key's hash."""
        digest = hashlib.sha256(_public(self.certificate.public_key())).digest()
        return int.from_bytes(digest[:4], "big") >> 32 - INSTALLATION_BITS

    @functools.cached_property
    def algorithm(self) -> str:
        """Name the algorithm as C2PA does (specification, section 13.2, "Digital signatures")."""
        public = self.certificate.public_key()
        if isinstance(public, ec.EllipticCurvePublicKey):
            found = {256: "es256", 384: "es384", 521: "es512"}.get(public.curve.key_size)
        elif isinstance(public, ed25519.Ed25519PublicKey):
            found = "ed25519"
        else:
            found = "ps256" if isinstance(public, rsa.RSAPublicKey) else None
        if found is None:
            raise ValueError("C2PA knows no signature of this kind of key")
        return found


def current() -> Installation:
    """Return the pair that signs in this process, made at the first start. Raises OutputError."""
    with _lock:
        return _chosen or _at_home()


def mark_number() -> int:
    """Return the installation's number for the invisible marks of this process.

    Its own pair's number, also where the user's certificate signs. Raises OutputError."""
    with _lock:
        return (_chosen if _chosen and _chosen.made_here else _at_home()).number


def use(installation: Installation | None) -> None:
    """Sign with this pair in this process from now on; None: reread the one that is kept."""
    global _chosen, _home
    with _lock:
        _chosen, _home = installation, None


def made(kept: bool = False) -> Installation:
    """Make a new pair, ES256, in memory only."""
    root_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    root_name, name = _name("Facegen installation root"), _name("Facegen installation")
    root = _certificate(root_name, root_name, root_key.public_key(), root_key)
    leaf = _certificate(name, root_name, key.public_key(), root_key, signer=True)
    pem = serialization.Encoding.PEM
    private = key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    chain = leaf.public_bytes(pem) + root.public_bytes(pem)
    return Installation(private.decode(), chain.decode(), kept=kept)


def given(certificates: Path, key: Path) -> Installation:
    """Read the user's own pair from PEM files. Raises OptionError, which never quotes the key."""
    texts = []
    for flag, path in (("c2pa-cert", certificates), ("c2pa-key", key)):
        try:
            with path.open("rb") as file:
                data = file.read(_MOST_BYTES + 1)
        except OSError as error:
            raise OptionError(
                f"{flag} is {path}, which cannot be read ({error.strerror}); name a PEM file"
            ) from error
        if len(data) > _MOST_BYTES or not data.isascii():
            raise OptionError(f"{flag} is {path}, which is not a PEM file; name one")
        texts.append(data.decode("ascii"))
    try:
        return Installation(texts[1], texts[0], made_here=False)
    except (ValueError, TypeError, IndexError) as error:
        raise OptionError(
            f"c2pa-cert {certificates} and c2pa-key {key} cannot sign ({_reason(error)}); name a "
            "PEM certificate chain, the signer's first, and its PKCS #8 key without a password"
        ) from error


def _at_home() -> Installation:
    global _home
    if _home is None:
        _home = _kept()
    return _home


def _kept() -> Installation:
    """Return the pair in the user's folder, made if missing; a temporary one if it fails."""
    try:
        path = config_folder() / FILE
    except RuntimeError:  # no home
        return made()
    if (found := _read(path)) is not None:
        return found
    new = made(kept=True)
    part = path.with_name(f".{uuid.uuid4().hex}.part")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(new.key + new.chain)
        try:
            os.link(part, path)  # unlike a renaming it never replaces another process's
        except FileExistsError:
            pass
        except OSError as error:
            if error.errno not in (errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK):
                raise
            os.replace(part, path)  # a file system without links
    except OSError:
        return made()
    finally:
        with contextlib.suppress(OSError):
            part.unlink()
    return _read(path) or made()


def _read(path: Path) -> Installation | None:
    """Read the pair in a file; None without a file.

    Raises OutputError for one that is not ours, or that cannot sign at this time."""
    try:
        with path.open("rb") as file:
            text = file.read(_MOST_BYTES).decode("ascii")
            if hasattr(os, "fchmod") and os.fstat(file.fileno()).st_mode & 0o077:
                os.fchmod(file.fileno(), 0o600)  # copied by somebody without care
        key, mark, chain = text.partition("-----BEGIN CERTIFICATE-----")
        found = Installation(key, mark + chain)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, IndexError) as error:
        raise OutputError(
            f"{path} is not Facegen's key pair ({_reason(error)}); delete it, and the next start "
            "makes a new one"
        ) from error
    _check_dates(path, found.certificate)
    return found


def _check_dates(path: Path, certificate: x509.Certificate) -> None:
    """Raise OutputError for a pair that was made while the clock was wrong, or is too old.

    No new one is made unasked: it may be today's clock that is wrong."""
    now = _now()
    first, last = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if not first <= now <= last:
        raise OutputError(
            f"{path} signs from {first:%Y-%m-%d} to {last:%Y-%m-%d}, and this machine's clock says "
            f"{now:%Y-%m-%d}; correct the clock, or delete the file: the next start makes a new "
            "pair, to which pictures that the old one signed are another installation's"
        )


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


def _reason(error: Exception) -> str:
    return " ".join(str(error).split())[:120] or type(error).__name__


def _public(key: object) -> bytes:
    return key.public_bytes(  # type: ignore[attr-defined]
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def _name(common: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, _ORGANISATION),
            x509.NameAttribute(NameOID.COMMON_NAME, common),
        ]
    )


def _certificate(
    name: x509.Name,
    issuer: x509.Name,
    public: ec.EllipticCurvePublicKey,
    issuer_key: ec.EllipticCurvePrivateKey,
    signer: bool = False,
) -> x509.Certificate:
    """Make a certificate as C2PA requires (specification, section 14.5, "X.509 Certificates")."""
    now = _now()
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=365 * YEARS))
        .add_extension(x509.BasicConstraints(not signer, None if signer else 0), critical=True)
        .add_extension(
            x509.KeyUsage(
                digital_signature=signer,
                content_commitment=False,
                key_encipherment=False,
                data_encipherment=False,
                key_agreement=False,
                key_cert_sign=not signer,
                crl_sign=not signer,
                encipher_only=False,
                decipher_only=False,
            ),
            critical=True,
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()),
            critical=False,
        )
    )
    if signer:
        usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION])
        builder = builder.add_extension(usage, critical=False)
    return builder.sign(issuer_key, hashes.SHA256())
