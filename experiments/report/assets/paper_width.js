// How wide a chart is drawn: as wide as its box, or as a sheet of paper while the page is printed, so that the
// text in it is as large there as on the screen.

const SHEET = 690; // pixels between the margins of an A4 sheet
const LEAST = 280;
const UNKNOWN = 640;

export class PaperWidth {
  // box: the element that the chart fills.  redraw: called when the width has changed.
  constructor(box, redraw) {
    this.box = box;
    this.printing = false;
    this.drawn = 0;
    new ResizeObserver(() => this.#changed(redraw)).observe(box);
    addEventListener("beforeprint", () => this.#print(true, redraw));
    addEventListener("afterprint", () => this.#print(false, redraw));
  }

  // The width to draw at now.
  take() {
    this.drawn = this.#now();
    return this.drawn;
  }

  #now() {
    return this.printing ? SHEET : Math.max(LEAST, Math.round(this.box.clientWidth) || UNKNOWN);
  }

  #changed(redraw) {
    if (this.box.clientWidth > 0 && this.#now() !== this.drawn) redraw();
  }

  #print(on, redraw) {
    this.printing = on;
    redraw();
  }
}
