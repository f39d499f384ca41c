"""What single values of the settings file must be, and how that is said in both languages."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from ipaddress import ip_address
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from .domain.school_lines import MAX_WINDOWS, parse_hours
from .domain.terminal_journal import MAX_AGE
from .domain.turn import MAX_URLS, TurnUrl

#: Of the relay's control interface on TCP, which refuses a shorter one, too; and of a TURN server:
#: a password shows a hash of the secret, and a short one can be guessed from it at leisure.
MIN_SECRET_CHARACTERS: Final = 16


#: It stands in a header of pages, so it has no letter that could end its place there.
_CACHE: Final = re.compile(
    r"(?P<scheme>https?)://(?P<host>[A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(:(?P<port>\d{1,5}))?"
)

#: Nothing but media is kept for less: a terminal's journal is taken for so long.
MIN_DAYS: Final = MAX_AGE.days


class InvalidSettingError(ValueError):
    """What a value must be, in both languages; `key` and `value` say whose, if not the field's."""

    def __init__(self, zh: str, en: str, *, key: str = "", value: object = None) -> None:
        super().__init__(en)
        self.zh = zh
        self.en = en
        self.key = key
        self.value = value


def check_address(text: str) -> str:
    """Check `host:port` (an IPv6 host in brackets) and return it."""
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit() or int(port) > 65535:
        raise InvalidSettingError(
            "应为“地址:端口”，例如 0.0.0.0:8080 或 [::]:8080",
            "must be ADDRESS:PORT, such as 0.0.0.0:8080 or [::]:8080",
        )
    return text


def check_targets(targets: dict[str, int]) -> dict[str, int]:
    """Check counts by date (YYYY-MM-DD) and return them."""
    for day, count in targets.items():
        try:
            date.fromisoformat(day)
        except ValueError:
            raise InvalidSettingError(
                f"“{day}”不是日期；应写成 2022-12-31 = 48",
                f"{day!r} is no date; write 2022-12-31 = 48",
            ) from None
        if count < 0:
            raise InvalidSettingError("间数不能小于 0", "a number of rooms is 0 or more")
    return targets


def check_hours(windows: list[str]) -> list[str]:
    """Check windows of the day (HH:MM-HH:MM) and return them."""
    if len(windows) > MAX_WINDOWS:
        raise InvalidSettingError(
            f"最多 {MAX_WINDOWS} 段", f"must have at most {MAX_WINDOWS} windows"
        )
    for text in windows:
        try:
            parse_hours(text)
        except ValueError:
            raise InvalidSettingError(
                f"“{text[:40]}”不是时段；应写成 17:00-07:30，整天写成 00:00-24:00",
                f"{text[:40]!r} is no window; write 17:00-07:30, or 00:00-24:00 for always",
            ) from None
    return windows


def check_cache(text: str) -> str:
    """Check where a school's terminals reach its cache (`https://host:port`) and return it."""
    match = _CACHE.fullmatch(text)
    if match is None or int(match["port"] or 0) > 65535:
        raise InvalidSettingError(
            f"“{text[:80]}”不是缓存的地址；应写成 https://cache.school-3.example:8443，"
            "后面不带路径，也不带用户名和密码",
            f"{text[:80]!r} is no address of a cache; write https://cache.school-3.example:8443,"
            " without a path, user or password",
        )
    if match["scheme"] == "http" and not _is_loopback(match["host"].strip("[]")):
        raise InvalidSettingError(
            f"“{text[:80]}”须用 https://：终端页面是 HTTPS，浏览器不从其他协议下载"
            "（http:// 只能用于本机回环地址）",
            f"{text[:80]!r} must be https://: terminals' pages are, and browsers fetch nothing from"
            " other schemes then (http:// is for loopback addresses only)",
        )
    return text


def check_days(days: int) -> int:
    """Check how long something is kept and return it: 0 for ever, or at least `MIN_DAYS`."""
    if 0 < days < MIN_DAYS:
        raise InvalidSettingError(
            f"应为 0（永久保存）或不小于 {MIN_DAYS} 天：终端在 {MIN_DAYS} 天内还会补发记录",
            f"must be 0 (for ever) or {MIN_DAYS} or more: terminals may send for {MIN_DAYS} days",
        )
    return days


def check_zone(text: str) -> str:
    """Check the name of a time zone and return it."""
    try:
        ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError):
        raise InvalidSettingError(
            "应为时区名称，例如 Asia/Shanghai", "must be a time zone name such as Asia/Shanghai"
        ) from None
    return text


def check_ips(texts: list[str]) -> list[str]:
    """Check IP addresses and return them."""
    for text in texts:
        try:
            ip_address(text)
        except ValueError:
            raise InvalidSettingError(
                f'“{text}”不是 IP 地址；应写成 ["192.0.2.10"] 这样的列表',
                f'{text!r} is no IP address; write a list such as ["192.0.2.10"]',
            ) from None
    return texts


def check_control(text: str) -> str:
    """Check where a relay is controlled: empty, a path, or `http(s)://host:port`."""
    scheme, found, rest = text.partition("://")
    if not found:
        return text
    host, _, port = rest.rpartition(":")
    if scheme not in ("http", "https") or not host or not port.isdigit() or int(port) > 65535:
        raise InvalidSettingError(
            "应为套接字文件路径，或 http://127.0.0.1:8091、https://主机:8091 这样的地址",
            "must be the path of a socket, or an address such as http://127.0.0.1:8091 or"
            " https://relay.example:8091",
        )
    if scheme == "http" and not _is_loopback(host.strip("[]")):
        raise InvalidSettingError(
            "http:// 只能用于本机回环地址，其他地址请用 https://",
            "http:// is for loopback addresses only; use https:// for any other",
        )
    return text


def check_turn(urls: Sequence[str], secret: str) -> None:
    """Check that TURN servers have addresses browsers can read, and a secret nobody guesses."""
    for url in urls:
        try:
            TurnUrl.parse(url)
        except ValueError as error:
            raise InvalidSettingError(
                "应为 turn:主机:端口?transport=udp（或 tcp），或 turns:主机:端口",
                str(error),
                key="relay.turn_urls",
                value=url,
            ) from error
    if len(urls) > MAX_URLS:
        raise InvalidSettingError(
            f"最多 {MAX_URLS} 个",
            f"at most {MAX_URLS} addresses",
            key="relay.turn_urls",
            value=len(urls),
        )
    if urls and len(secret) < MIN_SECRET_CHARACTERS:
        raise InvalidSettingError(
            f"设置了 relay.turn_urls 时，须与 coturn 的 static-auth-secret 相同，至少"
            f" {MIN_SECRET_CHARACTERS} 个字符",
            "relay.turn_urls needs it: the server's static-auth-secret, of"
            f" {MIN_SECRET_CHARACTERS} characters or more",
            key="relay.turn_secret",
            value="*" * len(secret),
        )


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
