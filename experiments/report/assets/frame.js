// The frame of a chart: grid, ticks and titles of both axes. Charts are drawn on white paper whatever the
// page's colours, with attributes and not with style sheets, so that a saved SVG looks the same.

import { svgElement } from "./dom.js";
import { tickLabel, ticks } from "./scale.js";

export const INK = "#222222";
const GRID = "#e0e0e0";
const FONT = { "font-family": "Helvetica, Arial, sans-serif", "font-size": 12, fill: INK };

let clips = 0;

export function emptyChart(width, height, attributes = {}) {
  return svgElement("svg", { viewBox: `0 0 ${width} ${height}`, width, height, class: "chart", ...attributes });
}

export function text(content, attributes = {}) {
  return svgElement("text", { ...FONT, ...attributes }, content);
}

// Draws the frame into `chart`; returns a group that is cut off at it, for what is inside.
export function drawFrame(chart, x, y, { xLabel, yLabel, marks = [] }) {
  const [left, right, bottom, top] = [x.start, x.end, Math.max(y.start, y.end), Math.min(y.start, y.end)];
  const under = svgElement("g", {});
  under.append(
    svgElement("rect", { x: 0, y: 0, width: "100%", height: "100%", fill: "#ffffff" }),
  );
  for (const value of ticks(x, (right - left) / 90)) {
    const place = x.at(value);
    under.append(
      svgElement("line", { x1: place, x2: place, y1: top, y2: bottom, stroke: GRID }),
      text(tickLabel(value), { x: place, y: bottom + 17, "text-anchor": "middle" }),
    );
  }
  for (const value of ticks(y, (bottom - top) / 55)) {
    const place = y.at(value);
    under.append(
      svgElement("line", { x1: left, x2: right, y1: place, y2: place, stroke: GRID }),
      text(tickLabel(value), { x: left - 7, y: place + 4, "text-anchor": "end" }),
    );
  }
  for (const { at, label } of marks) {
    const place = x.at(at);
    if (!(place > left && place < right)) continue;
    under.append(
      svgElement("line", { x1: place, x2: place, y1: top, y2: bottom, stroke: "#666666", "stroke-dasharray": "1 3" }),
      text(label, { x: place + 4, y: bottom - 6, "font-size": 11, transform: `rotate(-90 ${place + 4} ${bottom - 6})`, dy: 10 }),
    );
  }
  under.append(
    svgElement("path", { d: `M${left} ${top}V${bottom}H${right}`, fill: "none", stroke: INK }),
    text(xLabel, { x: (left + right) / 2, y: bottom + 38, "text-anchor": "middle" }),
    text(yLabel, {
      x: 14,
      y: (top + bottom) / 2,
      "text-anchor": "middle",
      transform: `rotate(-90 14 ${(top + bottom) / 2})`,
    }),
  );
  clips += 1;
  const clip = svgElement(
    "clipPath",
    { id: `clip-${clips}` },
    svgElement("rect", { x: left, y: top - 2, width: right - left, height: bottom - top + 4 }),
  );
  const inside = svgElement("g", { "clip-path": `url(#clip-${clips})` });
  chart.append(under, clip, inside);
  return inside;
}

const SHAPES = {
  circle: (r) => `M${-r} 0a${r} ${r} 0 1 0 ${2 * r} 0a${r} ${r} 0 1 0 ${-2 * r} 0Z`,
  square: (r) => `M${-r} ${-r}H${r}V${r}H${-r}Z`,
  triangle: (r) => `M0 ${-1.2 * r}L${1.15 * r} ${r}H${-1.15 * r}Z`,
  "triangle-down": (r) => `M0 ${1.2 * r}L${1.15 * r} ${-r}H${-1.15 * r}Z`,
  diamond: (r) => `M0 ${-1.35 * r}L${1.2 * r} 0L0 ${1.35 * r}L${-1.2 * r} 0Z`,
  plus: (r) => `M${-r / 2.5} ${-r}h${r / 1.25}v${0.6 * r}h${0.6 * r}v${r / 1.25}h${-0.6 * r}v${0.6 * r}h${-r / 1.25}v${-0.6 * r}h${-0.6 * r}v${-r / 1.25}h${0.6 * r}Z`,
  cross: (r) => `M${-r} ${-0.6 * r}l${0.4 * r} ${-0.4 * r}l${0.6 * r} ${0.6 * r}l${0.6 * r} ${-0.6 * r}l${0.4 * r} ${0.4 * r}l${-0.6 * r} ${0.6 * r}l${0.6 * r} ${0.6 * r}l${-0.4 * r} ${0.4 * r}l${-0.6 * r} ${-0.6 * r}l${-0.6 * r} ${0.6 * r}l${-0.4 * r} ${-0.4 * r}l${0.6 * r} ${-0.6 * r}Z`,
};

export function marker(shape, colour, hollow, x, y, size = 4) {
  return svgElement("path", {
    d: SHAPES[shape](size),
    transform: `translate(${x} ${y})`,
    fill: hollow ? "#ffffff" : colour,
    stroke: colour,
    "stroke-width": 1.4,
  });
}

// A piece of line with its marker, as it stands in legends.
export function swatch(look) {
  return svgElement(
    "svg",
    { viewBox: "0 0 44 14", width: 44, height: 14, "aria-hidden": "true", class: "swatch" },
    svgElement("rect", { width: 44, height: 14, fill: "#ffffff" }),
    ...swatchParts(look),
  );
}

export function swatchParts({ colour, dash, shape, hollow }) {
  return [
    svgElement("line", { x1: 2, x2: 42, y1: 7, y2: 7, stroke: colour, "stroke-width": 2, "stroke-dasharray": dash }),
    marker(shape, colour, hollow, 22, 7),
  ];
}
