"""A search over the keys of a spec: its trials, their trainings, and what they show."""
