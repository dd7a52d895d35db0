// Updates a page part by part: unchanged parts are not touched, parts in use are kept.
//
// A part is an element with `data-part`, a name unique among its siblings. Parts are in the element
// with `data-live`, and, inside a part, in elements with `data-parts` (the rows of a list, the
// sections of a column). Content that scripts build from an element with `data-keep` is left alone
// while its key stays; `vigint:changed` is dispatched for every new part.

import { enhance } from "./app.js";

// The server's last HTML of an element. Scripts change elements; only the server's changes count.
const served = new WeakMap();
const TYPED = "input:not([type=hidden]), textarea, select, [contenteditable]";
const TICKED = "input:is([type=checkbox], [type=radio])";

/** Return a part's HTML without values that differ in each answer, or by use. */
function comparable(part) {
  const copy = part.cloneNode(true);
  for (const input of copy.querySelectorAll("input[name=csrf_token]")) input.setAttribute("value", "");
  // Elements that need scripts are hidden initially.
  for (const button of copy.querySelectorAll("button")) {
    button.hidden = false;
    button.classList.remove("copied");
  }
  for (const open of [copy, ...copy.querySelectorAll("details[open], dialog[open]")]) open.removeAttribute("open");
  // A component that scripts rebuild is identified by its key alone.
  for (const kept of copy.querySelectorAll("[data-keep]")) kept.replaceWith(kept.dataset.keep);
  for (const list of copy.querySelectorAll("[data-parts]")) list.textContent = "";
  return copy.outerHTML.replace(/ class=""/g, "");
}

function isPlayed(video) {
  return !video.ended && (!video.paused || video.currentTime > 0);
}

/** Return whether there is unsent input. */
function isFilledIn(field) {
  if (field.matches(TICKED)) return false; // carried over, see `replace`
  if (field.options) {
    const given = [...field.options].findLastIndex((one) => one.defaultSelected);
    return field.selectedIndex !== Math.max(given, 0);
  }
  return field.type !== "hidden" && field.value !== field.defaultValue;
}

function byId(part, id) {
  return part.id === id ? part : part.querySelector(`#${CSS.escape(id)}`);
}

/** Return the element of a new part that corresponds to the focused one of the old part. */
function twin(focused, fresh) {
  if (focused.id) return byId(fresh, focused.id);
  // Its words may count.
  const { localName, parentElement } = focused;
  if (localName === "summary" && parentElement.id) return byId(fresh, parentElement.id)?.querySelector("summary");
  const target = focused.getAttribute("href");
  return [...fresh.querySelectorAll(focused.localName)].find(
    (one) => one.getAttribute("href") === target && one.textContent === focused.textContent,
  );
}

function isInUse(part, fresh) {
  if (part.matches(":active")) return true;
  if (part.querySelector("dialog[open], .confirm[open], details[open]:not([id])")) return true;
  if ([...part.querySelectorAll("video")].some(isPlayed)) return true;
  if ([...part.querySelectorAll("input, textarea, select")].some(isFilledIn)) return true;
  if (part.contains(document.fullscreenElement)) return true;
  const focused = document.activeElement;
  if (part.contains(focused) && (focused.matches(TYPED) || !twin(focused, fresh))) return true;
  const selected = getSelection();
  return selected.rangeCount > 0 && !selected.isCollapsed && selected.containsNode(part, true);
}

function changed(element) {
  enhance(element);
  document.dispatchEvent(new CustomEvent("vigint:changed", { detail: element }));
}

/** Open what was open. A list in one with `data-still` keeps its height and what it shows until it is
    closed: nothing below it moves, and what was added is reached by scrolling. */
function reopen(old, fresh) {
  const opened = [old, ...old.querySelectorAll("details[open][id]")].filter((one) => one.matches("details[open][id]"));
  return opened.map((before) => {
    const after = byId(fresh, before.id);
    if (!after) return () => {};
    after.open = true;
    const [shown, list] = [before, after].map((one) => one.matches("[data-still]") && one.querySelector("ol, ul"));
    if (!shown || !list) return () => {};
    const { scrollTop } = shown;
    const { height } = shown.getBoundingClientRect();
    const first = shown.querySelector("a")?.getAttribute("href");
    return () => {
      list.style.height = `${height}px`;
      list.style.overflowY = "auto";
      const same = [...list.querySelectorAll("a")].find((link) => link.getAttribute("href") === first);
      list.scrollTop = scrollTop + (same ? same.closest("li").offsetTop - list.querySelector("li").offsetTop : 0);
      after.addEventListener("toggle", () => after.open || list.removeAttribute("style"));
    };
  });
}

