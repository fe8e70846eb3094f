"""One job for every picture of a folder: in workers, resumable, with a row for each picture."""
