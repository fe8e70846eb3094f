"""Checking a picture: what is found on ours, on others', and on what was made to deceive."""

import contextlib
import http.server
import io
import json
import threading

import numpy as np
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import AuthorityInformationAccessOID
from PIL import Image, PngImagePlugin
from png_files import chunks, of_chunks

from facegen import images
from facegen.errors import ImageError
from facegen.output import check, credentials, installation, provenance, watermark
from facegen.output.check import ABSENT, DAMAGED, FOUND, MARK, RECORD, TEXT, XMP

FACTS = {"model": "bundled", "seed": 7, "strength": 0.5}


@pytest.fixture(scope="module")
def picture(astronaut) -> np.ndarray:
    return np.ascontiguousarray(astronaut[:448, :448])


@pytest.fixture(scope="module")
def saved(picture) -> bytes:
    return provenance.png_bytes(picture, FACTS)


def states(report) -> dict[str, str]:
    return {finding.place: finding.state for finding in report.findings}


def encoded(pixels: np.ndarray, kind: str, **options) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind, **options)
    return file.getvalue()


def test_one_of_ours(saved):
    report = check.check(saved)
    assert report.made_here and report.synthetic and not report.contradictions
    assert set(states(report).values()) == {FOUND}
    record = report.findings[0].words
    assert "signed by this installation, by no listed issuer, no time stamp" in record
    assert "created by a trained model" in record
    assert report.facts["seed"] == "7" and report.facts["model"] == "bundled"
    assert json.loads(json.dumps(report.as_dict()))["mark"] == report.mark
    assert report.in_words().startswith("This installation of Facegen made this file")


@pytest.mark.parametrize("model_alone", [False, True])
def test_a_jpeg_of_ours_is_signed_as_what_it_shows(picture, model_alone):
    """A sheet has the photo on it; a preview is the model's."""
    source = provenance.TRAINED_MEDIA if model_alone else provenance.COMPOSITE
    data = provenance.jpeg_bytes(picture, source)
    report = check.check(data)
    assert report.made_here and not report.contradictions and report.synthetic is model_alone
    assert states(report)[MARK] == (FOUND if model_alone else ABSENT)
    record = credentials.read(data, "image/jpeg", installation.current())
    assert record.created_by_model is model_alone


def test_a_licence_is_shown_whole(picture):
    """Cut off, it would allow what it does not."""
    said = f"{'any use at all, ' * 12}but never commercial"
    facts = {"model": "x" * 300, "licence": said}
    report = check.check(provenance.png_bytes(picture, facts))
    assert report.facts["licence"] == said and len(report.facts["model"]) < 200


def test_what_is_left_after_a_jpeg_round_trip(saved):
    report = check.check(encoded(images.load(saved), "JPEG", quality=75))
    assert states(report) == {RECORD: ABSENT, XMP: ABSENT, TEXT: ABSENT, MARK: FOUND}
    assert report.synthetic and not report.made_here
    assert "invisible mark, of this installation" in report.verdict


def test_another_installations(picture):
    installation.use(installation.made())
    try:
        theirs = provenance.png_bytes(picture, FACTS)
    finally:
        installation.use(None)
    report = check.check(theirs)
    assert not report.made_here and report.synthetic
    assert "calls itself 'Facegen installation'" in report.findings[0].words
    assert "which is not this one" in report.findings[3].words


def test_somebodys_photo(picture):
    report = check.check(encoded(picture, "JPEG"))
    assert set(states(report).values()) == {ABSENT} and not report.synthetic
    assert report.verdict == "Nothing is found that says where this picture comes from."


@pytest.mark.parametrize("kind", ["JPEG", "WEBP"])
def test_other_formats_are_signed_and_read(picture, kind):
    mime = credentials.MIME[kind]
    data = credentials.sign(encoded(picture, kind), mime, installation.current())
    assert check.check(data).made_here
    assert (images.load(data) == images.load(encoded(picture, kind))).all()


def test_the_record_by_the_library_itself(saved):
    """Read with c2pa's own reader: valid, created by a model, with neither picture nor ancestor."""
    import c2pa

    reader = c2pa.Reader("image/png", io.BytesIO(saved))
    told = json.loads(reader.json())
    assert reader.get_validation_state() == "Valid"
    (manifest,) = told["manifests"].values()
    assert "thumbnail" not in manifest and not manifest.get("ingredients")
    labels = {entry["label"]: entry["data"] for entry in manifest["assertions"]}
    (action,) = labels["c2pa.actions.v2"]["actions"]
    assert action["action"] == "c2pa.created"
    assert action["digitalSourceType"] == provenance.TRAINED_MEDIA
    assert {use["use"] for use in labels["cawg.training-mining"]["entries"].values()} == {
        "notAllowed"
    }
    assert labels["c2pa.soft-binding"]["alg"] == credentials.SOFT_BINDING
    assert [code["code"] for code in told["validation_status"]] == ["signingCredential.untrusted"]


# --- made to deceive ---------------------------------------------------------------------


