// How every plot of the page is set: fonts, legends, and the width of what holds it. Used by controls.js and page.js.
// Expressions are interpreted (`ast`), never compiled, so the page's policy can forbid eval.
"use strict";
const Plots = (() => {
  const font = getComputedStyle(document.body).fontFamily;
  const options = {
    ast: true, actions: false, renderer: "svg", defaultStyle: false, mode: "vega-lite", tooltip: { disableDefaultStyle: true },
  };

  const config = (width) => ({
    font, background: "transparent", view: { stroke: null },
    axis: { labelFontSize: 11, titleFontSize: 12, titleFontWeight: "normal" },
    header: { labelFontSize: 12, labelPadding: 4 },
    legend: { orient: "bottom", titleFontWeight: "normal", titleOrient: "left", labelLimit: 140,
              columns: width < 480 ? 2 : 4, direction: "horizontal", labelFontSize: 11,
              layout: { bottom: { direction: width < 720 ? "vertical" : "horizontal", anchor: "start", margin: 6 } } },
  });

  /** A chart of one panel as wide as its place, and how to draw it. */
  function single(chart, width, height) {
    const spec = { ...structuredClone(chart), config: config(width), width, height, autosize: { type: "fit-x", contains: "padding", resize: true } };
    return { spec, options };
  }

  return { config, options, single };
})();
