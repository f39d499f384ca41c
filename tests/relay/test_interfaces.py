from __future__ import annotations

import ipaddress

from sync_classroom.relay.interfaces import MAX_ADDRESSES, reachable_addresses


def test_one_address_speaks_for_itself() -> None:
    assert reachable_addresses("127.0.0.1") == ("127.0.0.1",)
    assert reachable_addresses("::1") == ("::1",)


def test_a_wildcard_stands_for_the_machines_own_addresses() -> None:
    found = [ipaddress.ip_address(text) for text in reachable_addresses("0.0.0.0")]
    assert 1 <= len(found) <= MAX_ADDRESSES
    assert all(address.version == 4 for address in found)
    assert not any(address.is_link_local or address.is_unspecified for address in found)
    assert all(a.is_loopback for a in found) or not any(a.is_loopback for a in found)
    both = reachable_addresses("::")
    assert (
        set(map(str, found)) <= set(both)
        or len(both) == MAX_ADDRESSES
        or all(a.is_loopback for a in found)
    )
