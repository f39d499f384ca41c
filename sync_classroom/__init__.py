"""sync_classroom: plans shared lessons, relays their media, and proves how far they reach."""

__version__ = "0.1.0"
