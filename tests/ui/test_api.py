"""The named API, as gradio_client sees it."""

import hashlib
import io
import json
import tempfile
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from facegen import images

SECRET = "secretplace"


@pytest.fixture(scope="module")
def connect(server, tmp_path_factory):
    """connect() is a new visitor; downloads lie in a folder of the test's own."""
    from gradio_client import Client

    folder = tmp_path_factory.mktemp("downloads")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "tempdir", str(folder))  # it leaves an empty folder for each file
        yield lambda: Client(server, verbose=False, download_files=folder)


@pytest.fixture(scope="module")
def client(connect):
    return connect()


def save_photo(folder: Path, pixels: np.ndarray, name: str = "photo.jpg", **more) -> Path:
    path = folder / name
    Image.fromarray(pixels).save(path, quality=95, **more)
    return path


@pytest.fixture(scope="module")
def photo(astronaut, tmp_path_factory) -> Path:
    return save_photo(tmp_path_factory.mktemp("photo"), astronaut)


def ask(client, photo, **more):
    from gradio_client import handle_file

    return client.predict(handle_file(photo), api_name="/generate", **more)


def test_generate(client, photo):
    faces, manifest, archive = ask(client, photo, count=2, seed=7, strength=0.4)
    assert len(faces) == 2
    assert manifest["seed"] == 7 and manifest["strength"] == 0.4
    assert manifest["reference"]["sha256"] == hashlib.sha256(photo.read_bytes()).hexdigest()
    seeds = [entry["seed"] for entry in manifest["variants"]]
    # the set chooses among seeds from 7 on, and begins with the first
    assert len(set(seeds)) == len(seeds) >= 1
    with zipfile.ZipFile(archive) as opened:
        assert json.loads(opened.read("manifest.json")) == manifest
        # The pictures arrive as they were saved, byte for byte.
        assert opened.read("variant-01.png") == Path(faces[0]["image"]).read_bytes()