def test_a_changed_picture_is_not_called_ours(saved):
    pixels = images.load(saved).copy()
    pixels[:100] = 0
    changed = [chunk for chunk in chunks(images.encode_png(pixels)) if chunk[0] == b"IDAT"]
    kept = [chunk for chunk in chunks(saved) if chunk[0] != b"IDAT"]
    report = check.check(of_chunks([*kept[:-1], *changed, kept[-1]]))
    assert states(report)[RECORD] == DAMAGED and not report.made_here
    assert "changed after it was signed" in report.findings[0].words


def test_a_record_pasted_from_another_picture(saved, picture):
    record = next(chunk for chunk in chunks(saved) if chunk[0] == b"caBX")
    others = chunks(images.encode_png(picture[::-1].copy()))
    report = check.check(of_chunks([others[0], record, *others[1:]]))
    assert states(report)[RECORD] == DAMAGED and not report.made_here


def test_a_mark_pasted_from_another_picture(saved, picture):
    """Whoever subtracts a picture from its marked one has the mark; the signature tells."""
    pasted = watermark.embed(picture[::-1].copy(), provenance.payload_of(picture, 5))
    stranger = installation.made()
    data = credentials.sign(
        images.encode_png(pasted), "image/png", stranger, provenance.payload_of(picture, 6)
    )
    report = check.check(data)
    assert not report.made_here
    assert "the record belongs to a picture with another invisible mark" in report.contradictions


def test_a_contradictory_packet(picture):
    """XMP that says "a camera" beside a record that says "a model"."""
    xmp = provenance._XMP.format(software="x", source_type="http://x/digitalCapture")
    data = images.encode_png(picture, {}, xmp)
    report = check.check(credentials.sign(data, "image/png", installation.made()))
    assert "record and XMP do not say the same of what made the picture" in report.contradictions
    assert not report.made_here


def test_somebody_who_says_to_be_us(picture):
    """Names, program and even the serial number can be written by anybody."""
    ours, theirs = installation.current(), installation.made()
    assert theirs.certificate.subject == ours.certificate.subject
    data = credentials.sign(images.encode_png(picture), "image/png", theirs)
    assert credentials.read(data, "image/png", ours).generator == credentials.GENERATOR
    assert not check.check(data).made_here
    # PNG text and XMP in our own words, unsigned
    forged = provenance.png_bytes(picture, FACTS, marked=False)
    report = check.check(forged)
    assert not report.made_here and states(report)[RECORD] == ABSENT
    assert report.verdict == "The file says that a model made it; that is its own word."


@pytest.mark.parametrize("kind", ["another of one root", "our number under another root"])
def test_a_certificate_that_is_not_ours(picture, monkeypatch, kind):
    """Of a given certificate's root there are others; a serial number can be written by anybody."""
    root_key, other_root_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    ours = leaf(root_key)
    if kind == "another of one root":
        theirs = leaf(root_key)
    else:
        monkeypatch.setattr(x509, "random_serial_number", lambda: int(ours.serial))
        theirs = leaf(other_root_key)
    installation.use(ours)
    try:
        signed = {
            one: credentials.sign(images.encode_png(picture), "image/png", one)
            for one in (ours, theirs)
        }
        assert check.check(signed[ours]).made_here
        assert not check.check(signed[theirs]).made_here
    finally:
        installation.use(None)


def leaf(root_key, *more) -> installation.Installation:
    """A pair whose certificate is signed by that root. more: extensions."""
    key, name = ec.generate_private_key(ec.SECP256R1()), installation._name("somebody")
    root_name, pem = installation._name("a root"), serialization.Encoding.PEM
    root = installation._certificate(root_name, root_name, root_key.public_key(), root_key)
    made = installation._certificate(name, root_name, key.public_key(), root_key, signer=True)
    builder = x509.CertificateBuilder(
        root_name, name, key.public_key(), made.serial_number,
        made.not_valid_before_utc, made.not_valid_after_utc,
    )  # fmt: skip
    for one in made.extensions:
        builder = builder.add_extension(one.value, one.critical)
    for one in more:
        builder = builder.add_extension(one, False)
    made = builder.sign(root_key, hashes.SHA256())
    private = key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    chain = made.public_bytes(pem) + root.public_bytes(pem)
    return installation.Installation(private.decode(), chain.decode(), made_here=False)


