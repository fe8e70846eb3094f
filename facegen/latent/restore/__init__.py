"""From a spoilt picture of a face to faces that it could show."""
