// The methods of a chart: switches that say what is drawn, and what each method is worth at the cursor.

import { button, element } from "./dom.js";
import { swatch } from "./frame.js";

export class Legend {
  // onChange: after a method was switched. onEmphasise: with a place, or null, while one is pointed at.
  constructor(methods, onChange, onEmphasise) {
    this.shown = methods.map(() => true);
    this.heading = element("span", { class: "at" });
    this.values = methods.map(() => element("span", { class: "value" }));
    this.boxes = methods.map((method, place) =>
      element("input", {
        type: "checkbox",
        checked: true,
        on: {
          change: (event) => {
            this.shown[place] = event.target.checked;
            onChange();
          },
        },
      }),
    );
    const entries = methods.map((method, place) =>
      element(
        "label",
        {
          class: "entry",
          on: {
            mouseenter: () => onEmphasise(place),
            mouseleave: () => onEmphasise(null),
            focusin: () => onEmphasise(place),
            focusout: () => onEmphasise(null),
          },
        },
        this.boxes[place],
        swatch(method),
        element("span", { class: "name" }, method.name),
        this.values[place],
      ),
    );
    const setAll = (on) => {
      this.boxes.forEach((box, place) => {
        box.checked = on;
        this.shown[place] = on;
      });
      onChange();
    };
    this.node = element(
      "fieldset",
      { class: "legend" },
      element("legend", {}, "Methods"),
      element("p", { class: "legend-head" }, this.heading),
      ...entries,
      element(
        "p",
        { class: "controls" },
        button("Show all", () => setAll(true)),
        button("Hide all", () => setAll(false)),
      ),
    );
    this.entries = entries;
  }

  // readings: one text a method.
  read(heading, readings) {
    this.heading.textContent = heading;
    readings.forEach((reading, place) => {
      this.values[place].textContent = reading;
      this.entries[place].classList.toggle("off", !this.shown[place]);
    });
  }
}
