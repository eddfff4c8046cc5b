// Right-continuous step functions: {t, c, lo, hi}, all as long as t, drawn on to the end of the budget.

// The place of the step that holds at `time`; -1 before the first.
export function stepAt(times, time) {
  let [low, high] = [0, times.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (times[middle] <= time) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

const short = (value) => Math.round(value * 100) / 100;

export function stepPath(times, values, end, x, place) {
  let path = `M${short(x.at(times[0]))} ${short(place(values[0]))}`;
  for (let i = 1; i < times.length; i += 1) path += `H${short(x.at(times[i]))}V${short(place(values[i]))}`;
  return `${path}H${short(x.at(Math.max(end, times[times.length - 1])))}`;
}

export function bandPath({ t, lo, hi }, end, x, place) {
  let path = stepPath(t, hi, end, x, place);
  path += `V${short(place(lo[lo.length - 1]))}`;
  for (let i = t.length - 1; i > 0; i -= 1) path += `H${short(x.at(t[i]))}V${short(place(lo[i - 1]))}`;
  return `${path}H${short(x.at(t[0]))}Z`;
}

// The values that hold between two times, as places from and to (inclusive); null when there are none.
export function placesBetween(times, from, to) {
  const last = stepAt(times, to);
  return last < 0 ? null : [Math.max(0, stepAt(times, from)), last];
}
