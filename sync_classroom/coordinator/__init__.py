"""Asyncio services that act on the domain; owns the ports they need."""
