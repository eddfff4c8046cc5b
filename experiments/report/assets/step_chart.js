// The interactive chart of anytime curves: one step function with a band for each method.

import { button, choice, element, labelled, plainNumber, saveFile, svgElement, toggle } from "./dom.js";
import { INK, drawFrame, emptyChart, marker, swatchParts, text } from "./frame.js";
import { Legend } from "./legend.js";
import { PaperWidth } from "./paper_width.js";
import { makeScale } from "./scale.js";
import { bandPath, placesBetween, stepAt, stepPath } from "./step_path.js";
import { Viewport } from "./viewport.js";
import { followInput } from "./zooming.js";

const MARGIN = { left: 62, right: 14, top: 12, bottom: 46 };
const MARKERS_A_CURVE = 6;
const HELP =
  "Drag to zoom; double-click to see all. With the chart focused: the wheel or + and - zoom, the arrow keys move " +
  "the cursor, Shift with an arrow moves the view, 0 shows all.";

// data: {title, methods, curves: {statistic: [{t, c, lo, hi} | null]}, budget_s, training_s, y_label}, with
// reversed: whether 1 is at the top, as of ranks, on a linear axis.
export class StepChart {
  constructor(box, data) {
    this.box = box;
    this.data = data;
    this.statistic = Object.keys(data.curves)[0];
    this.log = { x: true, y: !data.reversed };
    this.withBand = true;
    this.cursor = null;
    this.emphasised = null;
    this.legend = new Legend(
      data.methods,
      () => this.draw(),
      (place) => this.#emphasise(place),
    );
    this.svg = emptyChart(640, 400, {
      tabindex: 0,
      role: "application",
      "aria-roledescription": "chart",
      "aria-label": `${data.title}. ${HELP}`,
    });
    this.live = element("p", { class: "visually-hidden", "aria-live": "polite" });
    this.viewport = new Viewport(this.#limits(), this.log.x);
    this.paper = element("div", { class: "paper" }, this.svg);
    box.append(
      this.#controls(),
      element("div", { class: "chart-and-legend" }, this.paper, this.legend.node),
      element("p", { class: "note screen-only" }, HELP),
      this.live,
    );
    followInput(this);
    this.paperWidth = new PaperWidth(this.paper, () => this.draw());
    this.draw();
  }

  #controls() {
    const names = Object.keys(this.data.curves);
    const then = (change) => () => {
      change();
      this.draw();
    };
    return element(
      "div",
      { class: "controls", role: "group", "aria-label": `Controls of ${this.data.title}` },
      names.length > 1
        ? labelled(
            "Over seeds:",
            choice(
              names.map((name) => [name, name]),
              (name) => then(() => (this.statistic = name))(),
            ),
          )
        : null,
      toggle("Log time", this.log.x, (on) => {
        this.log.x = on;
        this.viewport.setLimits(this.#limits(), on);
        this.draw();
      }),
      this.data.reversed ? null : toggle("Log value", this.log.y, (on) => then(() => (this.log.y = on))()),
      toggle("95 % band", true, (on) => then(() => (this.withBand = on))()),
      button("Zoom in", then(() => this.viewport.zoom(0.7, this.cursor ?? undefined))),
      button("Zoom out", then(() => this.viewport.zoom(1 / 0.7, this.cursor ?? undefined))),
      button("Earlier", then(() => this.viewport.pan(-0.25))),
      button("Later", then(() => this.viewport.pan(0.25))),
      button("See all", then(() => this.viewport.reset())),
      button("Save view as SVG", () => this.#save()),
    );
  }

  #limits() {
    const starts = this.data.curves[this.statistic].filter(Boolean).map((curve) => curve.t[0]);
    const marks = this.data.training_s ? [this.data.training_s] : [];
    const first = Math.min(...starts, ...marks, this.data.budget_s / 2);
    return { from: this.log.x ? 0.85 * first : 0, to: this.data.budget_s };
  }

  get #curves() {
    return this.data.curves[this.statistic].map((curve, place) => (this.legend.shown[place] ? curve : null));
  }

