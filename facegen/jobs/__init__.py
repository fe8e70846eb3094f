"""What a user asks for in one piece, done on a studio, written to a folder, event by event."""
