"""A whole photo: who is in it, who replaces whom, and pasting the new faces."""
