"""What surrounds the page: flags, ports, private files, the models in memory, the server."""