def test_a_visible_label_is_on_request(client, photo):
    plain, *_ = ask(client, photo, count=1, seed=7)
    labelled, *_ = ask(client, photo, count=1, seed=7, label=True)
    one, two = (images.load(Path(faces[0]["image"])) for faces in (plain, labelled))
    changed = (np.abs(one.astype(int) - two) > 40).any(axis=2)
    assert changed.any() and not changed[: one.shape[0] // 2].any()
    (random, *_), _ = client.predict(api_name="/random", count=1, seed=7)
    (marked, *_), _ = client.predict(api_name="/random", count=1, seed=7, label=True)
    assert Path(random["image"]).read_bytes() != Path(marked["image"]).read_bytes()


def test_a_whole_photo(client, photo):
    from gradio_client import handle_file

    path, manifest = client.predict(
        handle_file(photo), api_name="/anonymise", faces="1", seed=7, strength=0.6
    )
    before, after = images.load(photo), images.load(Path(path))
    changed = (before != after).any(axis=2)
    assert before.shape == after.shape and 0.01 < changed.mean() < 0.5
    assert manifest["options"]["seed"] == 7 and manifest["faces"][0]["status"]
    with pytest.raises(Exception, match="there is no face 9"):
        client.predict(handle_file(photo), api_name="/anonymise", faces="9")


def test_two_faces(client, photo):
    from gradio_client import handle_file

    both = (handle_file(photo), handle_file(photo))
    mixtures, manifest, archive = client.predict(*both, api_name="/mix", steps_between=2)
    assert len(mixtures) == len(manifest["variants"]) > 2 and manifest["job"] == "mix"
    with zipfile.ZipFile(archive) as opened:
        names = opened.namelist()
    assert "board.jpg" in names and not any(name.startswith("aligned") for name in names)
    children, manifest, _ = client.predict(*both, api_name="/child", count=2, seed=5)
    assert len(children) == 2 and manifest["seed"] == 5
    assert set(manifest["variants"][0]["nearness"]) == {"a", "b"}
    with pytest.raises(Exception, match="steps_between is 99; it must lie between 1 and 9"):
        client.predict(*both, api_name="/mix", steps_between=99)


def test_a_damaged_picture(client, photo, tmp_path):
    from gradio_client import handle_file

    asked = {"api_name": "/restore", "count": 2, "steps": 3, "seed": 4}
    faces, manifest, _ = client.predict(handle_file(photo), damage="small", **asked)
    assert len(faces) == 2 and manifest["damage"]["kind"] == "small"
    assert {one["caption"].split(": ")[1] for one in faces} <= {"agrees", "does not agree"}
    whole = images.load(photo)
    mask = np.zeros_like(whole)
    mask[:200, 200:260] = 255
    painted = handle_file(save_photo(tmp_path, mask, "mask.png"))
    _, manifest, _ = client.predict(handle_file(photo), painted, damage="holes", **asked)
    assert 0 < manifest["damage"]["hidden_share"] < 1
    small = handle_file(save_photo(tmp_path, mask[:64, :64], "small.png"))
    with pytest.raises(Exception, match="mask has 64x64 pixels, photo 512x512"):
        client.predict(handle_file(photo), small, damage="holes", **asked)


def test_anime(client, photo):
    from facegen import weights

    if not weights.anime_styles():
        pytest.skip("no anime style is available")
    style = weights.anime_styles()[-1]
    faces, manifest, _ = ask(client, photo, count=1, anime=True, style=style)
    assert [Path(one["image"]).name for one in faces] == ["variant-01.png", "variant-01-anime.png"]
    assert manifest["variants"][0]["anime_file"] == "variant-01-anime.png"


def test_random(client):
    first, _ = client.predict(count=2, seed=5, api_name="/random")
    second, _ = client.predict(count=1, seed=6, api_name="/random")
    assert len(first) == 2
    pictures = [images.load(one["image"]) for one in (first[1], second[0])]
    assert (pictures[0] == pictures[1]).all()  # number 1 of seed 5 is number 0 of seed 6


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"strength": 5}, "strength is 5; it must lie between 0"),
        ({"count": 17}, "count is 17; it must lie between 1 and 16"),
        ({"steps": -2}, "steps is -2"),
        ({"seed": 2**40}, "seed is 1099511627776"),
        ({"face": 3}, "there is no face 3"),
        (
            {"keep": "age,name"},
            "keep is 'name'; what can be kept: age, gender, skin, age-band, skin-band, or none",
        ),
        ({"noise_mode": "loud"}, "noise_mode is 'loud'; it must be const, random or none"),
        ({"anime": True, "style": "oil"}, "style is 'oil'; available are"),
        ({"model": "/etc/passwd"}, "model is '/etc/passwd'; available are"),
        ({"model": "ffhq-1024x"}, "model is 'ffhq-1024x'; available are"),
    ],
)
def test_bad_options_are_answered_in_our_words(client, photo, options, message):
    from gradio_client.exceptions import AppError

    with pytest.raises(AppError) as error:
        ask(client, photo, **{"count": 1} | options)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"count": "two"}, "count is 'two'; it must be a whole number"),
        ({"label": "yes"}, "label is 'yes'; it must be true or false"),
        ({"photo": "photo.jpg"}, "photo: it is 'photo.jpg', which is not an uploaded file; upload"),
    ],
)
def test_a_value_of_another_kind_is_answered_in_our_words(client, photo, given, message):
    from gradio_client import handle_file
    from gradio_client.exceptions import AppError

    with pytest.raises(AppError) as error:
        client.predict(api_name="/generate", **{"photo": handle_file(photo), "count": 1} | given)
    assert message in str(error.value)


def test_a_file_of_the_server_is_not_read_by_its_path(client, photo):
    """Gradio checks those paths alone that come with its mark of an upload."""
    with pytest.raises(Exception, match="which is not an uploaded file; upload it first"):
        client.predict({"path": str(photo)}, api_name="/generate", count=1)


def test_a_file_that_is_no_picture(client, tmp_path):
    from gradio_client.exceptions import AppError

    path = tmp_path / "page.jpg"
    path.write_text("<html><script>alert(1)</script></html>")
    with pytest.raises(AppError, match="this is a web page, not a picture"):
        ask(client, path)


def test_a_bomb_is_refused_unopened(client, tmp_path):
    from gradio_client.exceptions import AppError

    path = tmp_path / "bomb.png"
    Image.new("1", (12_000, 12_000)).save(path)
    with pytest.raises(AppError, match="144 megapixels|megapixels, the limit"):
        ask(client, path)


def test_nothing_of_the_photo_but_its_hash_gets_out(client, astronaut, tmp_path):
    exif = Image.Exif()
    exif[0x010E] = SECRET  # ImageDescription
    exif.get_ifd(0x8825).update({1: "N", 2: (48.0, 51.0, 29.0), 3: "E", 4: (2.0, 17.0, 40.0)})
    exif.get_ifd(0x8825)[29] = SECRET  # GPSDateStamp
    path = save_photo(tmp_path, astronaut, f"{SECRET}.jpg", exif=exif)
    assert SECRET.encode() in path.read_bytes()

    faces, manifest, archive = ask(client, path, count=1)
    with zipfile.ZipFile(archive) as opened:
        files = {name: opened.read(name) for name in opened.namelist()}
    files |= {face["image"]: Path(face["image"]).read_bytes() for face in faces}
    assert SECRET not in json.dumps(manifest) and SECRET not in str(list(files))
    for name, data in files.items():
        assert SECRET.encode() not in data, name
        if name.endswith(".png"):
            with Image.open(io.BytesIO(data)) as picture:
                assert not picture.getexif(), name


