// Numbers as report/numbers.py spells them. Used by every script that writes one.
"use strict";
const Numbers = (() => {
  // Python rounds an exact tie to the even digit, where JavaScript goes up.
  const MORE = 60; // digits enough to see a tie
  const isTie = (digits) => /^50*$/.test(digits);
  const isEven = (text) => Number(text.at(-1)) % 2 === 0;
  function fixed(value, digits) {
    const exact = value.toFixed(digits + MORE);
    const cut = exact.slice(0, -MORE).replace(/\.$/, "");
    return isTie(exact.slice(-MORE)) && isEven(cut) ? cut : value.toFixed(digits);
  }
  function scientific(value) {
    if (value === 0) return "0";
    const [digits] = value.toExponential(MORE + 2).split("e");
    const cut = digits.slice(0, -MORE);
    const text = value.toExponential(2);
    const [mantissa, exponent] = text.split("e");
    const kept = isTie(digits.slice(-MORE)) && isEven(cut) ? cut : mantissa;
    return `${kept.replace(/0+$/, "").replace(/\.$/, "")}e${Number(exponent)}`;
  }
  const flops = (value) => `${scientific(value)} FLOPs`;
  const percent = (fraction) => `${fixed(100 * fraction, 1)}%`;
  const grouped = (text) => text.replace(/\B(?=(\d{3})+(?!\d))/g, ",");
  const count = (value) => (Math.abs(value) < 1e9 ? grouped(fixed(value, 0)) : scientific(value));
  function probability(value) {
    if (value < 0.005) return "< 0.01";
    return value > 0.995 ? "> 0.99" : fixed(value, 2);
  }
  function probabilityPhrase(value) {
    const text = probability(value);
    return text[0] === "<" ? `below${text.slice(1)}` : text[0] === ">" ? `above${text.slice(1)}` : `of ${text}`;
  }
  /** Three digits: plain from a thousandth to ten thousand, else in powers of ten. */
  function short(value) {
    if (value === 0) return "0";
    return value >= 1e4 || value < 1e-3 ? scientific(value) : String(Number(scientific(value)));
  }
  /** The whole number, as a reader types it: plain where that is short. */
  function spelled(value) {
    const plain = String(value),
      power = value.toExponential().replace("e+", "e");
    return plain.length <= 5 || plain.length <= power.length ? plain : power;
  }
  return { fixed, scientific, flops, percent, count, probability, probabilityPhrase, short, spelled };
})();
