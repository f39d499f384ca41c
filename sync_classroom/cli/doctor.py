"""`sync-classroom doctor`: what is missing or misconfigured, in sentences with their remedy."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import ssl
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final

import click
from cryptography import x509
from rich.console import Console

from .. import __version__
from ..app import DATABASE_URL, relay_client
from ..config import Settings
from ..coordinator.ports import RelayDownError
from ..coordinator.push_files import strangers
from ..coordinator.relay_client import RelayIdentity, RelayLockedError
from ..domain.problems import ProblemError
from ..domain.turn import Turn
from ..relay import kernel
from ..setting_tables import split_address
from ..store.database import open_store
from .language import say, speaks_chinese
from .relay_settings import recordings_folder
from .settings import push_lines, serve_settings
from .tls import RENEW_BEFORE_DAYS, certificate_files
from .turn_probe import probe

#: A term of evidence and a day of journal fit into this with room to spare.
MIN_FREE_BYTES: Final = 2 * 1024**3
# Lessons that cannot be counted; more have the same cause.
ASIDE_SHOWN: Final = 5


class Level(StrEnum):
    """How bad a finding is."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at, in both languages."""

    level: Level
    zh: str
    en: str


def _python(_settings: Settings) -> Iterator[Finding]:
    version = ".".join(map(str, sys.version_info[:3]))
    yield Finding(Level.OK, f"Python {version}", f"Python {version}")


def _data_dir(settings: Settings) -> Iterator[Finding]:
    folder = Path(settings.server.data_dir)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        yield Finding(
            Level.FAIL,
            f"数据目录 {folder} 不可写：{error.strerror}。请修改 server.data_dir 或目录权限。",
            f"The data folder {folder} cannot be written: {error.strerror}."
            " Change server.data_dir or the folder's permissions.",
        )
        return
    free = shutil.disk_usage(folder).free
    size = f"{free / 1024**3:.1f} GB"
    if free < MIN_FREE_BYTES:
        yield Finding(
            Level.WARN,
            f"数据目录 {folder} 只剩 {size}；请清理磁盘或换到更大的磁盘。",
            f"Only {size} are left in {folder}; make room or move server.data_dir.",
        )
    else:
        yield Finding(Level.OK, f"数据目录 {folder}，剩余 {size}", f"Data in {folder}, {size} free")


def _recordings(settings: Settings) -> Iterator[Finding]:
    """Whether recordings have a folder and room, which they are the first to do without."""
    folder, recording = recordings_folder(settings), settings.recording
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        yield Finding(
            Level.FAIL if recording.lessons else Level.WARN,
            f"录像目录 {folder} 不可写：{error.strerror}。请修改 recording.folder 或目录权限。",
            f"The recordings folder {folder} cannot be written: {error.strerror}."
            " Change recording.folder or the folder's permissions.",
        )
        return
    free = shutil.disk_usage(folder).free
    used = sum(path.stat().st_size for path in folder.glob("*/*") if path.is_file())
    sizes = f"{used / 1e9:.1f} GB", f"{free / 1e9:.1f} GB"
    if free < recording.min_free_mb * 1_000_000:
        yield Finding(
            Level.WARN,
            f"录像已停止：{folder} 只剩 {sizes[1]}，少于 recording.min_free_mb"
            f"（{recording.min_free_mb} MB）。上课和证据不受影响。请清理磁盘，或减少"
            " retention.media_days。",
            f"Nothing is recorded: {folder} has {sizes[1]} left, less than recording.min_free_mb"
            f" ({recording.min_free_mb} MB). Lessons and evidence go on. Make room, or lower"
            " retention.media_days.",
        )
    elif recording.max_total_mb and used > recording.max_total_mb * 1_000_000:
        yield Finding(
            Level.WARN,
            f"录像已停止：{folder} 已用 {sizes[0]}，超过 recording.max_total_mb"
            f"（{recording.max_total_mb} MB）。请提高它，或减少 retention.media_days。",
            f"Nothing is recorded: {folder} takes {sizes[0]}, more than recording.max_total_mb"
            f" ({recording.max_total_mb} MB). Raise it, or lower retention.media_days.",
        )
    else:
        yield Finding(
            Level.OK,
            f"录像目录 {folder}，已用 {sizes[0]}，剩余 {sizes[1]}",
            f"Recordings in {folder}, {sizes[0]} used, {sizes[1]} free",
        )


def in_use(address: str, kind: int) -> OSError | None:
    """Why a socket of this kind (`SOCK_STREAM`, `SOCK_DGRAM`) cannot listen there, or None."""
    host, port = split_address(address)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, kind) as probe:
        if kind == socket.SOCK_STREAM:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            return error
    return None


