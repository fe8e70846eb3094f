"""Photo to aligned face: detection, landmarks, and the crop as FFHQ cuts its faces."""
