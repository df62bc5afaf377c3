// An exported .tflite: the facts stored inside it, and its signatures as plain functions.

import {loadAndCompile, loadLiteRt, Tensor} from '@litertjs/core';

const WASM = './node_modules/@litertjs/core/wasm/';
const METADATA = 'tfgan_train', IDENTIFIER = 'TFL3';
// Fields of the flatbuffer schema's tables, by their number.
const MODEL_BUFFERS = 4, MODEL_METADATA = 6, METADATA_NAME = 0, METADATA_BUFFER = 1, BUFFER_DATA = 0;

// The JSON facts that the exporter put into the file.
export function readFacts(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const follow = at => at + view.getUint32(at, true);
  const field = (table, number) => {
    const vtable = table - view.getInt32(table, true);
    const at = 4 + 2 * number;
    const offset = at < view.getUint16(vtable, true) ? view.getUint16(vtable + at, true) : 0;
    return offset ? table + offset : 0;
  };
  const text = at => {
    const start = follow(at);
    return new TextDecoder().decode(bytes.subarray(start + 4, start + 4 + view.getUint32(start, true)));
  };
  const item = (vector, i) => follow(follow(vector) + 4 + 4 * i);
  if (new TextDecoder().decode(bytes.subarray(4, 8)) !== IDENTIFIER) throw new Error('this is not a .tflite file');
  const model = follow(0);
  const entries = field(model, MODEL_METADATA);
  for (let i = 0; entries && i < view.getUint32(follow(entries), true); i++) {
    const entry = item(entries, i);
    if (text(field(entry, METADATA_NAME)) !== METADATA) continue;
    const buffer = item(field(model, MODEL_BUFFERS), view.getUint32(field(entry, METADATA_BUFFER), true));
    return JSON.parse(text(field(buffer, BUFFER_DATA)));
  }
  throw new Error('this .tflite does not come from this project: it lacks its metadata');
}

// The runtime's log comes through console.error line by line; only its errors are errors.
function calmConsole() {
  const error = console.error.bind(console);
  console.error = (...line) => (/^(INFO|WARNING|VERBOSE): /.test(line[0]) ? console.debug : error)(...line);
}

export class Model {
  static async load(url) {
    const response = await fetch(url);
    if (!response.ok) throw new Error(`${url}: ${response.status} ${response.statusText}`);
    const bytes = new Uint8Array(await response.arrayBuffer());
    const facts = readFacts(bytes);
    if (!Object.keys(facts.signatures).some(name => name.startsWith('generate_b'))) {
      throw new Error('this .tflite takes int8 numbers, and LiteRT.js has no int8 tensors: take another of the export');
    }
    calmConsole();
    await loadLiteRt(WASM);
    return new Model(facts, await loadAndCompile(bytes, {accelerator: 'wasm'}));
  }

  constructor(facts, compiled) {
    this.facts = facts;
    this.compiled = compiled;
    const batches = Object.keys(facts.signatures).filter(name => /^b\d+$/.test(name)).map(name => +name.slice(1));
    this.batches = batches.sort((a, b) => a - b);
    // Where images can be made of w, that is the latent which is walked through and moved. Codes are columns of z.
    const {latent, directions} = facts;
    this.name = `from_w_b${batches[0]}` in facts.signatures && !latent.codes ? 'w' : 'z';
    this.latent = this.name === 'w' ? {distribution: 'uniform'} : latent;
    this.directions = (directions ?? []).filter(direction => this.name in direction);
  }

  // Images 0 .. count-1 of a seed: [{pixels, z, label}], where z is the w of a generator that has it.
  // A label is a number or, of a run with attributes, one number for each. One below 0 is drawn from the seed, and
  // so is each code that `codes` (name -> a category's number, or a number from -1 to 1) leaves out.
  // `truncation` scales the latents, from 0 to 1.
  async fromSeed(seed, count, label, codes, truncation = 1) {
    const batch = this.batches.findLast(size => size <= count) ?? this.batches[0];
    const drawn = [];
    for (let index = 0; index < count; index += batch) {
      const found = await this.runSeeded(seed, index, batch, label, truncation);
      drawn.push(...Object.keys(codes).length ? await this.withCodes(found, codes) : found);
    }
    return drawn.slice(0, count);
  }

