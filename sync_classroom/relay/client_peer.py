"""A WebRTC client of ours: what publishes a recording host's stream to the relay beside it.

aioice offers every address of the machine but loopback. With the network away there is no other,
and the relay on the same machine could not be reached; so loopback is offered when there is nothing
else. That needs a name of aioice's that is not public: a test watches over it.
"""

from __future__ import annotations

from aioice import ice
from aiortc import RTCConfiguration, RTCPeerConnection

_of_the_machine = ice.get_host_addresses


def host_addresses(use_ipv4: bool, use_ipv6: bool) -> list[str]:
    """The machine's addresses, or loopback's if it has no other."""
    found = _of_the_machine(use_ipv4, use_ipv6)
    return found or (["127.0.0.1"] if use_ipv4 else ["::1"])


def client_peer() -> RTCPeerConnection:
    """A peer connection without any ICE server: aiortc's default would ask a public one."""
    ice.get_host_addresses = host_addresses
    return RTCPeerConnection(RTCConfiguration(iceServers=[]))
