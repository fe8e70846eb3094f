"""Output: pictures that say what they are, the manifest beside them, whole folders."""
