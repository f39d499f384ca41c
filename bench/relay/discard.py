"""A network of our own whose only device takes what is sent and throws it away.

On loopback the processor time of whoever sends has the receivers' half in it: the kernel delivers
to their sockets before `sendmmsg` returns. On a line that half is another machine's. Here receivers
are addresses of this machine as long as they shake hands, and then they are not any more: what is
sent to them goes the whole way down to a device, as to a network card, and ends there. The device
is a TAP with a filter that lets nothing pass. It computes checksums, as every card does. Messages
of UDP_SEGMENT the kernel cuts up before the device has them, unless it is told to be one of the
cards that do that themselves (`ethtool -k`: tx-udp-segmentation).

It takes a network namespace, /dev/net/tun, and `ip` and `tc` (iproute2), so root.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import struct
import subprocess
from pathlib import Path
from typing import Any, Final

import cffi

HOST: Final = "10.0.0.1"
"""The sender's address."""
RECEIVERS: Final = "10.255.0.1"
"""Where receivers shake hands, and where they are sent to."""
_DEVICE: Final = "sink"
_TUN: Final = Path("/dev/net/tun")

_CLONE_NEWNET: Final = 0x40000000  # linux/sched.h
_IFF_TAP, _IFF_NO_PI = 0x2, 0x1000  # linux/if_tun.h
_TUNSETIFF, _TUNSETOFFLOAD, _TUNATTACHFILTER = 0x400454CA, 0x400454D0, 0x401054D5
_TUN_F_CSUM, _TUN_F_USO4, _TUN_F_USO6 = 0x1, 0x20, 0x40
_RETURN_NOTHING: Final = struct.pack("=HBBI", 0x06, 0, 0, 0)  # linux/filter.h: BPF_RET | BPF_K, 0
_FILTER: Final = struct.Struct("=H6xQ")  # struct sock_fprog

ffi: Any = cffi.FFI()
ffi.cdef("int unshare(int flags);")
_libc: Any = ffi.dlopen(None)


class NoDeviceError(Exception):
    """This machine does not let us have such a network; the text says why."""


class Discard:
    """The network. Made once by a process, which from then on is in it, as are its children."""

    def __init__(self) -> None:
        """Raises NoDeviceError."""
        if shutil.which("ip") is None or shutil.which("tc") is None:
            raise NoDeviceError("ip and tc (Debian package iproute2) are not installed")
        if _libc.unshare(_CLONE_NEWNET):
            raise NoDeviceError(f"no network namespace: {os.strerror(ffi.errno)}")
        try:  # only now: its devices are in the network it was opened in
            self._tun = os.open(_TUN, os.O_RDWR | os.O_CLOEXEC)
        except OSError as error:
            raise NoDeviceError(f"{_TUN}: {error.strerror}") from None
        request = struct.pack("=16sH22x", _DEVICE.encode(), _IFF_TAP | _IFF_NO_PI)
        fcntl.ioctl(self._tun, _TUNSETIFF, request)
        try:
            self.segmenting(True)
            self.can_segment = True
        except OSError:  # Linux can since 6.2
            self.can_segment = False
        self.segmenting(False)
        program = ffi.new("char[]", _RETURN_NOTHING)
        at = int(ffi.cast("uintptr_t", program))
        fcntl.ioctl(self._tun, _TUNATTACHFILTER, _FILTER.pack(1, at))
        _run("ip", "link", "set", "lo", "up")
        _run("ip", "address", "add", f"{HOST}/8", "dev", _DEVICE)
        _run("ip", "link", "set", _DEVICE, "up", "arp", "off")  # nobody there could answer

    def close(self) -> None:
        """Give the device back; the process stays where it is."""
        os.close(self._tun)

    def segmenting(self, able: bool) -> None:
        """Whether the card cuts up UDP_SEGMENT messages itself. OSError where it cannot be one."""
        segments = _TUN_F_USO4 | _TUN_F_USO6 if able else 0
        fcntl.ioctl(self._tun, _TUNSETOFFLOAD, _TUN_F_CSUM | segments)

    def meet(self) -> None:
        """Receivers are here: what is sent to `RECEIVERS` arrives at its sockets."""
        _run("ip", "route", "replace", "local", RECEIVERS, "dev", _DEVICE, "src", HOST)

    def part(self) -> None:
        """Receivers are far: what is sent to them goes to the device, and is lost there."""
        _run("ip", "route", "del", "local", RECEIVERS, "dev", _DEVICE)

    @property
    def taken(self) -> int:
        """Datagrams the device was given since it was made, each of a message's counted."""
        (queue,) = json.loads(_run("tc", "-s", "-j", "qdisc", "show", "dev", _DEVICE))
        return int(queue["packets"])


def _run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NoDeviceError(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout
