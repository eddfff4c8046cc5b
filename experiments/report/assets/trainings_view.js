// The trainings of a search: a list to filter, and beside it the learning curve of the one that is chosen.

import { button, choice, element, labelled, percent, seconds } from "./dom.js";
import { curveChart } from "./curve_chart.js";
import { PaperWidth } from "./paper_width.js";
import { VERDICTS, lastOf } from "./search_run.js";
import { makeSortable } from "./sorting.js";

const FIRST_ROWS = 200;
const COLUMNS = ["No.", "Time (s)", "Epochs", "Val. acc. (%)", "Predicted (%)", "Outcome", "Architecture"];
const MARKS = { complete: "complete", promoted: "promoted", stopped: "stopped", cut_off: "cut off", waiting: "waiting" };

export class TrainingsView {
  constructor(box) {
    this.filterText = element("input", { type: "search", size: 24, on: { input: () => this.#list() } });
    this.filterVerdict = choice(
      [["", "all"], ["incumbent", "were the incumbent"], ...Object.entries(VERDICTS)],
      () => this.#list(),
    );
    this.count = element("p", { class: "note", role: "status" });
    this.body = element("tbody", { on: { keydown: (event) => this.#key(event), click: (event) => this.#clicked(event) } });
    const table = element(
      "table",
      { class: "sortable trainings" },
      element("caption", {}, "Trainings of this search"),
      element(
        "thead",
        {},
        element(
          "tr",
          {},
          ...COLUMNS.map((name, place) =>
            element(
              "th",
              { scope: "col", "aria-sort": place ? "none" : "ascending", class: place < 5 ? "number" : null },
              element("button", { type: "button", class: "sort" }, name),
            ),
          ),
        ),
      ),
      this.body,
    );
    this.scroll = element("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Trainings of this search" }, table);
    this.details = element("div", { class: "details" });
    this.paper = element("div", { class: "paper" });
    box.append(
      element(
        "div",
        { class: "controls" },
        labelled("Architecture contains:", this.filterText),
        labelled("Show:", this.filterVerdict),
      ),
      element(
        "div",
        { class: "list-and-curve" },
        element("div", { class: "list" }, this.scroll, this.count),
        element("div", { class: "curve" }, this.paper, this.details),
      ),
    );
    makeSortable(table);
    this.paperWidth = new PaperWidth(this.paper, () => this.#drawCurve());
  }

  show(run) {
    this.run = run;
    this.winners = run.wasIncumbent;
    this.chosen = run.incumbentAt(Infinity)?.training ?? run.trainings[0] ?? null;
    this.all = false;
    this.#list();
    this.#drawCurve();
    this.#scrollToChosen();
  }

  choose(training, { focus = false } = {}) {
    this.chosen = training;
    for (const row of this.body.rows) this.#mark(row, focus);
    this.#drawCurve();
    this.#scrollToChosen();
  }

  // Moves the list, never the page.
  #scrollToChosen() {
    const row = this.body.querySelector(".chosen");
    if (!row) return;
    const list = this.scroll.getBoundingClientRect();
    const place = row.getBoundingClientRect();
    const head = this.body.parentNode.tHead.offsetHeight;
    if (place.top < list.top + head) this.scroll.scrollTop -= list.top + head - place.top;
    if (place.bottom > list.bottom) this.scroll.scrollTop += place.bottom - list.bottom + place.height;
  }

  #matching() {
    const wanted = this.filterText.value.trim().toLowerCase();
    const verdict = this.filterVerdict.value;
    return this.run.trainings.filter(
      (training) =>
        training.arch.toLowerCase().includes(wanted) &&
        (verdict === "" || (verdict === "incumbent" ? this.winners.has(training) : training.verdict === verdict)),
    );
  }

  #list() {
    const found = this.#matching();
    const shown = this.all ? found : found.slice(0, Math.max(FIRST_ROWS, found.indexOf(this.chosen) + 1));
    for (const head of this.body.parentNode.tHead.rows[0].cells) head.setAttribute("aria-sort", head.cellIndex ? "none" : "ascending");
    this.body.replaceChildren(...shown.map((training) => this.#row(training)));
    for (const row of this.body.rows) this.#mark(row, false);
    if (![...this.body.rows].some((row) => row.querySelector("[tabindex='0']"))) {
      this.body.rows[0]?.querySelector("button").setAttribute("tabindex", 0);
    }
    this.count.replaceChildren(`${found.length} of ${this.run.trainings.length} trainings. `);
    if (shown.length < found.length) {
      this.count.append(
        `The first ${shown.length} are listed. `,
        button("List all", () => {
          this.all = true;
          this.#list();
        }),
      );
    }
  }

  #row(training) {
    const last = lastOf(training);
    const prediction = training.evaluations.flatMap((one) => one.predictions).pop();
    const star = this.winners.has(training) ? " ★" : "";
    const number = (value, shown) => element("td", { class: "number", "data-key": value, "data-missing": value === null }, shown);
    const row = element(
      "tr",
      {},
      number(
        training.place,
        element("button", { type: "button", class: "pick", tabindex: -1, "aria-label": `Training ${training.place + 1}: ${training.arch}` }, String(training.place + 1)),
      ),
      number(last.end, seconds(last.end, this.run.budget)),
      number(last.epochs, String(last.epochs)),
      number(last.val, last.val === null ? "–" : (last.val / 100).toFixed(2)),
      number(prediction ? prediction.mean : null, prediction ? (prediction.mean / 100).toFixed(2) : "–"),
      element("td", {}, MARKS[training.verdict] + star),
      element("td", { class: "arch" }, training.arch),
    );
    row.training = training;
    return row;
  }

  #mark(row, focus) {
    const chosen = row.training === this.chosen;
    const pick = row.querySelector("button");
    row.classList.toggle("chosen", chosen);
    pick.setAttribute("tabindex", chosen ? 0 : -1);
    if (chosen) pick.setAttribute("aria-current", "true");
    else pick.removeAttribute("aria-current");
    if (chosen && focus) pick.focus();
  }

  #clicked(event) {
    const row = event.target.closest("tr");
    if (row) this.choose(row.training);
  }

  #key(event) {
    const row = event.target.closest("tr");
    const next = { ArrowDown: row?.nextElementSibling, ArrowUp: row?.previousElementSibling, Home: this.body.firstElementChild, End: this.body.lastElementChild }[event.key];
    if (!next) return;
    event.preventDefault();
    this.choose(next.training, { focus: true });
  }

  #drawCurve() {
    const { run, chosen: training } = this;
    if (!run) return;
    if (!training) {
      this.paper.replaceChildren();
      this.details.replaceChildren("This search finished no training within the budget.");
      return;
    }
    this.paper.replaceChildren(curveChart(run, training, this.paperWidth.take()));
    this.details.replaceChildren(describeTraining(run, training, this.winners.has(training)));
  }
}

