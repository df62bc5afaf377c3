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
