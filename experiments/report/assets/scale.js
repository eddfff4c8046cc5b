// Linear and logarithmic axes: from values to pixels and back, and where their ticks stand.

import { plainNumber } from "./dom.js";

export function makeScale({ log, from, to, start, end }) {
  const forward = log ? Math.log : (value) => value;
  const [a, b] = [forward(from), forward(to)];
  return {
    log,
    from,
    to,
    start,
    end,
    at: (value) => start + ((forward(value) - a) / (b - a)) * (end - start),
    invert: (place) => {
      const value = a + ((place - start) / (end - start)) * (b - a);
      return log ? Math.exp(value) : value;
    },
  };
}

export function ticks(scale, target) {
  const { from, to } = scale;
  if (!scale.log || to / from < 8) return linearTicks(from, to, target);
  const decades = Math.log10(to / from);
  const places = decades * 3 <= target * 1.5 ? [1, 2, 5] : [1];
  const every = places.length > 1 ? 1 : Math.max(1, Math.round(decades / target));
  const found = [];
  for (let power = Math.floor(Math.log10(from)); power <= Math.ceil(Math.log10(to)); power += 1) {
    if (power % every !== 0) continue;
    for (const place of places) {
      const value = place * 10 ** power;
      if (value >= from * (1 - 1e-9) && value <= to * (1 + 1e-9)) found.push(value);
    }
  }
  return found;
}

function linearTicks(from, to, target) {
  const rough = (to - from) / Math.max(1, target);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((place) => place * power).find((size) => size >= rough * 0.7);
  const found = [];
  for (let count = Math.ceil(from / step - 1e-9); count * step <= to + step * 1e-9; count += 1) {
    found.push(Number((count * step).toPrecision(12)));
  }
  return found;
}

export function tickLabel(value) {
  return plainNumber(value, 6);
}
