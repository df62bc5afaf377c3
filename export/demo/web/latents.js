// The latent at `share` of the way from a to b: along the arc for normal latents, whose
// lengths are all alike, in a straight line for uniform ones. Codes behind the noise are those of the nearer end.
export function between(a, b, share, {distribution, noise}) {
  const nearer = share < 0.5 ? a : b;
  const mix = distribution === 'uniform' ? straight : arc;
  const end = noise ?? a.length;
  return Float32Array.from([...mix(a.subarray(0, end), b.subarray(0, end), share), ...nearer.subarray(end)]);
}

function straight(a, b, share) {
  return a.map((x, i) => (1 - share) * x + share * b[i]);
}

function arc(a, b, share) {
  const length = v => Math.hypot(...v);
  const cosine = a.reduce((sum, x, i) => sum + x * b[i], 0) / (length(a) * length(b));
  const angle = Math.acos(Math.max(-0.9999, Math.min(0.9999, cosine)));
  const [from, to] = [1 - share, share].map(part => Math.sin(part * angle) / Math.sin(angle));
  return a.map((x, i) => from * x + to * b[i]);
}