def _ports(settings: Settings) -> Iterator[Finding]:
    wanted = [("server.listen", settings.server.listen, socket.SOCK_STREAM)]
    if settings.relay.spawn:  # another's relay holds its ports itself, perhaps elsewhere
        wanted.append(("relay.http", settings.relay.http, socket.SOCK_STREAM))
        wanted.append(("relay.media", settings.relay.media, socket.SOCK_DGRAM))
        if settings.relay.media_tcp:
            wanted.append(("relay.media", settings.relay.media, socket.SOCK_STREAM))
    for name, address, kind in wanted:
        protocol = "TCP" if kind == socket.SOCK_STREAM else "UDP"
        if error := in_use(address, kind):
            yield Finding(
                Level.WARN,
                f"{protocol} {address} 现在不能使用（{error.strerror}）。若不是本服务正在运行，"
                f"请修改设置 {name}。",
                f"{protocol} {address} cannot be used now ({error.strerror}). Unless this service"
                f" is running already, change the setting {name}.",
            )
        else:
            yield Finding(
                Level.OK,
                f"{protocol} {address} 可用（{name}）",
                f"{protocol} {address} is free ({name})",
            )


def camera_works(settings: Settings) -> bool:
    """Whether browsers on other machines would be given camera and microphone."""
    if certificate_files(settings) or settings.server.public_url.startswith("https://"):
        return True
    host, _ = split_address(settings.server.listen)
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def no_camera_warning(settings: Settings) -> Finding:
    """What to say when pages would be served where cameras cannot work."""
    return Finding(
        Level.WARN,
        f"页面将以 HTTP 提供给其他电脑（{settings.server.listen}），浏览器不会给出摄像头和麦克风。"
        "请运行 `sync-classroom tls`，或设置 server.tls_certificate，或在前面放 HTTPS 代理并设置"
        " server.public_url。",
        f"Pages would go to other machines by plain HTTP ({settings.server.listen}): browsers give"
        " them no camera or microphone. Run `sync-classroom tls`, or set server.tls_certificate,"
        " or put an HTTPS proxy in front and set server.public_url.",
    )


def _https(settings: Settings) -> Iterator[Finding]:
    files = certificate_files(settings)
    if files is None:
        if camera_works(settings):
            yield Finding(Level.OK, "摄像头在此地址可用", "Cameras work at this address")
        else:
            yield no_camera_warning(settings)
        return
    certificate, key = files
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key)
        ends = x509.load_pem_x509_certificate(certificate.read_bytes()).not_valid_after_utc
    except (OSError, ValueError, ssl.SSLError) as error:
        yield Finding(
            Level.FAIL,
            f"证书 {certificate} 与私钥 {key} 不能使用：{error}。"
            "请检查 server.tls_certificate 和 server.tls_key。",
            f"Certificate {certificate} and key {key} cannot be used: {error}."
            " Check server.tls_certificate and server.tls_key.",
        )
        return
    days = (ends - datetime.now(UTC)).days
    if days < RENEW_BEFORE_DAYS:
        yield Finding(
            Level.WARN if days >= 0 else Level.FAIL,
            f"证书 {certificate} 还有 {days} 天到期（{ends:%Y-%m-%d}）；请更新。",
            f"Certificate {certificate} ends in {days} days ({ends:%Y-%m-%d}); renew it.",
        )
    else:
        yield Finding(
            Level.OK,
            f"证书 {certificate} 有效至 {ends:%Y-%m-%d}",
            f"Certificate {certificate} is valid until {ends:%Y-%m-%d}",
        )


