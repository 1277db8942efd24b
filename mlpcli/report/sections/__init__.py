"""The sections of a run's page, in their order: a section is one function in one file.

Each takes a `ReportedRun` and returns a `Section`, or None where it has nothing to show.
"""
