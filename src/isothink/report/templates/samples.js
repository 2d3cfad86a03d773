// Filters the sample answers by words: a pair stays where it holds every word, in any letter case, anywhere in it.
"use strict";
(() => {
  const search = document.getElementById("samples-search");
  if (!search) return;
  const box = document.getElementById("samples-words"),
    found = document.getElementById("samples-found");
  const pairs = [...document.querySelectorAll("#samples .sample")];
  let texts = null; // read when first needed: the page opens without it
  const fold = (text) => text.toLowerCase().replace(/\s+/g, " ");

  function filter() {
    texts ??= pairs.map((pair) => fold(pair.textContent));
    const words = fold(box.value).trim().split(" ").filter(Boolean);
    let left = 0;
    pairs.forEach((pair, at) => {
      const holds = words.every((word) => texts[at].includes(word));
      pair.hidden = !holds;
      if (holds) left += 1;
    });
    found.textContent = words.length ? `${left} of ${pairs.length} pairs` : "";
  }

  let waiting;
  box.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(filter, 60);
  });
  search.hidden = false;
})();
