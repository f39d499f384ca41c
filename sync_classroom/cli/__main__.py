"""`python -m sync_classroom.cli`, for processes that start another of the same installation."""

from . import main

main()