def test_cut_and_scrambled_records(saved):
    found = chunks(saved)
    at = next(i for i, chunk in enumerate(found) if chunk[0] == b"caBX")
    record, rng = found[at][1], np.random.default_rng(0)
    for cut in (0, 1, 8, 40, 400, len(record) // 2, len(record) - 1):
        found[at] = (b"caBX", record[:cut])
        report = check.check(of_chunks(found))
        assert not report.made_here and report.findings[0].state != FOUND, cut
    honest, refused = credentials.read(saved, "image/png", installation.current()), 0
    for _ in range(60):
        body = bytearray(record)
        for place in rng.integers(0, len(body), 3):
            body[place] = rng.integers(256)
        found[at] = (b"caBX", bytes(body))
        data = of_chunks(found)
        if check.check(data).made_here:
            # a byte of the padding that no signature covers, and that says nothing
            assert credentials.read(data, "image/png", installation.current()) == honest
        else:
            refused += 1
    assert refused > 30


def test_giant_metadata_end_in_words(picture):
    bomb = PngImagePlugin.PngInfo()
    bomb.add_text("Comment", "x" * 20_000_000, zip=True)
    small = encoded(picture, "PNG", pnginfo=bomb)
    assert len(small) < 2_000_000
    packet = "<x:xmpmeta>" + "DigitalSourceType " * 50_000
    for data in (small, images.encode_png(picture, {}, packet)):
        try:
            assert not check.check(data).made_here
        except ImageError as error:
            assert "\n" not in str(error)
    many = [(b"tEXt", b"k%d\0v" % i) for i in range(20_000)]
    found = chunks(images.encode_png(picture))
    assert not check.check(of_chunks([found[0], *many, *found[1:]])).made_here


def test_what_a_model_made_of_a_picture_was_not_created_by_it_alone():
    created = {"action": "c2pa.created", "digitalSourceType": provenance.TRAINED_MEDIA}
    told = {"assertions": [{"label": "c2pa.actions.v2", "data": {"actions": [created]}}]}
    assert credentials._created_by_model(told)
    assert not credentials._created_by_model(told | {"ingredients": [{"title": "photo.jpg"}]})


@contextlib.contextmanager
def listening():
    """(the address of a server here, what it was asked for)."""
    asked = []

    class Listening(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_error(404)

        do_HEAD = do_POST = do_GET

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Listening)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        server.server_close()


def test_a_record_that_lies_elsewhere_is_not_asked_for(picture):
    """C2PA lets a picture name an address where its record is; whoever looks would tell its writer
    that, and from where."""
    with listening() as (address, asked):
        packet = (
            '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF '
            'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description '
            'rdf:about="" xmlns:dcterms="http://purl.org/dc/terms/" '
            f'dcterms:provenance="{address}/record.c2pa"/></rdf:RDF></x:xmpmeta>'
        )
        for data in (images.encode_png(picture, xmp=packet), images.encode_jpeg(picture, packet)):
            assert check.check(data).findings[0].state != FOUND
    assert not asked


def test_nobody_is_asked_whether_a_certificate_still_holds(picture):
    """A certificate names an address for that (OCSP), which would tell its owner likewise."""
    with listening() as (address, asked):
        place = x509.UniformResourceIdentifier(address)
        own = leaf(
            ec.generate_private_key(ec.SECP256R1()),
            x509.AuthorityInformationAccess(
                [x509.AccessDescription(AuthorityInformationAccessOID.OCSP, place)]
            ),
        )
        data = credentials.sign(images.encode_png(picture), "image/png", own)
        assert states(check.check(data))[RECORD] == FOUND
    assert not asked


def test_a_signers_name_cannot_write_to_the_terminal(picture, monkeypatch):
    name = installation._name("\x1b[31mevil\x07")
    monkeypatch.setattr(installation, "_name", lambda _: name)
    data = credentials.sign(images.encode_png(picture), "image/png", installation.made())
    said = check.check(data).in_words()
    assert "evil" in said and said.replace("\n", "").isprintable()


def test_control_characters_of_a_stranger_are_not_shown(picture):
    text = {"Software": "Facegen \x1b[31m\n\r9", "facegen:model": "a\x07b\nc"}
    report = check.check(images.encode_png(picture, text))
    assert report.in_words().isprintable() or all(
        c.isprintable() or c == "\n" for c in report.in_words()
    )
    assert report.facts["model"] == "a b c"


@pytest.mark.parametrize("data", [b"", b"words", b"\x89PNG\r\n\x1a\n", b"RIFF\0\0\0\0WEBP"])
def test_what_is_no_picture(data):
    with pytest.raises(ImageError):
        check.check(data)


def test_tiny_pictures_say_that_they_are_too_small():
    data = provenance.png_bytes(np.zeros((64, 64, 3), np.uint8), {})
    report = check.check(data)
    assert report.made_here and "too small" in report.findings[3].words


# --- marks on a reference ----------------------------------------------------------------


def test_marks_on_a_reference_are_kept_as_a_hash(saved, picture):
    entry = check.marks_entry(saved, images.load(saved))
    assert entry["found"] == sorted([MARK, TEXT, RECORD, XMP]) and len(entry["sha256"]) == 64
    assert check.marks_entry(saved, images.load(saved)) == entry
    assert MARK in check.marks_in_words(entry)
    assert check.marks_entry(encoded(picture, "JPEG"), picture) is None


def test_with_a_certificate_that_was_given(picture):
    home, own = installation.current().number, installation.made()
    given = installation.Installation(own.key, own.chain, made_here=False)
    installation.use(given)
    try:
        report = check.check(provenance.png_bytes(picture, FACTS))
    finally:
        installation.use(None)
    assert report.made_here and "certificate that this installation was given" in str(report)
    assert "of this installation" in report.findings[3].words, "the mark names it all the same"
    assert report.mark[1:6] == f"{home:05x}", "and does so at a start without the certificate"
