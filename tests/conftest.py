"""Fixtures every test folder may use: real database and message servers."""

from hypothesis import HealthCheck, settings

from tests.support.databases import database_url, new_database_url, postgres, valkey, valkey_server

__all__ = ["database_url", "new_database_url", "postgres", "valkey", "valkey_server"]

# Property tests judge results, not the speed of the machine they run on.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")
