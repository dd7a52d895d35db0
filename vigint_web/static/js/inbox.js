// The list of incidents: its counts, its filters, selecting by touch, keys that walk through it.

const inbox = document.querySelector("[data-inbox]");
const live = document.getElementById("list");
const filters = document.getElementById("filters");
const count = document.getElementById("undecided");
const WIDE = matchMedia("(min-width: 80rem)");
const off = () => document.documentElement.dataset.shortcuts === "off";

/** The bar is not part of what is updated: an open filter stays as it is. */
function showCount() {
  const now = live.querySelector("[data-live]")?.dataset.undecided;
  if (count && now !== undefined && count.textContent !== now) count.textContent = now;
}

function setSelecting(on) {
  inbox.toggleAttribute("data-selecting", on);
  for (const button of inbox.querySelectorAll("[data-select-mode]")) button.setAttribute("aria-pressed", String(on));
  document.dispatchEvent(new CustomEvent("vigint:selecting"));
}

function closeFilters() {
  if (!filters?.open) return false;
  const inside = filters.contains(document.activeElement);
  filters.open = false;
  if (inside) filters.querySelector("summary").focus();
  return true;
}

function openSearch() {
  if (!filters) return false;
  filters.open = true;
  filters.querySelector("#q").focus();
  return true;
}

const links = () => [...live.querySelectorAll(".inbox-type")];

/** Go to the next or previous row, the first time to the first one; beside an incident open it. */
function step(by) {
  const all = links();
  const open = all.findIndex((link) => link.hasAttribute("aria-current"));
  const here = all.includes(document.activeElement) ? all.indexOf(document.activeElement) : open;
  const next = here === -1 ? all[0] : all[here + by];
  if (!next) return all.length > 0;
  next.focus({ preventScroll: true });
  next.closest("li").scrollIntoView({ block: "nearest" });
  if (WIDE.matches) next.click();
  return true;
}

const KEYS = { j: () => step(1), k: () => step(-1), "/": openSearch };

function isFree(target) {
  if (document.querySelector("dialog[open]")) return false;
  return target === document.body || target.matches("main, html, [data-detail], .inbox-type");
}

if (inbox && live) {
  new MutationObserver(showCount).observe(live, { attributes: true, attributeFilter: ["data-undecided"], subtree: true });
  for (const button of inbox.querySelectorAll("[data-select-mode]")) {
    button.hidden = false;
    button.addEventListener("click", () => {
      closeFilters();
      setSelecting(!inbox.hasAttribute("data-selecting"));
    });
  }
  addEventListener("keydown", (event) => {
    if (event.key === "Escape" && closeFilters()) return;
    if (event.ctrlKey || event.altKey || event.metaKey || off()) return;
    if (!(event.target instanceof Element) || !isFree(event.target)) return;
    if (KEYS[event.key]?.()) event.preventDefault();
  });
}