  // What is in view from top to bottom, a little more than the curves need.
  #fit() {
    const { from, to } = this.viewport.x;
    let [low, high] = [Infinity, -Infinity];
    for (const curve of this.#curves.filter(Boolean)) {
      const places = placesBetween(curve.t, from, to);
      if (!places) continue;
      for (let i = places[0]; i <= places[1]; i += 1) {
        const bottom = this.withBand && !this.log.y ? curve.lo[i] : curve.c[i];
        if (!this.log.y || curve.c[i] > 0) low = Math.min(low, bottom);
        high = Math.max(high, this.withBand ? curve.hi[i] : curve.c[i]);
      }
    }
    if (!(high > -Infinity) || (this.log.y && !(low < Infinity))) return this.log.y ? { from: 0.1, to: 1 } : { from: 0, to: 1 };
    if (this.log.y) return { from: low / 1.3, to: Math.max(high, low) * 1.15 };
    const slack = 0.05 * (high - low) || 0.05 * Math.abs(high) || 1;
    return { from: this.data.reversed ? low - slack : Math.max(0, low - slack), to: high + slack };
  }

  draw() {
    this.width = this.paperWidth.take();
    const height = Math.round(Math.max(300, Math.min(460, 0.62 * this.width)));
    this.svg.setAttribute("viewBox", `0 0 ${this.width} ${height}`);
    this.svg.setAttribute("width", this.width);
    this.svg.setAttribute("height", height);
    this.svg.replaceChildren();
    const [bottom, top] = [height - MARGIN.bottom, MARGIN.top];
    const ends = this.data.reversed ? { start: top, end: bottom } : { start: bottom, end: top };
    const x = makeScale({ log: this.log.x, ...this.viewport.x, start: MARGIN.left, end: this.width - MARGIN.right });
    const fitted = this.viewport.y ?? this.#fit();
    const y = makeScale({ log: this.log.y && fitted.from > 0, ...fitted, ...ends });
    this.scales = { x, y };
    const label = this.data.y_label.replace("{statistic}", this.statistic);
    const training = this.data.training_s;
    const inside = drawFrame(this.svg, x, y, {
      xLabel: this.data.x_label,
      yLabel: label,
      marks: training ? [{ at: training, label: `one full training (${plainNumber(training, 3)} s)` }] : [],
    });
    this.groups = this.#curves.map((curve, place) => (curve ? this.#drawCurve(curve, place) : null));
    if (this.withBand) inside.append(...this.groups.filter(Boolean).map((group) => group.band));
    inside.append(...this.groups.filter(Boolean).map((group) => group.line));
    this.cursorGroup = svgElement("g", {});
    this.svg.append(this.cursorGroup);
    this.setCursor(this.cursor, {});
    this.#emphasise(this.emphasised);
  }

  #drawCurve(curve, place) {
    const { x, y } = this.scales;
    const { colour, dash, hollow, shape } = this.data.methods[place];
    // A logarithmic axis has no place for 0: far below the lower edge.
    const floor = y.log ? y.from / 100 : -Infinity;
    const at = (value) => y.at(Math.max(value, floor));
    const end = this.data.budget_s;
    const line = svgElement("g", { "data-method": place });
    line.append(
      svgElement("path", {
        d: stepPath(curve.t, curve.c, end, x, at),
        fill: "none",
        stroke: colour,
        "stroke-width": 1.8,
        "stroke-dasharray": dash,
      }),
    );
    const n = this.data.methods.length;
    for (let i = 0; i < MARKERS_A_CURVE; i += 1) {
      const pixel = x.start + ((i + (place + 0.5) / n) / MARKERS_A_CURVE) * (x.end - x.start);
      const step = stepAt(curve.t, x.invert(pixel));
      if (step >= 0) line.append(marker(shape, colour, hollow, pixel, at(curve.c[step])));
    }
    const band = svgElement("path", {
      d: bandPath(curve, end, x, at),
      fill: colour,
      "fill-opacity": hollow ? 0.1 : 0.18,
      stroke: "none",
    });
    return { line, band };
  }

  #emphasise(place) {
    this.emphasised = place;
    this.groups.forEach((group, index) => {
      const faint = place !== null && this.groups[place] && index !== place;
      for (const node of Object.values(group ?? {})) node.setAttribute("opacity", faint ? 0.2 : 1);
    });
  }

  // time: null reads the curves at the end of what is in view.
  setCursor(time, { announce = false }) {
    this.cursor = time;
    const { x, y } = this.scales;
    const when = time ?? this.viewport.x.to;
    this.cursorGroup.replaceChildren();
    if (time !== null && time >= x.from && time <= x.to) {
      this.cursorGroup.append(
        svgElement("line", { x1: x.at(time), x2: x.at(time), y1: Math.min(y.start, y.end), y2: Math.max(y.start, y.end), stroke: INK, "stroke-width": 1 }),
      );
    }
    const readings = this.data.curves[this.statistic].map((curve) => {
      const step = curve ? stepAt(curve.t, when) : -1;
      if (step < 0) return "–";
      const [c, lo, hi] = [curve.c[step], curve.lo[step], curve.hi[step]].map((value) => plainNumber(value, 3));
      return lo === c && hi === c ? c : `${c} [${lo}, ${hi}]`;
    });
    const heading = `At ${plainNumber(when, 4)} ${this.data.x_unit}`;
    this.legend.read(heading, readings);
    if (announce) {
      const said = this.data.methods.map(({ name }, place) => (this.legend.shown[place] ? `${name} ${readings[place]}` : null));
      this.live.textContent = `${heading}: ${said.filter(Boolean).join("; ")}`;
    }
  }

  // The view as it is, with its legend beside it.
  #save() {
    const shown = this.data.methods.filter((method, place) => this.legend.shown[place]);
    const copy = this.svg.cloneNode(true);
    const height = Number(this.svg.getAttribute("height"));
    const longest = Math.max(0, ...shown.map((method) => method.name.length));
    const width = this.width + 60 + 7.2 * longest;
    const total = Math.max(height, 20 + 20 * shown.length);
    copy.setAttribute("viewBox", `0 0 ${width} ${total}`);
    copy.setAttribute("width", width);
    copy.setAttribute("height", total);
    for (const name of ["tabindex", "role", "aria-label", "aria-roledescription", "class"]) copy.removeAttribute(name);
    shown.forEach((method, row) => {
      const entry = svgElement("g", { transform: `translate(${this.width + 6} ${14 + 20 * row})` }, ...swatchParts(method));
      entry.append(text(method.name, { x: 50, y: 11 }));
      copy.append(entry);
    });
    saveFile(`${this.data.file_name}.svg`, "image/svg+xml", new XMLSerializer().serializeToString(copy));
  }
}
