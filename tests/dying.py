"""What a worker does in tests of the pool: one that a picture kills."""

import os


def begin(work) -> None:
    pass


def do(work, item) -> dict:
    if "bomb" in item.relative:
        os._exit(9)
    return {"status": "done", "pid": os.getpid()}


def do_bytes(work, id, data) -> tuple[dict, list[bytes]]:
    if "bomb" in id:
        os._exit(9)
    return {"status": "done", "files": [f"pictures/{id}"]}, [b"made"]
