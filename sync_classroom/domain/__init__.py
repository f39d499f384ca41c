"""What is true: roster, timetable, lesson life-cycle, evidence, coverage. Pure."""
