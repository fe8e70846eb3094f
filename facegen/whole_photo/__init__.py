"""A whole photo: who is in it, who takes whose place, and the new faces laid into it."""
