// The learning curve of one training: what was trained, what the benchmark has beyond, what was predicted.

import { percent, seconds, svgElement } from "./dom.js";
import { drawFrame, emptyChart, marker, text } from "./frame.js";
import { makeScale } from "./scale.js";
import { lastOf } from "./search_run.js";

const TRAINED = "#0072B2";
const PREDICTED = "#D55E00";
const INCUMBENT = "#009E73";
const MARGIN = { left: 56, right: 14, top: 56, bottom: 46 };

export function curveChart(run, training, width) {
  const height = 350;
  const { epochs, max_epochs: maxEpochs } = run.data;
  const last = lastOf(training);
  const incumbent = run.incumbentBefore(last);
  const predictions = training.evaluations.flatMap((one) => one.predictions.map((value) => ({ ...value, from: one })));
  const chart = emptyChart(width, height, { role: "img", "aria-label": describe(run, training) });
  const x = makeScale({ log: false, from: 0, to: maxEpochs + 0.5, start: MARGIN.left, end: width - MARGIN.right });
  const y = makeScale({ log: false, ...range(training, incumbent, predictions), start: height - MARGIN.bottom, end: MARGIN.top });
  const inside = drawFrame(chart, x, y, { xLabel: "epoch", yLabel: "validation accuracy (%)" });
  const at = (epoch, value) => [x.at(epoch), y.at(value / 100)];
  const line = (values, until) =>
    values
      .map((value, place) => [epochs[place], value])
      .filter(([epoch, value]) => value !== null && epoch <= until)
      .map(([epoch, value], place) => `${place ? "L" : "M"}${at(epoch, value).map((v) => v.toFixed(1)).join(" ")}`)
      .join("");
  if (incumbent !== null) {
    inside.append(
      svgElement("line", { x1: x.start, x2: x.end, y1: y.at(incumbent / 100), y2: y.at(incumbent / 100), stroke: INCUMBENT, "stroke-width": 1.5, "stroke-dasharray": "7 4" }),
    );
  }
  inside.append(
    svgElement("path", { d: line(training.curve, maxEpochs), fill: "none", stroke: "#777777", "stroke-width": 1 }),
    svgElement("path", { d: line(training.trained, last.epochs), fill: "none", stroke: TRAINED, "stroke-width": 2.6 }),
  );
  for (const { atEpoch, mean, low, high, from } of predictions) {
    const newest = from === last;
    inside.append(
      svgElement("path", {
        d: `M${at(atEpoch, low).join(" ")}L${at(atEpoch, high).join(" ")}`,
        stroke: PREDICTED,
        "stroke-width": newest ? 3 : 1.5,
        opacity: newest ? 1 : 0.45,
      }),
      marker("diamond", PREDICTED, !newest, ...at(atEpoch, mean), newest ? 4.5 : 3.5),
    );
  }
  for (const one of training.evaluations) {
    if (one.val === null) continue;
    const stopped = one === last && training.verdict === "stopped";
    inside.append(marker(stopped ? "cross" : "circle", TRAINED, !stopped && one.epochs < maxEpochs, ...at(one.epochs, one.val), stopped ? 6 : 4));
  }
  chart.append(key(predictions.length > 0, incumbent !== null, width));
  return chart;
}

function range(training, incumbent, predictions) {
  const values = [...training.curve, ...training.trained, incumbent, ...predictions.map(({ mean }) => mean)].filter((value) => value !== null);
  if (!values.length) return { from: 0, to: 100 };
  // Wide intervals may be cut off at the frame, so that the curve stays readable.
  const sorted = [...values].sort((a, b) => a - b);
  const low = sorted[Math.floor(sorted.length * 0.06)];
  const high = sorted[sorted.length - 1];
  const room = Math.max(50, 0.3 * (high - low));
  const ends = predictions.flatMap(({ low: bottom, high: top }) => [bottom, top]);
  return {
    from: Math.max(0, Math.min(low, ...ends.map((end) => Math.max(end, low - room))) - 0.3 * room) / 100,
    to: Math.min(10000, Math.max(high, ...ends.map((end) => Math.min(end, high + room))) + 0.3 * room) / 100,
  };
}

function key(withPredictions, withIncumbent, width) {
  const entries = [
    ["trained", (g) => g.append(svgElement("line", { x1: 0, x2: 26, y1: 0, y2: 0, stroke: TRAINED, "stroke-width": 2.6 }))],
    ["the rest, as the benchmark has it", (g) => g.append(svgElement("line", { x1: 0, x2: 26, y1: 0, y2: 0, stroke: "#777777" }))],
  ];
  if (withPredictions) {
    entries.push([
      "predicted, 90 % interval",
      (g) => g.append(svgElement("line", { x1: 13, x2: 13, y1: -7, y2: 7, stroke: PREDICTED, "stroke-width": 3 }), marker("diamond", PREDICTED, false, 13, 0)),
    ]);
  }
  if (withIncumbent) {
    entries.push([
      "incumbent then",
      (g) => g.append(svgElement("line", { x1: 0, x2: 26, y1: 0, y2: 0, stroke: INCUMBENT, "stroke-width": 1.5, "stroke-dasharray": "7 4" })),
    ]);
  }
  const group = svgElement("g", {});
  let [left, top] = [8, 14];
  for (const [label, draw] of entries) {
    const space = 42 + 6.3 * label.length;
    if (left > 8 && left + space > width) [left, top] = [8, top + 19];
    const entry = svgElement("g", { transform: `translate(${left} ${top})` });
    draw(entry);
    entry.append(text(label, { x: 31, y: 4 }));
    group.append(entry);
    left += space;
  }
  return group;
}

function describe(run, training) {
  const last = lastOf(training);
  return `Learning curve of ${training.arch}: ${percent(last.val)} after ${last.epochs} of ${run.data.max_epochs} epochs, at ${seconds(last.end, run.budget)} simulated seconds.`;
}

