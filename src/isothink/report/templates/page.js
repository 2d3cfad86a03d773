// Draws the report's plots, one after the other so that the page answers from the start.
// Expressions are interpreted (`ast`), never compiled, so the page's policy can forbid eval.
"use strict";
(() => {
  const book = JSON.parse(document.getElementById("plots").textContent);
  const font = getComputedStyle(document.body).fontFamily;
  const PANEL_GAP = 24, AXIS_ROOM = 60, WIDEST_PANEL = 190, NARROWEST_PANEL = 110;

  function fitted(plot, width) {
    const spec = structuredClone(book.charts[plot.chart]);
    const table = book.tables[plot.table];
    spec.datasets = { rows: table.values.map((row) => Object.fromEntries(row.map((value, at) => [table.names[at], value]))) };
    spec.config = {
      font, background: "transparent", view: { stroke: null },
      axis: { labelFontSize: 11, titleFontSize: 12, titleFontWeight: "normal" },
      header: { labelFontSize: 12, labelPadding: 4 },
      legend: { orient: "bottom", titleFontWeight: "normal", titleOrient: "left", labelLimit: 140,
                columns: width < 480 ? 2 : 4, direction: "horizontal", labelFontSize: 11,
                layout: { bottom: { direction: width < 720 ? "vertical" : "horizontal", anchor: "start", margin: 6 } } },
    };
    if (plot.kind === "panels") {
      const room = width - AXIS_ROOM;
      const columns = Math.max(1, Math.floor((room + PANEL_GAP) / (NARROWEST_PANEL + PANEL_GAP)));
      spec.columns = Math.min(columns, plot.panels);
      spec.spec.width = Math.min(WIDEST_PANEL, Math.floor((room - PANEL_GAP * (spec.columns - 1)) / spec.columns));
      spec.spacing = PANEL_GAP;
    } else {
      spec.width = width;
      spec.height = plot.height;
      spec.autosize = { type: "fit-x", contains: "padding" };
    }
    return spec;
  }

  async function draw(plot) {
    const host = document.getElementById(plot.id);
    const width = Math.floor(host.clientWidth);
    if (!width || host.dataset.width === String(width)) return;
    host.dataset.width = String(width);
    try {
      await vegaEmbed(host, fitted(plot, width), {
        ast: true, actions: false, renderer: "svg", defaultStyle: false, mode: "vega-lite",
        tooltip: { disableDefaultStyle: true },
      });
    } catch (error) {
      host.textContent = `This plot could not be drawn (${error.message}). Its data is in the CSV below.`;
      host.classList.add("failed");
      console.error(error);
    }
  }

  async function drawAll() {
    for (const plot of book.plots) {
      await draw(plot);
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
    document.documentElement.dataset.plots = "drawn";
  }

  let waiting;
  addEventListener("resize", () => { clearTimeout(waiting); waiting = setTimeout(drawAll, 200); });
  // Paper has no triangle to click on: whatever is folded is unfolded for printing, and folded again after it.
  let unfolded = [];
  addEventListener("beforeprint", () => {
    unfolded = [...document.querySelectorAll("details:not([open])")];
    for (const element of unfolded) element.open = true;
  });
  addEventListener("afterprint", () => { for (const element of unfolded) element.open = false; });
  drawAll();
})();
