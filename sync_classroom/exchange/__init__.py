"""Timetables as files: spreadsheets, other programs' exports, calendars; bytes in, domain values out."""
