// Filters the sample answers by words and shows some at a time: a pair stays where it holds every word, in any letter
// case, anywhere in it.
"use strict";
(() => {
  const search = document.getElementById("samples-search");
  if (!search) return;
  const box = document.getElementById("samples-words"),
    found = document.getElementById("samples-found");
  const pairs = [...document.querySelectorAll("#samples .sample")];
  const more = document.getElementById("samples-more");
  const STEP = 20; // rows at a time: all of them are a page of their own
  let texts = null; // read when first needed: the page opens without it
  let shown = STEP;
  const fold = (text) => text.toLowerCase().replace(/\s+/g, " ");

  function matching() {
    const words = fold(box.value).trim().split(" ").filter(Boolean);
    if (!words.length) return pairs;
    texts ??= pairs.map((pair) => fold(pair.textContent));
    return pairs.filter((_, at) => words.every((word) => texts[at].includes(word)));
  }

  function filter() {
    const left = matching();
    const visible = new Set(left.slice(0, shown));
    for (const pair of pairs) pair.hidden = !visible.has(pair);
    more.hidden = left.length <= shown;
    found.textContent = box.value.trim() ? `${left.length} of ${pairs.length} pairs` : "";
  }

  more.addEventListener("click", () => {
    shown += STEP;
    filter();
  });
  addEventListener("beforeprint", () => {
    for (const pair of matching()) pair.hidden = false;
  });
  addEventListener("afterprint", filter);

  let waiting;
  box.addEventListener("input", () => {
    clearTimeout(waiting);
    shown = STEP;
    waiting = setTimeout(filter, 60);
  });
  search.hidden = false;
  filter();
})();