async def _store_findings(settings: Settings) -> list[Finding]:
    store = await open_store(
        settings.store.url or DATABASE_URL, data_dir=Path(settings.server.data_dir)
    )
    try:
        roster = await store.load_roster()
        users = await store.users()
        aside = await store.lessons_aside(ASIDE_SHOWN)
    finally:
        await store.close()
    findings = [Finding(Level.OK, "数据库可用", "The database answers")]
    if not roster.schools:
        findings.append(
            Finding(
                Level.WARN,
                "还没有学校。请运行 `sync-classroom init config/taicang.toml`。",
                "There are no schools yet. Run `sync-classroom init config/taicang.toml`.",
            )
        )
    else:
        counts = f"{len(roster.schools)} / {len(roster.classrooms)}"
        findings.append(
            Finding(Level.OK, f"学校/教室 {counts}", f"Schools and classrooms: {counts}")
        )
    unknown = strangers(push_lines(settings).lines, roster.schools)
    findings += [Finding(Level.WARN, problem.zh, problem.en) for problem in unknown]
    if not users:
        findings.append(
            Finding(
                Level.WARN,
                "还没有账号。`sync-classroom serve` 首次启动会给出设置链接，"
                "或运行 `sync-classroom user add`。",
                "There are no accounts. `sync-classroom serve` prints a set-up link at its first"
                " start; or run `sync-classroom user add`.",
            )
        )
    findings += [
        Finding(
            Level.FAIL,
            f"课次 {each.occurrence} 的记录无法计算，不在覆盖数字里（{each.error}）。"
            "每 10 分钟自动重试；请把这一行交给维护人员。",
            f"The records of lesson {each.occurrence} cannot be counted and are not in the figures"
            f" ({each.error}). It is tried again every 10 minutes; give this line to whoever"
            " maintains the program.",
        )
        for each in aside
    ]
    return findings


def _store(settings: Settings) -> Iterator[Finding]:
    try:
        yield from asyncio.run(_store_findings(settings))
    except ProblemError as problem:
        yield Finding(Level.FAIL, problem.zh, problem.en)


async def _relay_finding(settings: Settings) -> Finding:
    client = relay_client(serve_settings(settings))
    where = client.where
    try:
        found = await client.identity()
    except RelayLockedError:
        return Finding(
            Level.FAIL,
            f"媒体服务 {where} 不接受密钥；两边的 relay.control_secret 须相同。",
            f"The relay at {where} does not take the secret: relay.control_secret must be the same"
            " on both sides.",
        )
    except RelayDownError as error:
        return Finding(
            Level.FAIL,
            f"媒体服务 {where} 没有应答（{error.__cause__ or error}）。请启动"
            " `sync-classroom relay`，或改正 relay.control。",
            f"No relay answers at {where} ({error.__cause__ or error}). Start `sync-classroom"
            " relay` there, or correct relay.control.",
        )
    finally:
        await client.close()
    if found.relay != settings.relay.id:
        return Finding(
            Level.FAIL,
            f"{where} 上的媒体服务编号是 {found.relay}，而 relay.id 是 {settings.relay.id}。"
            "请改正 relay.control 或 relay.id。",
            f"The relay at {where} is {found.relay}, and relay.id says {settings.relay.id}. Correct"
            " relay.control or relay.id.",
        )
    if found.version != __version__:
        return Finding(
            Level.WARN,
            f"媒体服务 {where} 的版本是 {found.version}，本服务是 {__version__}；"
            "请升级到同一版本。",
            f"The relay at {where} is of version {found.version}, this is {__version__}: upgrade"
            " both to the same.",
        )
    return _relay_state(found, where)


def _relay_state(found: RelayIdentity, where: str) -> Finding:
    """How much the relay that answers does, and what it refuses."""
    share = f"{found.load:.0%}"
    zh = (
        f"媒体服务 {found.relay} 在 {where} 应答：{found.rooms} 个课堂，{found.sessions} 路连接，"
        f"负荷 {share}"
    )
    en = (
        f"The relay {found.relay} answers at {where}: {found.rooms} rooms, {found.sessions}"
        f" sessions, load {share}"
    )
    if found.draining:
        return Finding(
            Level.WARN,
            f"{zh}。它不再接受新课堂，无人在线后停止；`sync-classroom drain --cancel` 可撤销。",
            f"{en}. It takes no new lessons and ends when nobody is connected;"
            " `sync-classroom drain --cancel` takes that back.",
        )
    if found.busy:
        return Finding(
            Level.WARN,
            f"{zh}。它正拒绝新的听讲席；请增加一台媒体服务，或提高 relay.max_load。",
            f"{en}. It refuses new seats; add a relay, or raise relay.max_load.",
        )
    return Finding(Level.OK, zh, en)


async def _own_relay(settings: Settings) -> Finding | None:
    """The state of the relay `serve` started; None while there is none, which is no fault."""
    client = relay_client(serve_settings(settings))
    try:
        return _relay_state(await client.identity(), client.where)
    except RelayDownError:
        return None
    finally:
        await client.close()


