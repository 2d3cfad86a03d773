// Draws the plots below the first screen, one after the other while nothing else is to be done, those in sight first:
// so the page answers from the start, and all of it is there to print.
"use strict";
(() => {
  let book;
  const PANEL_GAP = 24,
    AXIS_ROOM = 60,
    GRID_GAP = 14,
    WIDEST_PANEL = 190,
    NARROWEST_PANEL = 110,
    NARROWEST_OF_GRID = 76;

  /** As many of `row` panels that belong together as fit; where they do not, rows of equal length if that can be. */
  function columnsOf(fit, row) {
    if (row <= fit) return row;
    for (let columns = fit; columns > 1; columns -= 1) if (row % columns === 0) return columns;
    return fit;
  }

  function fitted(plot, width) {
    const spec = Plots.single(book.charts[plot.chart], width, plot.height);
    const table = book.tables[plot.table];
    spec.datasets = {
      rows: table.values.map((row) => Object.fromEntries(row.map((value, at) => [table.names[at], value]))),
    };
    if (plot.kind === "panels") {
      for (const name of ["width", "height", "autosize"]) delete spec[name];
      const room = width - AXIS_ROOM;
      const [gap, narrowest] = plot.row ? [GRID_GAP, NARROWEST_OF_GRID] : [PANEL_GAP, NARROWEST_PANEL];
      const fit = Math.max(1, Math.floor((room + gap) / (narrowest + gap)));
      spec.columns = Math.min(plot.row ? columnsOf(fit, plot.row) : fit, plot.panels);
      spec.spec.width = Math.min(WIDEST_PANEL, Math.floor((room - gap * (spec.columns - 1)) / spec.columns));
      spec.spacing = gap;
      spec.facet.header.labelLimit = spec.spec.width + gap - 4;
      if (plot.row && spec.spec.width < NARROWEST_PANEL) spec.facet.header.labelFontSize = 10;
      // Shared axes stand below the last row, under empty places too.
      if (plot.panels % spec.columns) spec.resolve = { axis: { x: "independent" } };
    }
    return spec;
  }

  async function draw(plot) {
    const host = document.getElementById(plot.id);
    const width = Math.floor(host.clientWidth);
    if (!width || host.dataset.width === String(width)) return;
    host.dataset.width = String(width);
    try {
      await Plots.embed(host, fitted(plot, width));
    } catch (error) {
      host.textContent = `This plot could not be drawn (${error.message}). Its data is in the CSV below.`;
      host.classList.add("failed");
      console.error(error);
    }
  }

  const idle = () =>
    new Promise((resolve) => {
      if (window.requestIdleCallback) requestIdleCallback(resolve);
      else setTimeout(resolve, 0);
    });

  function isInSight({ id }) {
    const { top, bottom } = document.getElementById(id).getBoundingClientRect();
    return bottom > 0 && top < innerHeight;
  }

  async function drawAll() {
    await Explorer.drawn;
    book = await Plots.book;
    const waiting = [...book.plots];
    while (waiting.length) {
      await idle();
      const [next] = waiting.splice(Math.max(0, waiting.findIndex(isInSight)), 1);
      await draw(next);
    }
    document.documentElement.dataset.plots = "drawn";
  }

  async function drawAgain() {
    await Explorer.resize();
    await drawAll();
  }

  let waiting;
  addEventListener("resize", () => {
    clearTimeout(waiting);
    waiting = setTimeout(drawAgain, 200);
  });
  // Paper has no triangle to click on: whatever is folded is unfolded for printing, and folded again after it.
  let unfolded = [];
  addEventListener("beforeprint", () => {
    unfolded = [...document.querySelectorAll("details:not([open])")];
    for (const element of unfolded) element.open = true;
  });
  addEventListener("afterprint", () => {
    for (const element of unfolded) element.open = false;
  });
  drawAll();
})();
