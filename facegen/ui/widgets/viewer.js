// The large view of a face. `element` is the component's, `trigger` its way to the server.
const dialog = element.querySelector('dialog');
const words = JSON.parse(dialog.dataset.words);
const galleries = JSON.parse(dialog.dataset.galleries);
const part = name => dialog.querySelector(`[data-part=${name}]`);
const [stage, after, before, slider] = ['stage', 'after', 'before', 'slider'].map(part);
const tools = [...dialog.querySelectorAll('[data-tool]')];
let shown = null; // {place, id, index}
let comparing = false, waiting = null, seen = null;

const EVENTS = {edit: 'edit', more: 'like', mix: 'select'};

const pathOf = src => decodeURIComponent(new URL(src, location.href).pathname);
const nameOf = src => pathOf(src).split('/').pop();
const beside = (src, name) => src.replace(/[^/]*$/, name);

// A gallery's pictures, or the second one of a pair that is compared on the page.
const items = place => place.matches('.fg-compare')
  ? [{src: place.querySelectorAll('img')[1].src, before: place.querySelector('img').src,
      words: place.dataset.words || place.querySelectorAll('img')[1].alt}]
  : [...place.querySelectorAll('.thumbnail-item')].map(item => ({
      src: item.querySelector('img')?.src,
      words: item.querySelector('.caption-label')?.textContent.trim() || ''
    })).filter(item => item.src);

const pairOf = (item, about) => {
  if (item.before) return item.before;
  const drawing = nameOf(item.src).match(/^(.*)-anime(\.\w+)$/);
  if (drawing) return beside(item.src, drawing[1] + drawing[2]);
  return about.before && nameOf(item.src) !== about.before && beside(item.src, about.before);
};

function refresh() {
  if (!shown) return;
  // Gradio may have made the gallery anew.
  const block = shown.place.isConnected ? null : document.getElementById(shown.id);
  const place = block ? block.querySelector('.fg-compare') || block : shown.place;
  const there = place ? items(place) : [];
  if (!there.length) return dialog.close();
  shown.place = place;
  shown.index = Math.min(shown.index, there.length - 1);
  const item = there[shown.index], about = galleries[shown.id] || {}, pair = pairOf(item, about);
  if (waiting && item.src !== waiting) waiting = null;
  const error = place.closest('.fg-right')?.querySelector('.fg-status .fg-error');
  const status = place.closest('.fg-right')?.querySelector('.fg-status .fg-progress [role=status]');
  if (waiting && error) waiting = null;
  stage.setAttribute('aria-busy', String(!!waiting));
  if (after.src !== item.src) {
    after.src = item.src;
    before.removeAttribute('src');
  }
  const [title, ...more] = item.words.split('\n');
  after.alt = title;
  part('title').textContent = title || words.face;
  part('note').textContent =
    error?.textContent || (waiting ? status?.textContent || words.waiting : more.join(' '));
  part('place').textContent = there.length > 1 ? `${shown.index + 1} / ${there.length}` : '';
  const two = comparing && pair;
  if (two && before.src !== new URL(pair, location.href).href) before.src = pair;
  stage.classList.toggle('fg-two', !!two);
  part('sides').hidden = !two;
  part('left').textContent = nameOf(item.src).includes('-anime.') ? words.face : about.left || words.photo;
  before.alt = part('left').textContent;
  for (const way of ['back', 'on']) part(way).hidden = there.length < 2;
  const kept = /\.png$/.test(item.src); // not a preview, which is smaller than what is kept
  const running = place.closest('.fg-columns')?.querySelector('.fg-go .primary')?.disabled;
  for (const tool of tools) {
    const name = tool.dataset.tool;
    tool.hidden = {compare: !pair, again: !kept || !about.again, save: !kept}[name] ??
      !(kept && (about.tools || []).includes(name));
    if (name === 'compare') tool.setAttribute('aria-pressed', String(!!two));
    if (name === 'again') tool.disabled = !!waiting || !!running;
    if (name === 'save') { tool.href = item.src; tool.download = nameOf(item.src); }
  }
}

function open(place, id, index) {
  shown = {place, id, index};
  comparing = waiting = false;
  slide(50);
  refresh();
  if (!dialog.open) dialog.showModal();
  part('close').focus();
  seen?.disconnect();
  seen = new MutationObserver(refresh);
  seen.observe(place.closest('.fg-right') || place,
    {childList: true, subtree: true, characterData: true, attributes: true, attributeFilter: ['src']});
}

function go(step) {
  const count = items(shown.place).length;
  if (count < 2) return;
  shown.index = (shown.index + step + count) % count;
  waiting = null;
  refresh();
}

function slide(value) {
  slider.value = value;
  stage.style.setProperty('--at', value + '%');
}

function use(name) {
  if (name === 'close') return dialog.close();
  if (name === 'back') return go(-1);
  if (name === 'on') return go(1);
  if (name === 'compare') {
    comparing = !comparing;
    refresh();
    if (comparing) slider.focus();
    return;
  }
  const src = items(shown.place)[shown.index].src;
  const [folder, file] = pathOf(src).split('/').slice(-2);
  const second = !!document.querySelector('#mix-photo-a img') + 0;
  trigger(EVENTS[name] || galleries[shown.id].again, {folder, file, second});
  if (name !== 'again') return dialog.close();
  waiting = src;
  refresh();
}

dialog.addEventListener('click', e => {
  const pressed = e.target.closest('[data-tool], [data-part=close], [data-part=back], [data-part=on]');
  if (e.target === dialog) dialog.close(); // beside the panel
  else if (pressed && pressed.dataset.tool !== 'save') use(pressed.dataset.tool || pressed.dataset.part);
});
after.addEventListener('load', () =>
  stage.parentNode.style.setProperty('--aspect', after.naturalWidth / after.naturalHeight));
slider.addEventListener('input', () => slide(slider.value));
dialog.addEventListener('close', () => {
  seen?.disconnect();
  const from = shown?.place.querySelectorAll('.thumbnail-item')[shown.index];
  shown = null;
  after.removeAttribute('src');
  before.removeAttribute('src');
  from?.focus();
});
dialog.addEventListener('keydown', e => {
  if (e.target === slider) return;
  if (e.key === 'ArrowLeft') go(-1);
  else if (e.key === 'ArrowRight') go(1);
  else if (e.key === 'Tab') {
    // The dialog is modal, yet a browser's own bar would be next.
    const all = [...dialog.querySelectorAll('button, a, input')].filter(one => one.offsetParent);
    const end = e.shiftKey ? all[0] : all.at(-1);
    if (document.activeElement !== end) return;
    (e.shiftKey ? all.at(-1) : all[0]).focus();
  } else return;
  e.preventDefault();
});

// A finger's way to the next one; on a pair it moves the divider.
let from = null;
stage.addEventListener('pointerdown', e => { from = e.target === slider ? null : e.clientX; });
stage.addEventListener('pointerup', e => {
  if (from !== null && Math.abs(e.clientX - from) > 40) go(e.clientX < from ? 1 : -1);
  from = null;
});

// Of every gallery of the page; those that choose something (fg-thumbs) are left alone.
const opened = e => {
  const item = e.target.closest('.fg-gallery:not(.fg-thumbs) .thumbnail-item');
  const pair = e.target.closest('.fg-compare')
  if (item) {
    const place = item.closest('.fg-gallery');
    open(place, place.id, [...place.querySelectorAll('.thumbnail-item')].indexOf(item));
  } else if (pair && e.target.closest('.fg-open'))
    open(pair, pair.closest('.block[id]').id, 0);
};
document.addEventListener('click', opened);
