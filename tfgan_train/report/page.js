'use strict';
const one = (selector, within = document) => within.querySelector(selector);
const all = (selector, within = document) => [...within.querySelectorAll(selector)];

/* The samples' slider, and playing through it. */
function slider(figure) {
  const range = one('input', figure), frames = all('.frames img', figure), play = one('.play', figure);
  if (!range) return;
  let timer = 0;
  const show = () => {
    frames.forEach((frame, index) => { frame.hidden = index !== range.valueAsNumber; });
    const step = Number(frames[range.valueAsNumber].dataset.step).toLocaleString('en');
    one('output', figure).value = range.ariaValueText = `step ${step}`;
  };
  const stop = () => {
    clearInterval(timer);
    timer = 0;
    play.textContent = '▶';
    play.ariaLabel = 'Play from early to late';
  };
  range.addEventListener('input', () => { stop(); show(); });
  play.addEventListener('click', () => {
    if (timer) return stop();
    if (range.value === range.max) range.value = 0;
    show();
    play.textContent = '❚❚';
    play.ariaLabel = 'Pause';
    timer = setInterval(() => {
      range.stepUp();
      show();
      if (range.value === range.max) stop();
    }, 300);
  });
  range.value = range.max;  // A reloaded page keeps an old position otherwise.
  show();
}

/* The strips, uncovered row by row. */
function strips(figure) {
  const image = one('img', figure), rows = Number(figure.dataset.rows);
  let timer = 0;
  one('.replay', figure).addEventListener('click', () => {
    clearInterval(timer);
    let row = 0;
    const uncover = () => {
      row += 1;
      image.style.clipPath = row < rows ? `inset(0 0 ${100 - 100 * row / rows}% 0)` : '';
      if (row >= rows) clearInterval(timer);
    };
    uncover();
    timer = setInterval(uncover, 250);
  });
}

/* The animation moves only when asked. */
function animation(figure) {
  const image = one('img', figure), button = one('.move', figure), still = image.src;
  button.addEventListener('click', () => {
    const moves = button.ariaPressed !== 'true';
    image.src = moves ? image.dataset.moving : still;
    button.ariaPressed = String(moves);
    button.textContent = moves ? '■ Stop' : '▶ Play';
  });
}

/* A cursor over each chart that tells the values under the pointer, or by arrow keys. */
function chart(figure) {
  const lines = JSON.parse(figure.dataset.chart), plot = one('.plot', figure);
  const cursor = one('.cursor', plot), tip = one('.tip', plot);
  let at = null;
  const hide = () => { cursor.hidden = tip.hidden = true; at = null; };
  const nearest = (xs, x) => {
    let low = 0, high = xs.length - 1;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (xs[middle] < x) low = middle; else high = middle;
    }
    return x - xs[low] < xs[high] - x ? low : high;
  };
  const show = (x) => {
    at = Math.min(1, Math.max(0, x));
    tip.textContent = '';
    lines.forEach((line, number) => {
      const index = nearest(line.x, at);
      if (!number) {
        cursor.style.left = `${100 * line.x[index]}%`;
        tip.append(`${one('.x-name', plot).textContent} ${line.step[index].toLocaleString('en')}`);
      }
      const row = document.createElement('div'), mark = document.createElement('i');
      mark.className = line.colour;
      row.append(mark, `${line.name} ${line.text[index]}`);
      tip.append(row);
    });
    cursor.hidden = tip.hidden = false;
    const free = plot.clientWidth - tip.offsetWidth;
    const wanted = at * plot.clientWidth;
    tip.style.left = `${Math.max(0, wanted > free - 14 ? Math.min(free, wanted - tip.offsetWidth - 12) : wanted + 12)}px`;
  };
  plot.addEventListener('pointermove', (event) => {
    const box = plot.getBoundingClientRect();
    show((event.clientX - box.left) / box.width);
  });
  plot.addEventListener('pointerleave', hide);
  plot.addEventListener('blur', hide);
  plot.addEventListener('keydown', (event) => {
    const move = { ArrowLeft: -0.02, ArrowRight: 0.02 }[event.key];
    if (!move) return;
    event.preventDefault();
    show((at ?? (move > 0 ? -move : 1 - move)) + move);
  });
}

