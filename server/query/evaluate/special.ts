// The error and gamma functions, to about 15 digits: series and continued fraction for erf (Abramowitz and Stegun 7.1.6 and
// 7.1.14), Lanczos' approximation with g = 7 and n = 9 for gamma.

export function errorFunction(x: number): number {
  if (Number.isNaN(x)) return x;
  const size = Math.abs(x);
  const value = size < 2.5 ? series(size) : 1 - tail(size);
  return x < 0 ? -value : value;
}

function series(x: number): number {
  let term = x;
  let sum = x;
  for (let n = 1; n < 200 && Math.abs(term) > 1e-18 * Math.abs(sum); n++) {
    term *= (2 * x * x) / (2 * n + 1);
    sum += term;
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
}

function tail(x: number): number {
  if (x > 27) return 0;
  let fraction = 0;
  for (let n = 60; n > 0; n--) fraction = n / 2 / (x + fraction);
  return Math.exp(-x * x) / Math.sqrt(Math.PI) / (x + fraction);
}

const lanczos = [
  0.99999999999980993, 676.5203681218851, -1259.1392167224028, 771.32342877765313, -176.61502916214059,
  12.507343278686905, -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7,
];

export function gamma(x: number): number {
  if (Number.isInteger(x) && x > 0 && x < 171) {
    let out = 1;
    for (let i = 2; i < x; i++) out *= i;
    return out;
  }
  if (x < 0.5) return Math.PI / (Math.sin(Math.PI * x) * gamma(1 - x));
  if (x > 171.7) return Infinity;
  const { sum, t } = parts(x - 1);
  return Math.sqrt(2 * Math.PI) * t ** (x - 0.5) * Math.exp(-t) * sum;
}

export function logGamma(x: number): number {
  if (!Number.isFinite(x)) return Math.abs(x);
  if (x < 0.5) return Math.log(Math.PI / Math.abs(Math.sin(Math.PI * x))) - logGamma(1 - x);
  const { sum, t } = parts(x - 1);
  return 0.5 * Math.log(2 * Math.PI) + (x - 0.5) * Math.log(t) - t + Math.log(sum);
}

function parts(x: number): { sum: number; t: number } {
  let sum = lanczos[0]!;
  for (let i = 1; i < lanczos.length; i++) sum += lanczos[i]! / (x + i);
  return { sum, t: x + 7.5 };
}
