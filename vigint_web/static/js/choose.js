// Selects rows of a list: counts them, selects a whole page, or a range with the shift key.

const list = document.querySelector("#list, #live");
const bar = document.querySelector("[data-bulk]");
const whole = document.querySelector("[data-select-page]");

const boxes = () => [...list.querySelectorAll("input[type=checkbox][form=chosen]")];
// Where boxes appear on request only, the bar does so with them.
const mode = document.querySelector("[data-select-mode]");
const isSelecting = () => Boolean(list.closest("[data-selecting]"));
let last = null;

// Pages are never stored, so that not every browser restores the ticked boxes when it goes back.
const KEPT = `vigint-chosen ${location.pathname}${location.search}`;

function keep() {
  const chosen = boxes().filter((box) => box.checked);
  sessionStorage.setItem(KEPT, JSON.stringify(chosen.map((box) => box.value)));
}

function restore() {
  const [visit] = performance.getEntriesByType("navigation");
  const chosen = visit?.type === "back_forward" ? JSON.parse(sessionStorage.getItem(KEPT) ?? "[]") : [];
  for (const box of boxes()) box.checked ||= chosen.includes(box.value);
}

function show() {
  const all = boxes();
  const chosen = all.filter((box) => box.checked).length;
  const words = bar.querySelector("[data-bulk-count]");
  const { none, one, many } = words.dataset;
  const told = chosen === 0 ? none : chosen === 1 ? one : many.replace("{number}", chosen);
  keep();
  bar.hidden = chosen === 0 && !isSelecting();
  if (!bar.hidden && told && words.textContent !== told) words.textContent = told;
  const box = whole.querySelector("input");
  box.checked = chosen > 0 && chosen === all.length;
  box.indeterminate = chosen > 0 && chosen < all.length;
  whole.hidden = all.length === 0;
}

function chooseAll(checked) {
  for (const box of boxes()) box.checked = checked;
  show();
}

/** With the shift key select all rows from the previous one to this one. */
function chooseStretch(box) {
  const all = boxes();
  const [from, to] = [all.indexOf(last), all.indexOf(box)];
  if (from === -1) return;
  for (const one of all.slice(Math.min(from, to), Math.max(from, to) + 1)) one.checked = box.checked;
}

if (bar && whole) {
  list.addEventListener("click", (event) => {
    const box = event.target.closest("input[type=checkbox][form=chosen]");
    if (!box) return;
    if (event.shiftKey && last) chooseStretch(box);
    last = box;
    show();
  });
  whole.addEventListener("change", (event) => chooseAll(event.target.checked));
  const none = bar.querySelector("[data-bulk-none]");
  none.hidden = false;
  none.addEventListener("click", () => {
    chooseAll(false);
    // The bar is gone, and the focus with it.
    if (bar.hidden) (bar.contains(whole) ? mode : whole.querySelector("input"))?.focus();
  });
  // Rows change while the page updates automatically.
  new MutationObserver(show).observe(list, { childList: true, subtree: true });
  restore();
  addEventListener("pageshow", show);
  document.addEventListener("vigint:selecting", show);
  show();
}
