// The page: a grid of a seed's images, and a walk between two of them.

import {between, loop, moved} from './latents.js';
import {Model} from './model.js';

const COUNT = 16;
const SECONDS_A_STOP = 1;
const element = id => document.getElementById(id);
const state = {images: [], marked: [0, 1]};

function draw(canvas, pixels) {
  const {height, width, channels} = state.model.facts.image;
  canvas.width = width;
  canvas.height = height;
  const rgba = new ImageData(width, height);
  for (let i = 0; i < width * height; i++) {
    // Of four channels the last is alpha, by which the colours are multiplied; a canvas wants them straight.
    const alpha = channels === 4 ? pixels[4 * i + 3] : 255;
    for (let c = 0; c < 3; c++) {
      rgba.data[4 * i + c] = pixels[channels * i + (channels < 3 ? 0 : c)] * 255 / Math.max(alpha, 1);
    }
    rgba.data[4 * i + 3] = alpha;
  }
  canvas.classList.toggle('transparent', channels === 4);
  canvas.getContext('2d').putImageData(rgba, 0, 0);
}

async function drawGrid() {
  const seed = element('seed').valueAsNumber;
  if (!Number.isInteger(seed) || seed < -(2 ** 31) || seed >= 2 ** 31) {
    throw new Error('the seed must be a whole number from -2147483648 to 2147483647');
  }
  const start = performance.now();
  const truncation = element('truncation').valueAsNumber;
  state.images = await state.model.fromSeed(seed, COUNT, wanted(), chosenCodes(), truncation);
  const direction = state.model.directions[element('direction').value], strength = element('strength').valueAsNumber;
  if (direction && strength) {
    state.images = await state.model.changed(state.images, z => moved(z, direction[state.model.name], strength));
  }
  const milliseconds = (performance.now() - start) / COUNT;
  element('status').textContent = `${milliseconds.toFixed(2)} ms per image`;
  state.images.forEach(({pixels, label}, i) => {
    const button = element('grid').children[i];
    draw(button.firstChild, pixels);
    button.title = `image ${i}${described(label)}`;
  });
  await drawBetween();
}

// The label that the page asks for, or what it asks of each attribute; -1: as the seed has it.
function wanted() {
  if (!state.model.facts.attributes) return Number(element('label').value);
  return [...document.querySelectorAll('#attributes select')].map(select => Number(select.value));
}

// A label by its name, or the attributes that hold.
function described(label) {
  const {labels, attributes} = state.model.facts;
  if (attributes) return `, ${attributes.filter((_, i) => label[i]).join(', ') || 'no attribute'}`;
  return label === null ? '' : `, label ${labels.names[label] ?? label}`;
}

// A list for each attribute: any, no or yes.
function offerAttributes(attributes) {
  for (const name of attributes) {
    const label = document.createElement('label'), select = document.createElement('select');
    select.append(new Option('any', -1), new Option('no', 0), new Option('yes', 1));
    select.name = name;
    select.addEventListener('change', () => request(drawGrid));
    label.append(`${name} `, select);
    element('attributes').append(label);
  }
  element('attributes').hidden = !attributes.length;
}

// Name -> value of each code that the page fixes; the others are the seed's.
function chosenCodes() {
  const inputs = [...document.querySelectorAll('#codes [name]')].filter(input => !input.disabled && input.value !== '');
  return Object.fromEntries(inputs.map(input => [input.name, Number(input.value)]));
}

// A list for each categorical code; for each continuous one a slider and whether it counts.
function offerCodes(codes) {
  for (const {name, categories} of codes) {
    const label = document.createElement('label');
    const input = document.createElement(categories ? 'select' : 'input');
    input.name = name;
    label.append(`${name} `, input);
    if (categories) {
      input.append(new Option('any', ''));
      for (let i = 0; i < categories; i++) input.append(new Option(i, i));
    } else {
      Object.assign(input, {type: 'range', min: -1, max: 1, step: 0.05, value: 0, disabled: true});
      const fixed = Object.assign(document.createElement('input'), {type: 'checkbox'});
      fixed.addEventListener('change', () => {
        input.disabled = !fixed.checked;
        request(drawGrid);
      });
      label.prepend(fixed);
    }
    input.addEventListener('input', () => request(drawGrid));
    element('codes').append(label);
  }
  element('codes').hidden = !codes.length;
}