function replace(old, fresh) {
  const focused = old.contains(document.activeElement) ? twin(document.activeElement, fresh) : null;
  const settled = reopen(old, fresh);
  const boxes = [...fresh.querySelectorAll(TICKED)];
  for (const box of old.querySelectorAll(TICKED)) {
    const same = boxes.find((one) => one.name === box.name && one.value === box.value);
    if (same && box.checked !== box.defaultChecked) same.checked = box.checked;
  }
  // Reuse a loaded picture instead of fetching and decoding it again.
  const pictures = [...old.querySelectorAll("img")];
  for (const picture of fresh.querySelectorAll("img")) {
    const known = pictures.find((one) => one.outerHTML === picture.outerHTML);
    if (known) picture.replaceWith(known);
  }
  old.replaceWith(fresh);
  for (const settle of settled) settle();
  changed(fresh);
  focused?.focus({ preventScroll: true });
}

function partsOf(place) {
  return [...place.children].filter((child) => child.dataset.part);
}

/** Return a part's own lists; those of nested parts are updated with them. */
function listsOf(part) {
  return [...part.querySelectorAll("[data-parts]")].filter(
    (list) => list.parentElement.closest("[data-part]") === part,
  );
}

function renew(old, fresh) {
  const sent = comparable(fresh);
  const same = (served.get(old) ?? comparable(old)) === sent;
  if (!same) {
    if (isInUse(old, fresh)) return;
    served.set(fresh, sent);
    replace(old, fresh);
    return;
  }
  served.set(old, sent);
  const lists = listsOf(old);
  const freshLists = listsOf(fresh);
  lists.forEach((list, n) => reconcile(list, freshLists[n]));
}

/** Make a container hold the new parts, in their order, moving only misplaced ones. */
function reconcile(place, fresh) {
  const old = new Map(partsOf(place).map((part) => [part.dataset.part, part]));
  const wanted = partsOf(fresh);
  const names = new Set(wanted.map((part) => part.dataset.part));
  const left = new Set();
  for (const [name, part] of old) {
    if (names.has(name)) continue;
    if (isInUse(part, document.createElement("i"))) left.add(part);
    else part.remove();
  }
  let next = place.firstElementChild;
  for (const part of wanted) {
    while (next && (!next.dataset.part || left.has(next))) next = next.nextElementSibling;
    const there = old.get(part.dataset.part);
    if (!there) {
      served.set(part, comparable(part));
      place.insertBefore(document.adoptNode(part), next);
      changed(part);
      continue;
    }
    if (there === next) next = next.nextElementSibling;
    else place.insertBefore(there, next);
    renew(there, part);
  }
}

/** Return the sentence about the number of entries inserted before or among the known ones.
    Those after the last known one only fill the page where another one left it. */
function news(shown, fresh) {
  const known = new Set([...shown.querySelectorAll("[data-parts] > [data-part]")].map((one) => one.dataset.part));
  for (const list of fresh.querySelectorAll("[data-parts][data-says-one]")) {
    // Headings between the entries are none.
    const entries = partsOf(list).filter((part) => !part.hasAttribute("data-heading"));
    const names = entries.map((part) => part.dataset.part);
    const last = names.findLastIndex((name) => known.has(name));
    const count = (last === -1 ? names : names.slice(0, last)).filter((name) => !known.has(name)).length;
    if (count === 1) return list.dataset.saysOne;
    if (count > 1) return list.dataset.saysMany.replace("{number}", count);
  }
  return "";
}

/** Update the content; return the text for screen readers. */
export function update(shown, fresh) {
  const says = [news(shown, fresh)];
  if (shown.dataset.liveSays !== fresh.dataset.liveSays) says.push(fresh.dataset.liveSays ?? "");
  // For browsers without scroll anchoring.
  const held = CSS.supports("overflow-anchor", "auto") ? null : firstInView(shown);
  const top = held?.getBoundingClientRect().top;
  reconcile(shown, fresh);
  if (held?.isConnected) scrollBy(0, held.getBoundingClientRect().top - top);
  for (const { name } of [...shown.attributes]) {
    if (name.startsWith("data-") && !fresh.hasAttribute(name)) shown.removeAttribute(name);
  }
  for (const { name, value } of fresh.attributes) {
    if (name.startsWith("data-")) shown.setAttribute(name, value);
  }
  return says.filter(Boolean).join(" ");
}

function firstInView(shown) {
  if (scrollY === 0) return null;
  return [...shown.querySelectorAll("[data-part]")].find((part) => part.getBoundingClientRect().top >= 0);
}