function describeTraining(run, training, wasIncumbent) {
  const last = lastOf(training);
  const { max_epochs: maxEpochs } = run.data;
  const entries = [
    ["Architecture", element("code", {}, training.arch)],
    ["Training seed", String(training.seed)],
    ["Outcome", `${VERDICTS[training.verdict]}${wasIncumbent ? "; became the incumbent" : ""}`],
  ];
  for (const one of training.evaluations) {
    const before = run.incumbentBefore(one);
    const against = before === null ? "no incumbent yet" : `incumbent then: ${percent(before)}`;
    entries.push([`Epoch ${one.epochs}`, `${percent(one.val)} at ${seconds(one.end, run.budget)} s on worker ${one.worker} (${against})`]);
    for (const { atEpoch, mean, low, high } of one.predictions) {
      const really = training.curve[run.data.epochs.indexOf(atEpoch)];
      const truth = really === null || really === undefined ? "" : `; the benchmark has ${percent(really)}`;
      entries.push([`Predicted for epoch ${atEpoch}`, `${percent(mean)}, 90 % interval ${percent(low)} to ${percent(high)}${truth}`]);
    }
  }
  if (last.epochs < maxEpochs) {
    const final = training.curve[training.curve.length - 1];
    entries.push([`Epoch ${maxEpochs}, never trained`, final === null ? "diverges" : `${percent(final)} in the benchmark`]);
  }
  return element("dl", {}, ...entries.flatMap(([name, value]) => [element("dt", {}, name), element("dd", {}, value)]));
}
