"""Where the relay may listen: addresses, control socket, certificate; each refusal a sentence."""

from __future__ import annotations

import errno
import ipaddress
import os
import resource
import socket
import ssl
from pathlib import Path
from typing import Final

from ..domain.problems import ProblemError, ProblemKind
from .settings import Listen, RelaySettings

#: Longer Unix socket paths do not fit into a socket address on Linux.
MAX_SOCKET_PATH_BYTES: Final = 107
#: Of the control listener on TCP, which every local program can reach, and others with TLS.
MIN_SECRET_CHARACTERS: Final = 16


#: Descriptors a relay may need: every session by TCP over some addresses, strangers, HTTP.
WANTED_DESCRIPTORS: Final = 65536


def raise_descriptor_limit() -> int:
    """Take as many open files as the system lets us have, up to what is wanted; how many.

    A shell's 1024 are fewer than a city's classrooms by TCP, and who used them up would shut out
    WHIP and WHEP with them.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = WANTED_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, WANTED_DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        return wanted
    return soft


def check_open_address(listen: Listen) -> None:
    """Refuse open mode where strangers could reach it; ProblemError naming the way out."""
    host = "127.0.0.1" if listen.host == "localhost" else listen.host
    try:
        address = ipaddress.ip_address(host)
        private = (address.is_private or address.is_loopback) and not address.is_unspecified
    except ValueError:
        private = False
    if not private:
        raise ProblemError(
            "open_public",
            f"--open 不检查令牌,不能用于 {listen.host}:任何人都能发布。请改用内网地址"
            "(如 --http 127.0.0.1:8090),确有需要时加 --i-know。",
            f"--open asks for no tokens and {listen.host} is not a private address: anybody could"
            " publish. Use a private address (such as --http 127.0.0.1:8090), or add --i-know.",
            kind=ProblemKind.FORBIDDEN,
            field="relay.http",
            value=listen.host,
        )


def load_tls(settings: RelaySettings) -> ssl.SSLContext | None:
    """The TLS context of the public listener, None for plain HTTP; ProblemError if unusable."""
    if settings.tls_certificate is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(settings.tls_certificate, settings.tls_key)
    except (OSError, ssl.SSLError) as error:
        raise ProblemError(
            "tls_unusable",
            f"无法使用证书 {settings.tls_certificate}:{error}。请检查 server.tls_certificate"
            " 与 server.tls_key。",
            f"The certificate {settings.tls_certificate} cannot be used: {error}. Check"
            " server.tls_certificate and server.tls_key.",
            field="server.tls_certificate",
            value=str(settings.tls_certificate),
        ) from error
    return context


def check_control(listen: Listen, secret: str, *, tls: bool) -> None:
    """Refuse a control listener strangers could use; ProblemError saying what it needs."""
    host = "127.0.0.1" if listen.host == "localhost" else listen.host
    try:
        loopback = ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = False
    if not (loopback or tls) or len(secret) < MIN_SECRET_CHARACTERS:
        raise ProblemError(
            "control_unsafe",
            f"控制接口须有至少 {MIN_SECRET_CHARACTERS} 个字符的密钥 relay.control_secret;"
            f"不在本机回环地址上时还须用 https://(现为 {listen.host})。",
            f"The control interface needs a secret of at least {MIN_SECRET_CHARACTERS} characters,"
            " relay.control_secret, and https:// unless it is on a loopback address (it was given"
            f" {listen.host}).",
            field="relay.control",
            value=listen.host,
        )


def bind_private(path: Path) -> socket.socket:
    """A listening-to-be Unix socket only its owner can open; a dead relay's file is replaced."""
    if len(os.fsencode(path)) > MAX_SOCKET_PATH_BYTES:
        raise ProblemError(
            "control_path_long",
            f"控制接口的路径过长:{path}。请缩短 server.data_dir。",
            f"The control socket's path is too long: {path}. Shorten server.data_dir.",
            field="server.data_dir",
            value=str(path),
        )
    bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_socket():
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
                probe.settimeout(1.0)
                if probe.connect_ex(str(path)) == 0:
                    raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
            path.unlink()
        before = os.umask(0o177)
        try:
            bound.bind(str(path))
        finally:
            os.umask(before)
    except OSError as error:
        bound.close()
        raise ProblemError(
            "control_unusable",
            f"无法打开控制接口 {path}:{error.strerror}。请检查 server.data_dir,"
            "或先停止另一个媒体服务。",
            f"The control socket {path} cannot be opened: {error.strerror}. Check server.data_dir,"
            " or stop the other relay first.",
            kind=ProblemKind.CONFLICT,
            field="server.data_dir",
            value=str(path),
        ) from error
    bound.setblocking(False)
    return bound


def not_listening(setting: str, listen: Listen, error: OSError | ValueError) -> ProblemError:
    """Why an address could not be listened on, naming the setting that changes it."""
    where = f"{listen.host}:{listen.port}"
    if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
        return ProblemError(
            "port_in_use",
            f"端口已被占用:{where}。请更改设置 {setting},或停止占用它的程序。",
            f"{where} is already in use. Change the setting {setting}, or stop the program that"
            " uses it.",
            kind=ProblemKind.CONFLICT,
            field=setting,
            value=where,
        )
    reason = getattr(error, "strerror", None) or error
    return ProblemError(
        "address_unusable",
        f"无法监听 {where}:{reason}。请更改设置 {setting}。",
        f"Cannot listen on {where}: {reason}. Change the setting {setting}.",
        kind=ProblemKind.UNAVAILABLE,
        field=setting,
        value=where,
    )
