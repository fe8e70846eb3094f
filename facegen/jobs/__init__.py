"""The jobs: each is done on a studio and written to a folder, event by event."""
