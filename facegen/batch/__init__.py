"""One job for every picture of a folder: with workers, resumable, a row for each picture."""