async function drawBetween() {
  const [from, to] = state.marked.map(i => state.images[i]);
  [...element('grid').children].forEach((button, i) => button.setAttribute('aria-pressed', state.marked.includes(i)));
  const share = element('share').valueAsNumber;
  const z = between(from.z, to.z, share, state.model.latent);
  const image = await state.model.fromLatent(z, share < 0.5 ? from.label : to.label);
  draw(element('between'), image.pixels);
}

// A frame of the walk through all latents of the grid; the next follows when this one is drawn.
async function drawWalk() {
  if (!state.begun) return;
  const round = SECONDS_A_STOP * 1000 * COUNT;
  const place = (performance.now() - state.begun) % round / round;
  const {z, nearer} = loop(state.images.map(image => image.z), place, state.model.latent);
  draw(element('between'), (await state.model.fromLatent(z, state.images[nearer].label)).pixels);
  document.body.dataset.place = place;
  requestAnimationFrame(() => request(drawWalk));
}

function toggleWalk() {
  state.begun = state.begun ? 0 : performance.now();
  element('play').setAttribute('aria-pressed', Boolean(state.begun));
  element('play').textContent = state.begun ? 'Stop' : 'Walk through all';
  request(state.begun ? drawWalk : drawBetween);
}

// One drawing at a time; of those asked for meanwhile, only the last is done.
let running = false, waiting = null;
async function request(drawing) {
  if (running) {
    // A new grid draws the walk too, so a walk must not take its place.
    if (waiting !== drawGrid && !(drawing === drawWalk && waiting)) waiting = drawing;
    return;
  }
  running = true;
  try {
    await drawing();
    element('status').classList.remove('error');
  } catch (error) {
    fail(error);
  }
  running = false;
  document.body.dataset.drawn = Number(document.body.dataset.drawn ?? 0) + 1;
  if (waiting) {
    const next = waiting;
    waiting = null;
    request(next);
  }
}

function fail(error) {
  element('status').textContent = `Error: ${error.message ?? error}`;
  element('status').classList.add('error');
}

function describe({facts: {run, step, image, latent, labels, attributes, parameters}, directions}) {
  element('title').textContent = document.title = `${run}, step ${step.toLocaleString('en')}`;
  element('facts').textContent = `${image.width} x ${image.height} pixels from ${latent.size} ${latent.distribution} numbers, ` +
      `${parameters.toLocaleString('en')} parameters`;
  element('label').append(new Option('any', -1));
  for (let i = 0; i < (labels?.count ?? 0); i++) element('label').append(new Option(labels.names[i] ?? i, i));
  element('labels').hidden = !labels;
  offerAttributes(attributes ?? []);
  offerCodes(latent.codes ?? []);
  directions.forEach(({name}, i) => element('direction').append(new Option(name, i)));
  element('directions').hidden = !directions.length;
}

function listen() {
  for (let i = 0; i < COUNT; i++) {
    const button = document.createElement('button');
    button.append(document.createElement('canvas'));
    button.addEventListener('click', () => {
      state.marked = [state.marked[1], i];
      request(drawBetween);
    });
    element('grid').append(button);
  }
  element('seed').addEventListener('change', () => request(drawGrid));
  element('label').addEventListener('change', () => request(drawGrid));
  element('next').addEventListener('click', () => {
    element('seed').valueAsNumber = (element('seed').valueAsNumber + 1) | 0;
    request(drawGrid);
  });
  element('share').addEventListener('input', () => request(drawBetween));
  for (const name of ['truncation', 'direction', 'strength']) {
    element(name).addEventListener('input', () => request(drawGrid));
  }
  element('play').addEventListener('click', toggleWalk);
}

try {
  state.model = await Model.load(new URLSearchParams(location.search).get('model') ?? 'model.tflite');
  describe(state.model);
  listen();
  // The first call prepares the signature, which is not what an image costs.
  await state.model.fromSeed(0, COUNT, wanted(), {});
  await request(drawGrid);
} catch (error) {
  element('title').textContent = 'This page can\'t draw';
  fail(error);
}