  // The images of these images' latents after `change`, in batches of the file's largest.
  async changed(images, change) {
    const batch = this.batches.findLast(size => size <= images.length) ?? this.batches[0];
    const found = [];
    for (let at = 0; at < images.length; at += batch) {
      const size = images[0].z.length;
      const rows = new Float32Array(batch * size), some = images.slice(at, at + batch);
      some.forEach(({z}, i) => rows.set(change(z), i * size));
      found.push(...await this.runLatents(rows, this.labels(some, batch), batch));
    }
    return found.slice(0, images.length);
  }

  // The same latents with other codes in their last columns.
  async withCodes(images, codes) {
    const size = images[0].z.length;
    const rows = new Float32Array(images.length * size);
    images.forEach(({z}, i) => rows.set(z, i * size));
    for (const {name, first, categories} of this.facts.latent.codes.filter(({name}) => name in codes)) {
      for (let at = first; at < rows.length; at += size) {
        if (categories) rows.fill(0, at, at + categories)[at + codes[name]] = 1;
        else rows[at] = codes[name];
      }
    }
    return this.runLatents(rows, this.labels(images, images.length), images.length);
  }

  // One image from its latent and label.
  async fromLatent(z, label) {
    const batch = this.batches[0];
    const rows = new Float32Array(batch * z.length);
    rows.set(z);
    return (await this.runLatents(rows, this.labels([{label}], batch), batch))[0];
  }

  // The labels of these images, or their attributes row by row, filled up with zeros to a batch.
  labels(images, batch) {
    const {attributes} = this.facts;
    if (!attributes) return Int32Array.from({length: batch}, (_, i) => images[i]?.label ?? 0);
    const rows = new Float32Array(batch * attributes.length);
    images.forEach(({label}, i) => rows.set(label, i * attributes.length));
    return rows;
  }

  // The input that says which images are wanted; none for a generator that takes none.
  wanted(labels, batch) {
    if (this.facts.attributes) return {attributes: new Tensor(labels, [batch, labels.length / batch])};
    return this.facts.labels ? {label: new Tensor(labels, [batch])} : {};
  }

  async runSeeded(seed, index, batch, label, truncation) {
    const scalar = (type, value) => new Tensor(new type([value]), []);
    const inputs = {seed: scalar(Int32Array, seed), index: scalar(Int32Array, index), truncation: scalar(Float32Array, truncation)};
    Object.assign(inputs, this.wanted(this.labels(Array(batch).fill({label}), batch), batch));
    const {images, labels, drawn_attributes: drawn, [this.name]: z} = await this.run(`generate_b${batch}`, inputs);
    return this.split(images, z, labels ?? drawn, batch);
  }

  async runLatents(z, asked, batch) {
    const inputs = {[this.name]: new Tensor(z, [batch, z.length / batch])};
    if (this.name === 'z') Object.assign(inputs, this.wanted(asked, batch));
    const {images} = await this.run(`${this.name === 'z' ? '' : 'from_w_'}b${batch}`, inputs);
    return this.split(images, z, asked, batch);
  }

  // Runs a signature and gives plain arrays; tensors live in WebAssembly and must be deleted.
  async run(signature, inputs) {
    const outputs = await this.compiled.run(signature, inputs);
    const arrays = Object.fromEntries(Object.entries(outputs).map(([name, tensor]) => [name, tensor.toTypedArray().slice()]));
    [...Object.values(inputs), ...Object.values(outputs)].forEach(tensor => tensor.delete());
    return arrays;
  }

  split(images, z, labels, batch) {
    const part = (array, i) => array.subarray(i * array.length / batch, (i + 1) * array.length / batch);
    return Array.from({length: batch}, (_, i) => ({
      // Storing into a clamped array rounds as the exporter does, halves to even.
      pixels: Uint8ClampedArray.from(part(images, i), x => (x + 1) * 127.5),
      z: part(z, i),
      label: this.facts.attributes ? part(labels, i) : this.facts.labels ? labels[i] : null,
    }));
  }
}
