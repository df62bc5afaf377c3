// The latent at `share` of the way from a to b: along the arc for normal latents, whose
// lengths are all alike, in a straight line for uniform ones. Codes behind the noise are those of the nearer end.
export function between(a, b, share, {distribution, noise}) {
  const nearer = share < 0.5 ? a : b;
  const mix = distribution === 'uniform' ? straight : arc;
  const end = noise ?? a.length;
  return Float32Array.from([...mix(a.subarray(0, end), b.subarray(0, end), share), ...nearer.subarray(end)]);
}

// The latent at `place` (0 to 1) of a closed way through `stops` at constant speed. Normal ones are brought to their
// mean length first, so that the way stays on one sphere. Also which stop is nearer, for its label.
export function loop(stops, place, latent) {
  const end = latent.noise ?? stops[0].length;
  const uniform = latent.distribution === 'uniform';
  const lengths = stops.map(z => Math.hypot(...z.subarray(0, end)));
  const radius = lengths.reduce((sum, length) => sum + length) / stops.length;
  const level = uniform ? stops : stops.map((z, i) => z.map((x, j) => j < end ? x * radius / lengths[i] : x));
  const next = i => (i + 1) % stops.length;
  const parts = level.map((z, i) => {
    const [a, b] = [z.subarray(0, end), level[next(i)].subarray(0, end)];
    return uniform ? Math.hypot(...a.map((x, j) => b[j] - x)) : angleBetween(a, b);
  });
  let left = place * parts.reduce((sum, part) => sum + part), at = 0;
  while (at < parts.length - 1 && left >= parts[at]) left -= parts[at++];
  const share = left / parts[at];
  return {z: between(level[at], level[next(at)], share, latent), nearer: share < 0.5 ? at : next(at)};
}

// A latent moved by so much of a direction.
export function moved(z, direction, strength) {
  return z.map((x, i) => x + strength * direction[i]);
}

function angleBetween(a, b) {
  const cosine = a.reduce((sum, x, i) => sum + x * b[i], 0) / (Math.hypot(...a) * Math.hypot(...b));
  return Math.acos(Math.max(-0.9999, Math.min(0.9999, cosine)));
}

function straight(a, b, share) {
  return a.map((x, i) => (1 - share) * x + share * b[i]);
}

function arc(a, b, share) {
  const angle = angleBetween(a, b);
  const [from, to] = [1 - share, share].map(part => Math.sin(part * angle) / Math.sin(angle));
  return a.map((x, i) => from * x + to * b[i]);
}
