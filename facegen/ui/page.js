// What the page does in the browser: files before they are sent, the sheets of a telephone.

// --- names and places that Gradio leaves out ---------------------------------------------

const head = (tag, told) => document.head.append(Object.assign(document.createElement(tag), told));
document.querySelector('link[rel=manifest]')?.setAttribute('href', './manifest.json'); // any root
head('link', {rel: 'apple-touch-icon', href: './icon.png'});
head('meta', {name: 'theme-color', content: '#0f766e'});

const tabs = document.querySelector('[role=tablist]');
const tell = () => {
  // Gradio gives the buttons of its examples no name that a screen reader could say.
  for (const box of document.querySelectorAll('.fg-samples'))
    box.querySelectorAll('button').forEach((button, i) =>
      button.setAttribute('aria-label', `EXAMPLE ${i + 1}`));
  for (const button of document.querySelectorAll('.fg-sheet:not([aria-expanded])'))
    button.setAttribute('aria-expanded', 'false');
};
tell();
new MutationObserver(tell).observe(document.body, {childList: true, subtree: true});

// The chosen tab is in view, whoever chose it.
new MutationObserver(() => {
  const one = tabs.querySelector('[aria-selected=true]');
  if (!one) return;
  const [own, whole] = [one, tabs].map(e => e.getBoundingClientRect());
  tabs.scrollBy({left: own.left + own.width / 2 - whole.left - whole.width / 2});
}).observe(tabs, {subtree: true, attributeFilter: ['aria-selected']});

// --- settings in a sheet -----------------------------------------------------------------

function sheet(button, up) {
  const settings = button.closest('.fg-left').querySelector('.fg-settings');
  settings.classList.toggle('fg-up', up);
  button.setAttribute('aria-expanded', String(up));
  settings.tabIndex = -1;
  (up ? settings : button).focus({preventScroll: true});
}

const opened = () => document.querySelector('.fg-sheet[aria-expanded=true]');
document.addEventListener('click', e => {
  const button = e.target.closest('.fg-sheet'), before = opened();
  if (before && (button || !e.target.closest('.fg-up'))) sheet(before, false);
  if (button && button !== before) sheet(button, true);
  if (before && !button) e.target.closest('button')?.focus();
});
document.addEventListener('keydown', e => {
  if (e.key === 'Escape' && opened()) sheet(opened(), false);
});

// --- files, before they are sent ---------------------------------------------------------
// Every way of giving a file ends in `take`, which hands it to Gradio's own input. Here nothing is
// kept from the server that it would not refuse itself.

const SIDE = 4096; // pixels: the largest square canvas that every telephone has
const MEGABYTE = 2 ** 20;
const LOOK_AT = 4 * MEGABYTE; // below this size no picture is too large
const FOREIGN = /\.(hei[cf]|avif|tiff?|jfif|jpe)$/i; // pictures that some systems do not know
let passing = false;

const blockOf = tools => document.getElementById(tools.dataset.for);
const toolsOf = node => {
  const block = node.closest?.('.block[id]');
  return block && document.querySelector(`.fg-tools[data-for="${block.id}"]`);
};

function say(tools, words = '', told = {}, kind = 'fg-error') {
  const line = tools.querySelector('p');
  line.textContent = words.replace(/\{(\w+)\}/g, (_, name) => told[name]);
  line.className = kind;
  line.hidden = !words;
}

// Turned as the camera says, over white, without what the file tells beside.
async function drawn(whole, side) {
  const scale = Math.min(1, side / Math.max(whole.width, whole.height));
  const canvas = document.createElement('canvas');
  canvas.width = Math.round(whole.width * scale);
  canvas.height = Math.round(whole.height * scale);
  const pen = canvas.getContext('2d');
  pen.fillStyle = 'white';
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.imageSmoothingQuality = 'high';
  pen.drawImage(whole, 0, 0, canvas.width, canvas.height);
  const data = await new Promise(done => canvas.toBlob(done, 'image/jpeg', 0.92));
  return {data, width: canvas.width, height: canvas.height};
}

