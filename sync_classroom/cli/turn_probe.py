"""Whether a TURN server can be reached and takes our passwords: an allocation, soon given back."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from aioice.stun import TransactionError, TransactionFailed
from aioice.turn import create_turn_endpoint

from ..domain.turn import Turn, TurnUrl

PROBE_S: Final = 5.0
"""A server that needs longer is of no use to a terminal that waits for its picture."""
LIFETIME: Final = timedelta(minutes=2)
"""Of the password: the probe's own allocation is gone before that."""
_UNAUTHORIZED: Final = (401, 441)


@dataclass(frozen=True, slots=True)
class Probe:
    """What came of one address: `relayed` is what the server gave us, else why it gave nothing."""

    url: TurnUrl
    relayed: str = ""
    zh: str = ""
    en: str = ""


async def probe(
    turn: Turn, now: datetime, *, trusted: ssl.SSLContext | None = None
) -> Sequence[Probe]:
    """Try every address of `turn` at once. `trusted`: whom TLS believes; the system's if None."""
    context = trusted or ssl.create_default_context()
    return await asyncio.gather(
        *(_try(TurnUrl.parse(url), turn, now, context) for url in turn.urls)
    )


async def _try(url: TurnUrl, turn: Turn, now: datetime, context: ssl.SSLContext) -> Probe:
    username, password = turn.credentials("doctor", now + LIFETIME)
    try:
        async with asyncio.timeout(PROBE_S):
            transport, _ = await create_turn_endpoint(
                asyncio.DatagramProtocol,
                server_addr=(url.host, url.port),
                username=username,
                password=password,
                ssl=context if url.transport == "tls" else False,
                transport="udp" if url.transport == "udp" else "tcp",
            )
    except TransactionFailed as error:
        return _refused(url, error)
    except ssl.SSLError as error:
        reason = getattr(error, "verify_message", "") or error.reason or str(error)
        return Probe(
            url,
            zh=f"的证书浏览器不会接受（{reason}）。请在 coturn 中换上受信任的证书（cert、pkey）",
            en=f"has a certificate browsers will not accept ({reason}). Give coturn one they trust"
            " (cert, pkey)",
        )
    except (TransactionError, TimeoutError):
        return Probe(
            url,
            zh=f"在 {PROBE_S:.0f} 秒内没有应答。请检查防火墙，以及 coturn 是否在运行",
            en=f"did not answer within {PROBE_S:.0f} s. Check the firewall, and that coturn runs",
        )
    except OSError as error:
        reason = error.strerror or str(error)
        return Probe(
            url,
            zh=f"连不上（{reason}）。请检查地址、端口，以及 coturn 是否在运行",
            en=f"cannot be reached ({reason}). Check name and port, and that coturn runs",
        )
    host, port = transport.get_extra_info("sockname")
    transport.close()
    await asyncio.sleep(0)  # the goodbye leaves with the next turn of the loop
    return Probe(url, f"{host}:{port}")


def _refused(url: TurnUrl, error: TransactionFailed) -> Probe:
    code, reason = error.response.attributes.get("ERROR-CODE", (0, ""))
    if code in _UNAUTHORIZED:
        return Probe(
            url,
            zh="不接受我们的密码。relay.turn_secret 须与 coturn 的 static-auth-secret 相同，"
            "两台机器的时钟也须一致",
            en="does not take our password. relay.turn_secret must be coturn's static-auth-secret,"
            " and both machines' clocks must agree",
        )
    return Probe(
        url,
        zh=f"拒绝中继（{code} {reason}）。请检查 coturn 的配额与端口范围",
        en=f"refuses to relay ({code} {reason}). Check coturn's quotas and port range",
    )
