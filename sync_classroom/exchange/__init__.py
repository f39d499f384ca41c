"""Timetables and evidence as files: bytes in, domain values out, and back."""
