"""The `sync-classroom` command."""
