"""Photo to aligned face: found, marked with landmarks, cut out as FFHQ cuts its faces."""
