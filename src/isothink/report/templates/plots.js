// The plotting library, unpacked beside the page's first answer, and how every plot is set: fonts, legends, width.
// Used by explorer.js and page.js.
// Expressions are interpreted (`ast`), never compiled, so the page's policy can forbid eval.
"use strict";
const Plots = (() => {
  const font = getComputedStyle(document.body).fontFamily;
  const options = {
    ast: true,
    actions: false,
    renderer: "svg",
    defaultStyle: false,
    mode: "vega-lite",
    tooltip: { disableDefaultStyle: true },
  };

  const config = (width) => ({
    font,
    background: "transparent",
    view: { stroke: null },
    axis: { labelFontSize: 11, titleFontSize: 12, titleFontWeight: "normal" },
    axisLeft: { minExtent: 38 }, // labels that change with a control then leave the plot where it is
    header: {
      labelFontSize: width < 480 ? 11 : 12,
      labelPadding: 4,
      titleFontSize: 12,
      titleFontWeight: "normal",
      titlePadding: 4,
    },
    legend: {
      orient: "bottom",
      titleFontWeight: "normal",
      titleOrient: "left",
      labelLimit: 140,
      columns: width < 480 ? 2 : 4,
      direction: "horizontal",
      labelFontSize: 11,
      layout: { bottom: { direction: width < 720 ? "vertical" : "horizontal", anchor: "start", margin: 6 } },
    },
  });

  /** A chart of one panel as wide as its place. */
  function single(chart, width, height) {
    const autosize = { type: "fit-x", contains: "padding" };
    return { ...structuredClone(chart), config: config(width), width, height, autosize };
  }

  /** The text of an element that holds it packed: gzip, in base64. */
  async function unpacked(identity) {
    const packed = Uint8Array.from(atob(document.getElementById(identity).textContent), (byte) => byte.charCodeAt(0));
    return new Response(new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
  }

  /** Runs the library, which stands in the page packed; the policy names its hash, so nothing else would run. */
  async function unpack() {
    const script = document.createElement("script");
    script.textContent = await unpacked("plotting");
    document.head.append(script);
  }

  const ready = unpack();
  ready.catch(() => {}); // told by every plot that waits for it

  /** Draws a specification into an element. */
  async function embed(host, spec, more = {}) {
    await ready;
    return vegaEmbed(host, spec, { ...options, ...more });
  }

  /** The charts and the rows of all plots below the first screen. */
  const book = unpacked("plots").then(JSON.parse);
  book.catch(() => {}); // told by whoever waits for it

  return { single, embed, book };
})();
