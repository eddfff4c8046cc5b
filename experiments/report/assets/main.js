// Brings the page to life: what is in it without scripts (text, tables, figures) stays as it is.

import { readJson } from "./dom.js";
import { SearchSection } from "./search_section.js";
import { makeSortable } from "./sorting.js";
import { StepChart } from "./step_chart.js";

function begin() {
  for (const table of document.querySelectorAll("table.sortable")) makeSortable(table);
  for (const box of document.querySelectorAll("[data-chart]")) new StepChart(box, readJson(box.dataset.chart));
  for (const box of document.querySelectorAll("[data-search]")) new SearchSection(box, readJson(box.dataset.search));
  document.documentElement.dataset.ready = "true";
}

begin();