async function smaller(file, most, pixels) {
  const whole = await createImageBitmap(file, {imageOrientation: 'from-image'});
  if (file.size <= most && whole.width * whole.height <= pixels) return {file};
  for (let side = SIDE; side > 500; side /= 1.5) {
    const {data, ...size} = await drawn(whole, side);
    const name = file.name.replace(/\.\w+$/, '') + '.jpg';
    if (data?.size <= most) return {file: new File([data], name, {type: data.type}), size};
  }
  throw Error('no canvas');
}

async function take(tools, file) {
  const {kind, limit, pixels, words} = JSON.parse(tools.dataset.told), most = limit * MEGABYTE;
  const told = {name: file.name.slice(-60), size: (file.size / MEGABYTE).toFixed(1), limit};
  const picture = file.type.startsWith('image/') || (!file.type && FOREIGN.test(file.name));
  say(tools);
  if (kind === 'zip' ? !/\.zip$/i.test(file.name) : !picture)
    return say(tools, words.wrong, told);
  if (kind === 'photo' && file.size > LOOK_AT) {
    try {
      const made = await smaller(file, most, pixels);
      file = made.file;
      if (made.size) say(tools, words.shrunk, made.size, 'fg-note');
    } catch {
      if (file.size > most) return say(tools, words.unshrunk, told);
    }
  }
  if (file.size > most) return say(tools, words.over, told);
  if (picture && !file.type) file = new File([file], file.name, {type: 'image/*'});
  const input = blockOf(tools).querySelector('input[type=file]'), given = new DataTransfer();
  given.items.add(file);
  input.files = given.files;
  passing = true;
  input.dispatchEvent(new Event('change', {bubbles: true}));
  passing = false;
}

const stopped = e => {
  e.preventDefault();
  e.stopImmediatePropagation();
};
document.addEventListener('change', e => {
  const tools = !passing && e.target.type === 'file' && toolsOf(e.target);
  if (!tools || !e.target.files.length) return;
  stopped(e);
  take(tools, e.target.files[0]);
}, true);
document.addEventListener('drop', e => {
  const tools = toolsOf(e.target), file = e.dataTransfer?.files[0];
  if (!tools || !file) return;
  stopped(e);
  // Gradio counts how often something was dragged in and out.
  const place = blockOf(tools).querySelector('input[type=file]')?.parentNode;
  if (!place) return; // a file is there already
  for (let i = 0; i < 9; i++) place.dispatchEvent(new DragEvent('dragleave'));
  take(tools, file);
}, true);
document.addEventListener('paste', e => {
  const file = e.clipboardData?.files[0];
  const tools = [...document.querySelectorAll('.fg-tools')].find(one => one.offsetParent);
  if (!file || !tools || e.target.closest('input, textarea')) return;
  stopped(e);
  take(tools, file);
}, true);

async function paste(tools) {
  try {
    for (const item of await navigator.clipboard.read()) {
      const type = item.types.find(one => one.startsWith('image/'));
      if (type) return take(tools, new File([await item.getType(type)], 'pasted', {type}));
    }
  } catch { /* forbidden, or nothing there */ }
  say(tools, JSON.parse(tools.dataset.told).words.nothing);
}

// A telephone has an application for it; elsewhere Gradio shows the camera in the field.
function camera(tools) {
  const webcam = blockOf(tools).querySelector('[data-testid=source-select] [aria-label*=camera]');
  if (webcam && navigator.mediaDevices && !matchMedia('(pointer: coarse)').matches)
    return webcam.click();
  const input = Object.assign(document.createElement('input'), {type: 'file', accept: 'image/*'});
  input.setAttribute('capture', tools.dataset.capture);
  input.addEventListener('change', () => input.files.length && take(tools, input.files[0]));
  input.click();
}

document.addEventListener('click', e => {
  const own = e.target.closest('.fg-camera'), tools = toolsOf(e.target);
  if (own) camera(own.closest('.fg-tools'));
  else if (tools && e.target.closest('[aria-label="Paste from clipboard"]')) {
    stopped(e);
    paste(tools);
  } else if (tools && e.target.closest('[aria-label="Remove Image"]')) say(tools);
}, true);
