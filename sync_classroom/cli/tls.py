"""`sync-classroom tls`: a local certificate authority, for sites without a public name.

Browsers give no camera or microphone to a page that came over plain HTTP from another machine
(W3C Secure Contexts), so every site needs a certificate its terminals trust.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import os
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import click
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from rich.console import Console

from ..config import Settings
from .language import say

CA_DAYS: Final = 3650
# Chromium refuses leaf certificates valid for longer than 398 days only from public authorities,
# yet staying below costs nothing: `serve` renews by itself.
LEAF_DAYS: Final = 397
RENEW_BEFORE_DAYS: Final = 30


@dataclass(frozen=True, slots=True)
class LocalCertificate:
    """Files of the local authority and of the certificate it issued."""

    authority: Path
    certificate: Path
    key: Path
    names: tuple[str, ...]
    not_after: dt.datetime


def local_names() -> list[str]:
    """Host names and addresses this machine is likely to be reached by."""
    names = ["localhost", "127.0.0.1", "::1", socket.gethostname()]
    # A connected UDP socket sends nothing; it only asks the routing table for our own address.
    for family, target in ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1")):
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as probe:
                probe.connect((target, 9))
                names.append(str(probe.getsockname()[0]))
        except OSError:
            continue
    return list(dict.fromkeys(names))


def _write_key(path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    """Write a private key readable by its owner only."""
    data = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)


def _load_key(path: Path) -> ec.EllipticCurvePrivateKey:
    key = serialization.load_pem_private_key(path.read_bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey), f"{path} is not the key this command wrote"
    return key


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _make_authority(
    folder: Path, now: dt.datetime
) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    """Load the authority of `folder`, or make it once."""
    cert_path, key_path = folder / "ca.pem", folder / "ca.key"
    if cert_path.exists() and key_path.exists():
        return x509.load_pem_x509_certificate(cert_path.read_bytes()), _load_key(key_path)
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name(
        [x509.NameAttribute(NameOID.COMMON_NAME, f"sync_classroom {socket.gethostname()}"[:64])]
    )
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=CA_DAYS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    _write_key(key_path, key)
    cert_path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return certificate, key


def ensure_certificate(folder: Path, names: list[str], *, now: dt.datetime) -> LocalCertificate:
    """Make authority and certificate if they are missing, near their end, or lack a name.

    Names that an existing certificate already has are kept, so asking again never takes one away.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    authority, authority_key = _make_authority(folder, now)
    cert_path, key_path = folder / "server.pem", folder / "server.key"
    wanted = list(dict.fromkeys(names))
    if cert_path.exists() and key_path.exists():
        present = x509.load_pem_x509_certificate(cert_path.read_bytes())
        held = names_of(present)
        if set(wanted) <= set(held) and (
            present.not_valid_after_utc - now > dt.timedelta(days=RENEW_BEFORE_DAYS)
        ):
            return LocalCertificate(
                folder / "ca.pem", cert_path, key_path, tuple(held), present.not_valid_after_utc
            )
        wanted = list(dict.fromkeys([*held, *wanted]))
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, wanted[0][:64])]))
        .issuer_name(authority.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=LEAF_DAYS))
        .add_extension(
            x509.SubjectAlternativeName([_general_name(n) for n in wanted]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()),
            critical=False,
        )
        .sign(authority_key, hashes.SHA256())
    )
    _write_key(key_path, key)
    cert_path.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + authority.public_bytes(serialization.Encoding.PEM)
    )
    return LocalCertificate(
        folder / "ca.pem", cert_path, key_path, tuple(wanted), certificate.not_valid_after_utc
    )


def certificate_files(settings: Settings) -> tuple[Path, Path] | None:
    """The certificate and key `serve` would use, or None for plain HTTP."""
    if settings.server.tls_certificate:
        return Path(settings.server.tls_certificate), Path(settings.server.tls_key)
    made = Path(settings.server.data_dir) / "tls"
    if (made / "server.pem").exists() and (made / "server.key").exists():
        return made / "server.pem", made / "server.key"
    return None


def names_of(certificate: x509.Certificate) -> list[str]:
    """The host names and addresses a certificate is good for."""
    san = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return [
        *san.get_values_for_type(x509.DNSName),
        *map(str, san.get_values_for_type(x509.IPAddress)),
    ]


@click.command()
@click.option(
    "--name", "extra", multiple=True, help="Host name or address terminals use; may be repeated."
)
@click.pass_obj
def tls(obj: Any, extra: tuple[str, ...]) -> None:
    """Make a local certificate authority and a certificate, and say what to install where."""
    folder = Path(obj.settings.server.data_dir) / "tls"
    made = ensure_certificate(folder, [*local_names(), *extra], now=dt.datetime.now(dt.UTC))
    console = Console(soft_wrap=True, highlight=False)
    names, key = ", ".join(made.names), folder / "ca.key"
    for zh, en in _instructions(names, f"{made.not_after:%Y-%m-%d}", made.authority, key):
        console.print(say(zh, en))


def _instructions(names: str, ends: str, authority: Path, key: Path) -> tuple[tuple[str, str], ...]:
    """What to do with what was made, sentence by sentence in both languages."""
    linux = "certutil -d sql:$HOME/.pki/nssdb -A -t C,, -n sync_classroom -i ca.pem"
    return (
        (f"证书适用于：{names}", f"Certificate for: {names}"),
        (
            f"有效至 {ends}；`serve` 从现在起自动使用它。",
            f"valid until {ends}; `serve` uses it by itself from now on.",
        ),
        ("", ""),
        (
            f"请在每台终端上安装这一个文件：[bold]{authority}[/]",
            f"Install this one file on every terminal: [bold]{authority}[/]",
        ),
        (
            "  Windows：把它复制过去，以管理员身份运行：certutil -addstore Root ca.pem",
            "  Windows:  copy it there, then as administrator:  certutil -addstore Root ca.pem",
        ),
        (
            f"  Debian/Ubuntu 的 Chromium：{linux}（需要软件包 libnss3-tools）",
            f'  Debian/Ubuntu with Chromium:  {linux}   (package "libnss3-tools")',
        ),
        (
            "  统一管理的 Chrome/Edge：组策略中的“受信任的根证书颁发机构”。",
            "  Managed Chrome/Edge:  group policy, Trusted Root Certification Authorities.",
        ),
        (
            f"{key} 请只留在本机：谁拿到它，就能对这些终端冒充任何网站。",
            f"Keep {key} on this machine: whoever has it can impersonate any site to those"
            " terminals.",
        ),
    )