def _relay(settings: Settings) -> Iterator[Finding]:
    """The relay, whoever runs it; one of our own is started when it is needed."""
    if settings.relay.spawn:
        if settings.store.redis_url:
            yield Finding(
                Level.WARN,
                "store.redis_url 用于多个协调服务，而 relay.spawn 为 true 时它们各自启动媒体服务，"
                "同一节课会被分在几处。请单独运行一个媒体服务，并设 relay.spawn = false。",
                "store.redis_url is for several coordinators, and with relay.spawn = true each"
                " starts a relay of its own: a lesson would be torn apart. Run one relay by itself"
                " and set relay.spawn = false.",
            )
        if (found := asyncio.run(_own_relay(settings))) is not None:
            yield found
        return
    if settings.relay.control.startswith("https://") and not settings.relay.public_url:
        yield Finding(
            Level.FAIL,
            "媒体服务在另一台机器上，须用 relay.public_url 写明终端访问它的地址。",
            "The relay is on another machine: relay.public_url must say how terminals reach it.",
        )
    try:
        yield asyncio.run(_relay_finding(settings))
    except ProblemError as problem:
        yield Finding(Level.FAIL, problem.zh, problem.en)


def _buffers(_settings: Settings) -> Iterator[Finding]:
    """Linux caps socket buffers; a burst of keyframes to 48 rooms needs more than the default."""
    path = Path("/proc/sys/net/core/wmem_max")
    if not path.exists():
        return
    size = int(path.read_text())
    if size < 1 << 20:
        yield Finding(
            Level.WARN,
            f"UDP 发送缓冲上限只有 {size // 1024} KB；建议 `sysctl -w net.core.wmem_max=4194304`。",
            f"The UDP send buffer is capped at {size // 1024} KB;"
            " `sysctl -w net.core.wmem_max=4194304` is better.",
        )


def _turn(settings: Settings) -> Iterator[Finding]:
    """Every TURN server by every way that terminals are told of."""
    relay = settings.relay
    turn = Turn(tuple(relay.turn_urls), relay.turn_secret)
    for found in asyncio.run(probe(turn, datetime.now(UTC))):
        if found.relayed:
            yield Finding(
                Level.OK,
                f"TURN 服务器 {found.url.text} 可用（中继地址 {found.relayed}）",
                f"The TURN server {found.url.text} relays (from {found.relayed})",
            )
        else:
            yield Finding(
                Level.WARN,
                f"TURN 服务器 {found.url.text} {found.zh}。",
                f"The TURN server {found.url.text} {found.en}.",
            )


def _fanout(settings: Settings) -> Iterator[Finding]:
    """Which fan-out forwards: the one in C costs a fraction of the other's processor time."""
    reason = kernel.unavailable()
    if reason is None:
        used = "python" if settings.relay.fanout == "python" else "kernel"
        yield Finding(
            Level.OK, f"转发程序：{used}（relay.fanout）", f"Media is forwarded by: {used}"
        )
        return
    zh, en = reason
    if settings.relay.fanout == "kernel":
        yield Finding(
            Level.FAIL,
            f"设置 relay.fanout 要求 C 转发程序，但不能使用：{zh}。请改为 auto，"
            "或安装 gcc 后重新安装本软件包。",
            f"The setting relay.fanout asks for the kernel, but {en}. Set it to auto, or install"
            " gcc and then this package again.",
        )
    else:
        yield Finding(
            Level.WARN,
            f"由 Python 转发，C 转发程序不能使用：{zh}。48 间教室够用；"
            "教室更多时请安装 gcc 后重新安装本软件包。",
            f"Media is forwarded by Python, not by the kernel: {en}. That is enough for 48"
            " classrooms; for more, install gcc and then this package again.",
        )


CHECKS: Final[tuple[Callable[[Settings], Iterator[Finding]], ...]] = (
    _python,
    _data_dir,
    _recordings,
    _store,
    _https,
    _ports,
    _turn,
    _relay,
    _buffers,
    _fanout,
)


def examine(settings: Settings) -> list[Finding]:
    """Every finding about this installation."""
    return [finding for check in CHECKS for finding in check(settings)]


@click.command()
@click.pass_obj
def doctor(obj: Any) -> None:
    """Say what is missing or misconfigured; exit code 1 if something fails."""
    findings = examine(obj.settings)
    console = Console(soft_wrap=True, highlight=False)
    marks = {Level.OK: "[green]✔[/]", Level.WARN: "[yellow]![/]", Level.FAIL: "[red]✕[/]"}
    chinese = speaks_chinese()
    for finding in findings:
        console.print(f"{marks[finding.level]} {finding.zh if chinese else finding.en}")
    if os.environ.get("SYNC_CLASSROOM_CONFIG") is None and not Path("config").exists():
        console.print(
            say(
                "  （这里没有设置文件，按默认值运行）",
                "  (no settings file here: defaults are in force)",
            )
        )
    if any(f.level is Level.FAIL for f in findings):
        sys.exit(1)
