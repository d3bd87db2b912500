// Increased volume, step by step as transforms/investigations/surge.py computes it; docs/statistics.md says why each step is so.
const FALSE_DISCOVERY_RATE = 0.05, LEAST_COUNT = 5, LEAST_RATIO = 3;

// ln Γ(x) for x > 0: Stirling's series from 15 on, the recurrence Γ(x + 1) = x Γ(x) below.
function logGamma(x) {
  let product = 1;
  for (; x < 15; x += 1) product *= x;
  const s = 1 / (x * x);
  const series = (1 / 12 - s * (1 / 360 - s * (1 / 1260 - s * (1 / 1680 - s / 1188)))) / x;
  return (x - 0.5) * Math.log(x) - x + 0.9189385332046727 + series - Math.log(product);
}

const awayFromZero = (value) => (Math.abs(value) < 1e-300 ? 1e-300 : value);

// Lentz's continued fraction of the incomplete beta function (DLMF 8.17.22).
function betaFraction(x, a, b) {
  let c = 1, d = 1 / awayFromZero(1 - (a + b) * x / (a + 1)), value = d;
  for (let m = 1; m < 100000; m += 1) {
    const even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
    const odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
    for (const term of [even, odd]) {
      d = 1 / awayFromZero(1 + term * d);
      c = awayFromZero(1 + term / c);
      value *= c * d;
    }
    if (Math.abs(c * d - 1) < 1e-15) break;
  }
  return value;
}

function incompleteBeta(x, a, b) {
  if (x <= 0 || x >= 1) return x <= 0 ? 0 : 1;
  if (x > (a + 1) / (a + b + 2)) return 1 - incompleteBeta(1 - x, b, a);
  const front = Math.exp(logGamma(a + b) - logGamma(a) - logGamma(b) + a * Math.log(x) + b * Math.log1p(-x));
  return Math.min(1, front * betaFraction(x, a, b) / a);
}

// Mean and size of the negative binomial that the next window's count has.
function predictive(windows) {
  const shape = 0.5 + windows.total, mean = shape / windows.count;
  if (windows.count < 2) return [mean, shape];
  const average = windows.total / windows.count;
  const variance = (windows.totalOfSquares - windows.count * average ** 2) / (windows.count - 1);
  return [mean, variance > mean ? Math.min(shape, mean ** 2 / (variance - mean)) : shape];
}

// Benjamini and Hochberg: marks the tests whose hypothesis is rejected.
function markDiscoveries(tests) {
  const ordered = [...tests].sort((a, b) => a.p - b.p);
  const last = ordered.findLastIndex((test, place) => test.p <= FALSE_DISCOVERY_RATE * (place + 1) / ordered.length);
  ordered.forEach((test, place) => { test.isDiscovered = place <= last; });
}

// From each count and its windows to what is to be said of it; what has no window or no baseline is left out.
function findSurges(candidates) {
  const tests = candidates.filter(({ windows }) => windows.count && windows.total).map((candidate) => {
    const { count, windows } = candidate, [mean, size] = predictive(windows), ratio = count / mean;
    const p = count <= 0 ? 1 : incompleteBeta(mean / (mean + size), count, size);
    const isLarge = count >= LEAST_COUNT && ratio >= LEAST_RATIO && count > windows.most;
    return { ...candidate, expected: mean, ratio, p, isLarge };
  });
  markDiscoveries(tests);
  for (const test of tests) test.isIncreased = test.isDiscovered && test.isLarge;
  return tests;
}
