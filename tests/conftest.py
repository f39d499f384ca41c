"""Fixtures every test folder may use: real database and message servers."""

from tests.support.databases import database_url, new_database_url, postgres, valkey, valkey_server

__all__ = ["database_url", "new_database_url", "postgres", "valkey", "valkey_server"]
