// The package's seeded latents and labels (tfgan_train/ops/latents.py) in JavaScript: needed only
// for fully quantised files, whose graphs take z; the others draw from a seed by themselves.

const GOLDEN = 0x9e3779b9;
const TWO_PI = [6.28125, 2029 * 2 ** -20];
const LATENTS = 0, LABELS = 2;

// lowbias32 of a 32-bit number.
function hash(x) {
  x = Math.imul(x ^ (x >>> 16), 0x21f0aaad);
  x = Math.imul(x ^ (x >>> 15), 0xd35a2d97);
  return x ^ (x >>> 15);
}

// `count` whole numbers below 2^23 for the row `index` of a seed's sequence.
function bits(seed, index, count, purpose) {
  const m0 = hash(seed ^ Math.imul(purpose + 1, GOLDEN));
  const m1 = hash(seed ^ Math.imul(purpose + 2, GOLDEN));
  const k0 = hash(index ^ m0);
  const k1 = hash(k0 ^ m1);
  return Array.from({length: count}, (_, j) => hash(hash(Math.imul(j, GOLDEN) ^ k0) ^ k1) >>> 9);
}

// One row of latents, as an array of `size` numbers.
export function latentRow(seed, index, size, distribution) {
  const uniforms = count => bits(seed, index, count, LATENTS).map(whole => (whole + 0.5) * 2 ** -23);
  if (distribution === 'uniform') return uniforms(size).map(u => 2 * u - 1);
  const half = Math.ceil(size / 2);
  const u = uniforms(2 * half);
  const normal = turn => (first, i) => {
    const angle = u[half + i] * TWO_PI[0] + u[half + i] * TWO_PI[1];
    return Math.sqrt(-2 * Math.log(first)) * turn(angle);
  };
  const firsts = u.slice(0, half);
  return [...firsts.map(normal(Math.cos)), ...firsts.map(normal(Math.sin))].slice(0, size);
}

// The label drawn for a row.
export function labelOf(seed, index, classes) {
  return bits(seed, index, 1, LABELS)[0] % classes;
}

// The latent at `share` of the way from a to b: along the arc for normal latents, whose
// lengths are all alike, in a straight line for uniform ones.
export function between(a, b, share, distribution) {
  if (distribution === 'uniform') return Float32Array.from(a, (x, i) => (1 - share) * x + share * b[i]);
  const length = v => Math.hypot(...v);
  const cosine = a.reduce((sum, x, i) => sum + x * b[i], 0) / (length(a) * length(b));
  const angle = Math.acos(Math.max(-0.9999, Math.min(0.9999, cosine)));
  const [from, to] = [1 - share, share].map(part => Math.sin(part * angle) / Math.sin(angle));
  return Float32Array.from(a, (x, i) => from * x + to * b[i]);
}
