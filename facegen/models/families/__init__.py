"""One module a family of checkpoints: its keys renamed to ours, its network built."""