/* Spot the fake: choose as many as there are fakes, and the answer shows. */
function game(box) {
  const fake = new Set(JSON.parse(box.dataset.key)), columns = Number(box.dataset.columns);
  const tiles = all('.board button', box), score = one('.score', box);
  let revealed = false;
  const chosen = () => tiles.map((tile, index) => (tile.ariaPressed === 'true' ? index : -1)).filter((index) => index >= 0);
  const tell = () => { score.textContent = `${chosen().length} of ${fake.size} chosen`; };
  const reveal = () => {
    revealed = true;
    const picked = new Set(chosen());
    let hits = 0;
    tiles.forEach((tile, index) => {
      const hit = fake.has(index) && picked.has(index);
      hits += hit;
      const kind = hit ? 'hit' : fake.has(index) ? 'missed' : picked.has(index) ? 'wrong' : '';
      if (kind) tile.classList.add(kind);
      tile.dataset.name ??= tile.ariaLabel;
      tile.ariaLabel = `${tile.dataset.name}: ${fake.has(index) ? 'fake' : 'real'}`;
    });
    const expected = picked.size * fake.size / tiles.length;
    score.textContent = picked.size
      ? `You found ${hits} of ${fake.size} fakes and accused ${picked.size - hits} real image${picked.size - hits === 1 ? '' : 's'}. Guessing finds about ${expected.toFixed(0)}.`
      : `The ${fake.size} fakes are marked.`;
  };
  const again = () => {
    revealed = false;
    tiles.forEach((tile) => {
      tile.ariaPressed = 'false';
      tile.classList.remove('hit', 'missed', 'wrong');
      if (tile.dataset.name) tile.ariaLabel = tile.dataset.name;
    });
    tell();
  };
  tiles.forEach((tile, index) => {
    tile.addEventListener('click', () => {
      if (revealed) return;
      tile.ariaPressed = String(tile.ariaPressed !== 'true');
      tell();
      if (chosen().length === fake.size) reveal();
    });
    tile.addEventListener('keydown', (event) => {
      const move = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns }[event.key];
      const next = tiles[index + move];
      if (!next) return;
      event.preventDefault();
      tile.tabIndex = -1;
      next.tabIndex = 0;
      next.focus();
    });
  });
  one('.reveal', box).addEventListener('click', reveal);
  one('.again', box).addEventListener('click', again);
}

/* Copying works from a file too, where there is no clipboard interface. */
function copy(button) {
  button.addEventListener('click', () => {
    const range = document.createRange();
    range.selectNodeContents(one('code', button.parentElement));
    getSelection().removeAllRanges();
    getSelection().addRange(range);
    button.textContent = document.execCommand('copy') ? 'Copied' : 'Press Ctrl+C';
  });
}

/* How long ago the run was heard of; while it goes on, a page nobody has touched reloads itself. */
function freshness() {
  const time = one('time');
  if (!time) return;  // A comparison's page: it shows no run that goes on.
  const minutes = Math.round((Date.now() - Date.parse(time.dateTime)) / 60000);
  const ago = minutes < 1 ? 'just now' : minutes < 100 ? `${minutes} min ago`
    : minutes < 2880 ? `${Math.round(minutes / 60)} h ago` : `${Math.round(minutes / 1440)} days ago`;
  time.title = time.textContent;
  time.textContent = ago;
  if (STATUS !== 'running') return;
  if (minutes > 30) {
    time.after(' (it may have been interrupted)');
    return;
  }
  let touched = false;
  for (const kind of ['pointerdown', 'keydown', 'wheel', 'touchstart']) {
    addEventListener(kind, () => { touched = true; }, { passive: true });
  }
  one('#hint button').addEventListener('click', () => location.reload());
  setInterval(() => {
    if (touched) one('#hint').hidden = false;
    else if (!document.hidden) location.reload();
  }, 30000);
}

all('#grids').forEach(slider);
all('#strips').forEach(strips);
all('#animation').forEach(animation);
all('.chart').forEach(chart);
all('#game').forEach(game);
all('.copy').forEach(copy);
freshness();
