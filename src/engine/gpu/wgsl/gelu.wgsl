// `v / 2 * (1 + erf(v / sqrt(2)))`, erf by formula 7.1.26 of Abramowitz and Stegun (error below 1.5e-7).
fn act(v: V) -> V {
  let x = abs(v) * 0.70710678;
  let t = V(1.0) / (V(1.0) + 0.3275911 * x);
  let p = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
  let erf = sign(v) * (V(1.0) - p * exp(-x * x));
  return 0.5 * v * (V(1.0) + erf);
}
