// Saves the rows of a plot as CSV. They stand in the page once, as what the plot draws.
"use strict";
(() => {
  // A spreadsheet takes a text that begins so for a formula; a quotation mark in front keeps it a text.
  const FORMULA = /^[=+\-@\t\r]/;

  function cell(value) {
    if (value === null) return "";
    if (typeof value !== "string") return typeof value === "boolean" ? (value ? "True" : "False") : String(value);
    const text = FORMULA.test(value) ? `'${value}` : value;
    return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  }

  const written = (rows) => rows.map((row) => row.map(cell).join(",") + "\n").join("");

  async function csv(identity) {
    const own = Explorer.rows(identity);
    if (own !== null) return written([Object.keys(own[0] ?? {}), ...own.map(Object.values)]);
    const book = await Plots.book;
    const table = book.tables[book.plots.find((plot) => plot.id === identity).table];
    return written([table.names, ...table.values]);
  }

  document.addEventListener("click", async (event) => {
    const link = event.target.closest("a[data-csv]");
    if (!link) return;
    event.preventDefault();
    const saving = document.createElement("a");
    saving.href = URL.createObjectURL(new Blob([await csv(link.dataset.csv)], { type: "text/csv;charset=utf-8" }));
    saving.download = `${link.dataset.csv}.csv`;
    saving.click();
    setTimeout(() => URL.revokeObjectURL(saving.href), 10_000);
  });
})();
