"""Timetables as files: sheets, other programs' exports, calendars; bytes in, domain values out."""