def test_two_visitors_get_their_own(connect, astronaut, tmp_path):
    photos = [
        save_photo(tmp_path, astronaut, "one.jpg"),
        save_photo(tmp_path, np.ascontiguousarray(astronaut[:, ::-1]), "two.jpg"),
    ]
    clients = [connect(), connect()]
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda c, p: ask(c, p, count=2), clients, photos))
    for photo, (_, manifest, _) in zip(photos, answers, strict=True):
        assert manifest["reference"]["sha256"] == hashlib.sha256(photo.read_bytes()).hexdigest()
    aligned = [zipfile.ZipFile(archive).read("aligned.png") for _, _, archive in answers]
    assert aligned[0] != aligned[1]


def test_only_the_jobs_endpoints_are_public(client):
    info = client.view_api(return_format="dict", print_info=False)
    assert set(info["named_endpoints"]) == {
        "/generate", "/random", "/edit", "/anonymise", "/restore", "/mix", "/child", "/persona",
    }  # fmt: skip
    assert not info["unnamed_endpoints"]


def test_the_openapi_description_says_what_each_argument_means(server):
    import httpx

    told = httpx.get(f"{server}/gradio_api/openapi.json").json()
    (restore,) = (path for name, path in told["paths"].items() if name.endswith("/restore"))
    schema = restore["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert all(one.get("description") for one in schema["properties"].values()), schema
    assert schema["properties"]["count"]["maximum"] == 8


def test_private_by_default(server, client):
    import httpx

    assert not client.config["analytics_enabled"]
    assert not client.config["run_history"]
    assert httpx.get(f"{server}/monitoring").status_code in (403, 404)
    asked_elsewhere = httpx.get(f"{server}/config", headers={"Origin": "https://example.org"})
    assert asked_elsewhere.headers.get("access-control-allow-origin") in (None, "null")
    too_large = {"files": ("large.png", b"\0" * (16 * 2**20))}
    assert httpx.post(f"{server}/gradio_api/upload", files=too_large).status_code == 413


def test_the_page_answers_its_own_web_page_alone(server):
    import httpx

    assert httpx.get(server).status_code == 200
    rebound = {"Host": "evil.example", "Origin": "http://evil.example"}
    answer = httpx.get(f"{server}/config", headers=rebound)
    assert answer.status_code == 421 and "dependencies" not in answer.text
    small = {"files": ("small.png", b"picture")}
    elsewhere = httpx.post(
        f"{server}/gradio_api/upload", files=small, headers={"Origin": "https://evil.example"}
    )
    assert elsewhere.status_code == 403
    many = [("files", (f"{i}.png", b"\0" * (14 * 2**20))) for i in range(3)]
    assert httpx.post(f"{server}/gradio_api/upload", files=many).status_code == 413


def test_results_are_kept_by_no_browser_and_uploads_can_be_read_again(server):
    import httpx

    small = {"files": ("small.png", b"picture")}
    (path,) = httpx.post(f"{server}/gradio_api/upload", files=small).json()
    answer = httpx.get(f"{server}/gradio_api/file={path}")
    assert answer.content == b"picture" and answer.headers["cache-control"] == "no-store"
    assert httpx.get(f"{server}/gradio_api/file=https://example.org/").status_code == 403


def test_a_photo_named_by_an_address_is_not_fetched(client):
    photo = {"path": "https://example.org/a.png", "meta": {"_type": "gradio.FileData"}}
    with pytest.raises(Exception, match="this server fetches none; upload the file"):
        client.predict(photo, api_name="/generate")


def test_edit(client, photo):
    from gradio_client import handle_file

    faces, manifest = client.predict(
        handle_file(photo), "age=+10y smile=+0.3", 0, 0, api_name="/edit"
    )
    assert len(faces) == 2
    (entry,) = manifest["variants"]
    assert entry["edit"] == "age=+10y smile=+0.3"
    assert manifest["reference"]["sha256"] == hashlib.sha256(photo.read_bytes()).hexdigest()


def test_a_slider_that_nobody_knows_is_told_with_those_there_are(client, photo):
    from gradio_client import handle_file

    with pytest.raises(Exception, match="no slider 'nose'; there are: age"):
        client.predict(handle_file(photo), "nose=1", api_name="/edit")
